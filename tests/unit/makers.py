"""Small things that unit tests are made of: NEFFs, bundles, settings, other processes."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from neffcache import config, files
from neffcache.entry import build, index, wrapped
from neffcache.entry.index import Index
from neffcache.entry.read import Bundle, open_bundle
from neffcache.options import Config

KEY = "0123456789abcdef" * 4
OTHER_KEY = "f" * 64
MANIFEST = b'{"schema":1}'


def tar(members: Mapping[str, bytes]) -> bytes:
    """A plain tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def header(data_size: int, header_size: int = 1024) -> bytes:
    """A NEFF's header, everything but the sizes left empty."""
    return struct.pack("<QQQ", 2, header_size, data_size).ljust(1024, b"\0")


def neff(*, packed: bool = True, content: bytes = b"{}" * 100, uuid: bytes = b"u" * 16) -> bytes:
    """A complete small NEFF."""
    body = tar({"neff.json": content, "sg00/def.json": b"{}"})
    if packed:
        body = gzip.compress(body, mtime=0)
    head = bytearray(header(len(body)))
    head[0xCC:0xDC] = uuid
    return bytes(head) + body


def write_bundle(
    path: Path, files_of: Mapping[str, bytes], *, key: str = KEY, seconds: float = 1.5
) -> Index:
    """A bundle of files by role; a wrapped one that holds the NEFF is stored as its own rest."""
    head = Index(key, seconds, (len(MANIFEST), files.digest(MANIFEST)))
    opened = [_open(data) for data in files_of.values()]
    out = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        sources = []
        for (role, data), fd in zip(files_of.items(), opened, strict=True):
            source = build.Source(role, index.PLACES[role][0], fd, len(data))
            if role == index.WRAPPED:
                neff_size = len(files_of[index.NEFF])
                source.segments = wrapped.find(fd, len(data), opened[0], neff_size)
            sources.append(source)
        build.write(out, head, MANIFEST, sources, lambda _data: None)
    finally:
        for fd in (*opened, out):
            os.close(fd)
    return head


def _open(data: bytes) -> int:
    fd = os.memfd_create("part")
    os.write(fd, data)
    return fd


@contextmanager
def opened(path: Path, key: str = KEY) -> Iterator[Bundle]:
    """An open bundle."""
    bundle = open_bundle(str(path), key)
    try:
        yield bundle
    finally:
        bundle.close()


def settings(**values: str) -> Config:
    """Settings as an environment with only these would give them."""
    environ = {"NEFFCACHE_" + name.upper(): value for name, value in values.items()}
    return config.load({name.encode(): os.fsencode(value) for name, value in environ.items()})


def start(code: str, *argv: str, **variables: str) -> subprocess.Popen[str]:
    """Another Python that runs some code; its output is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )


def run(code: str, *argv: str, **variables: str) -> str:
    """What such a Python prints; it must end well."""
    with start(code, *argv, **variables) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.strip()


def open_files() -> list[str]:
    """The descriptors of this process, by what they lead to."""
    return sorted(os.readlink(f"/proc/self/fd/{name}") for name in _listing())


def _listing() -> list[str]:
    return [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
