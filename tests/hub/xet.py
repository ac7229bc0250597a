"""Hub peer: the Xet store: files made of chunks of xorbs, and the formats of both."""

from __future__ import annotations

import hashlib
import secrets
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from hub.answers import HubError
from hub.objects import Objects

_CHUNK = 64 * 1024
_CHUNKS_A_XORB = 512
_HEADER = 8
_MARK = b"\xff" * 32


@dataclass(frozen=True)
class Term:
    """A run of chunks [first, last) of one xorb: `size` bytes of a file."""

    xorb: str
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Chunk:
    """A chunk at [start, end) of a stored xorb, header included; `size` bytes when unpacked."""

    start: int
    end: int
    scheme: int
    size: int


class Xet:
    """The files of the Xet store, by hash; `of` gives a content's hash by its SHA-256."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.of: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self._terms: dict[str, list[Term]] = {}
        self._content: dict[str, str] = {}
        self._lock = threading.RLock()

    def deposit(self, sha256: str) -> None:
        """Make an LFS object available in Xet; its chunks are cut when first asked for.

        No client checks a Xet hash against the bytes, so any name will do.
        """
        if sha256 not in self.of:
            name = hashlib.sha256(b"xet" + sha256.encode()).hexdigest()
            self.of[sha256], self._content[name] = name, sha256

    def grant(self, scope: str) -> str:
        """A new token to read or write with."""
        token = f"xet_{secrets.token_hex(8)}"
        self.tokens[token] = scope
        return token

    def terms(self, name: str) -> list[Term]:
        """How a file is made; HubError when there is none."""
        with self._lock:
            if name not in self._terms:
                if name not in self._content:
                    raise HubError(404, "no such file")
                path = self.objects.path("lfs", self._content[name])
                self._terms[name] = list(self._cut(name, path.read_bytes()))
            return self._terms[name]

    def _cut(self, name: str, data: bytes) -> Iterator[Term]:
        for at in range(0, len(data), _CHUNK * _CHUNKS_A_XORB):
            part = data[at : at + _CHUNK * _CHUNKS_A_XORB]
            pieces = [part[start : start + _CHUNK] for start in range(0, len(part), _CHUNK)]
            xorb = hashlib.sha256(f"{name} {at}".encode()).hexdigest()
            self.objects.put("xorb", xorb, b"".join(map(stored, pieces)))
            yield Term(xorb, len(part), 0, len(pieces))

    def register(self, name: str, sha256: str, terms: list[Term]) -> None:
        """A file that a shard announces; its content is checked and kept for plain HTTP too."""
        if not all(self.objects.has("xorb", term.xorb) for term in terms):
            raise HubError(400, "shard refers to a xorb that does not exist")
        content = b"".join(self._unpacked(term) for term in terms)
        self.objects.lfs(content, sha256)
        with self._lock:
            self._terms[name], self._content[name], self.of[sha256] = terms, sha256, name

    def _unpacked(self, term: Term) -> bytes:
        data = self.objects.path("xorb", term.xorb).read_bytes()
        table = chunks(data)
        if term.last > len(table):
            raise HubError(400, "shard refers to a chunk that does not exist")
        return b"".join(unpack(data, chunk) for chunk in table[term.first : term.last])

    def corrupt(self, sha256: str) -> None:
        """Other bytes of the same size behind a file's hash."""
        for term in self._terms.get(self.of.get(sha256, ""), [])[:1]:
            data = self.objects.path("xorb", term.xorb).read_bytes()
            chunk = chunks(data)[term.first]
            content = bytearray(unpack(data, chunk))
            content[0] ^= 0xFF
            changed = data[: chunk.start] + stored(bytes(content)) + data[chunk.end :]
            self.objects.put("xorb", term.xorb, changed)


def printed(raw: bytes) -> str:
    """A Xet hash as it is written: four little-endian numbers of 64 bits."""
    return "".join(raw[at : at + 8][::-1].hex() for at in range(0, 32, 8))


def stored(data: bytes) -> bytes:
    """A chunk of a xorb, not compressed."""
    size = len(data).to_bytes(3, "little")
    return b"\0" + size + b"\0" + size + data


def chunks(xorb: bytes) -> list[Chunk]:
    """The chunks of a xorb, in order; what follows them (a footer) is left out."""
    found, at = [], 0
    while at + _HEADER <= len(xorb) and xorb[at] == 0:
        packed = int.from_bytes(xorb[at + 1 : at + 4], "little")
        size = int.from_bytes(xorb[at + 5 : at + 8], "little")
        found.append(Chunk(at, at + _HEADER + packed, xorb[at + 4], size))
        at += _HEADER + packed
    return found


def unpack(xorb: bytes, chunk: Chunk) -> bytes:
    """A chunk's content: stored, LZ4, or LZ4 of the bytes grouped by their place in four."""
    packed = xorb[chunk.start + _HEADER : chunk.end]
    if chunk.scheme == 0:
        return packed
    import lz4.frame  # type: ignore[import-untyped]  # has no types

    data: bytes = lz4.frame.decompress(packed)
    return _regrouped(data, chunk.size) if chunk.scheme == 2 else data


def _regrouped(data: bytes, size: int) -> bytes:
    made, at = bytearray(size), 0
    for place in range(4):
        count = len(made[place::4])
        made[place::4] = data[at : at + count]
        at += count
    return bytes(made)


def parse_shard(data: bytes) -> Iterator[tuple[str, str, list[Term]]]:
    """The files of a shard: hash, SHA-256 of the content, terms."""
    if len(data) < 48 or struct.unpack_from("<Q", data, 32)[0] != 2:
        raise HubError(400, "bad shard version")
    at = 48
    while data[at : at + 32] != _MARK:
        name = printed(data[at : at + 32])
        flags, count = struct.unpack_from("<II", data, at + 32)
        at += 48
        terms = [_term(data, at + 48 * number) for number in range(count)]
        at += 48 * count * (2 if flags & 1 << 31 else 1)
        if not flags & 1 << 30:
            raise HubError(400, "a file without its SHA-256")
        yield name, printed(data[at : at + 32]), terms
        at += 48


def _term(data: bytes, at: int) -> Term:
    _, size, first, last = struct.unpack_from("<IIII", data, at + 32)
    return Term(printed(data[at : at + 32]), size, first, last)
