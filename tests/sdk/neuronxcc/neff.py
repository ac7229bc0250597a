"""The NEFF file: a 1024-byte header, then a tar; written to a file, never held in memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import struct
import tarfile
from collections.abc import Iterator
from typing import IO, Any

HEADER_SIZE = 1024
FULL_VERSION = b"2.21.33363.0+82129205"
_HEADER = struct.Struct("<5Q128sI32s16s256sI64sQI")
_FIELDS = (
    "pkg_version",
    "header_size",
    "data_size",
    "version_major",
    "version_minor",
    "build_version",
    "num_tpb",
    "hash",
    "uuid",
    "name",
    "requested_tpb_count",
    "tpb_per_node",
    "feature_bits",
    "lnc_size",
)
EXECUTABLE = "sg00/executable.bin"
_BLOCK = 1 << 20


class NeffError(ValueError):
    """The file is not a complete NEFF of this compiler."""


class _Digesting(io.RawIOBase):
    """A file opened for writing that digests and counts what passes."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)


class _Noise(io.RawIOBase):
    """A stream of bytes that do not compress, to pad a NEFF."""

    def read(self, size: int = -1) -> bytes:
        return os.urandom(size)


def write(path: str, info: dict[str, Any], executable: bytes, padding: int, packed: bool) -> None:
    """Write a NEFF: `info` becomes neff.json, `padding` is a number of incompressible bytes."""
    with open(path, "wb") as file:
        file.write(bytes(HEADER_SIZE))
        sink = _Digesting(file)
        if packed:
            # Storing is enough for padding, and keeps a gigabyte from taking half a minute.
            level = 0 if padding else 1
            with gzip.GzipFile("", "wb", level, fileobj=sink) as stream:
                _archive(stream, info, executable, padding)
        else:
            _archive(sink, info, executable, padding)
        file.seek(0)
        file.write(_header(info, sink.size, sink.digest.digest()))


def _archive(sink: Any, info: dict[str, Any], executable: bytes, padding: int) -> None:
    with tarfile.open(fileobj=sink, mode="w|") as tar:
        for name, content in _members(info, executable):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        if padding:
            member = tarfile.TarInfo("sg00/padding.bin")
            member.size = padding
            tar.addfile(member, _Noise())


def _members(info: dict[str, Any], executable: bytes) -> Iterator[tuple[str, bytes]]:
    yield "neff.json", _json(info)
    yield "kelf-0.json", _json({"graph": "sg00", "version": "1.0"})
    yield "sg00/def.json", _json({"inputs": info["inputs"], "outputs": info["outputs"]})
    yield EXECUTABLE, executable


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()


def _header(info: dict[str, Any], size: int, digest: bytes) -> bytes:
    cores = int(info["effective_flags"].get("logical-nc-config", 1))
    header = _HEADER.pack(
        2,  # package version 2: the hash is a sha256
        HEADER_SIZE,
        size,
        2,
        21,
        FULL_VERSION,
        1,
        digest,
        os.urandom(16),
        str(info["name"]).encode("utf-8", "backslashreplace")[:255],
        1,
        bytes([1]),
        0,
        cores,
    )
    return header.ljust(HEADER_SIZE, b"\0")


def read_header(path: str) -> dict[str, Any]:
    """The header's fields by name; text fields without their padding."""
    with open(path, "rb") as file:
        raw = file.read(HEADER_SIZE)
    if len(raw) < HEADER_SIZE:
        raise NeffError(f"{path}: shorter than a NEFF header")
    fields: dict[str, Any] = dict(zip(_FIELDS, _HEADER.unpack_from(raw), strict=True))
    for name in ("build_version", "name"):
        fields[name] = fields[name].rstrip(b"\0").decode("utf-8", "replace")
    return fields


def read(path: str, *names: str) -> list[bytes]:
    """The named members, after checking that the file is complete."""
    header = read_header(path)
    if header["header_size"] != HEADER_SIZE:
        raise NeffError(f"{path}: not a NEFF")
    if os.path.getsize(path) < HEADER_SIZE + header["data_size"] or not header["data_size"]:
        raise NeffError(f"{path}: truncated")
    found: dict[str, bytes] = {}
    try:
        with open(path, "rb") as file:
            file.seek(HEADER_SIZE)
            with tarfile.open(fileobj=file, mode="r|*") as tar:
                for member in tar:
                    stream = tar.extractfile(member) if member.name in names else None
                    if stream:
                        found[member.name] = stream.read()
        return [found[name] for name in names]
    except (tarfile.TarError, OSError, EOFError, KeyError) as broken:
        raise NeffError(f"{path}: damaged: {broken}") from None


def info(path: str) -> dict[str, Any]:
    """The NEFF's neff.json."""
    stated: dict[str, Any] = json.loads(read(path, "neff.json")[0])
    return stated


def copy(source: str, sink: IO[bytes], limit: int | None = None) -> None:
    """Append the bytes of a file (at most `limit`) to an open one."""
    left = os.path.getsize(source) if limit is None else limit
    with open(source, "rb") as file:
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            sink.write(block)
            left -= len(block)
