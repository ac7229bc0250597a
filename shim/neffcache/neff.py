"""Noun: whether a NEFF is complete: its header, and the tar behind it walked to the end."""

import struct
import zlib

from neffcache.payload import Payload

HEADER = 1024
# One of these stands in every NEFF.
LANDMARKS = (b"neff.json", b"kelf-0.json", b"sg00/def.json")
_GZIP = b"\x1f"  # by its first byte alone: that is all that the first piece may hold
_BLOCK = 512
_ROOM = 1 << 20


class Check:
    """Fed a NEFF piece by piece, in bounded memory, tells at the end whether it is complete."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._head = b""
        self._left = 0
        self._gunzip: zlib._Decompress | None = None
        self._payload = Payload()
        self._tar = _TarWalk(self._payload)
        self._problem = ""
        self._started = False

    def feed(self, data: bytes) -> None:
        """The next bytes of the file; after a problem they are ignored."""
        if self._problem:
            return
        if len(self._head) < HEADER:
            need = HEADER - len(self._head)
            self._head, data = self._head + data[:need], data[need:]
            if len(self._head) < HEADER:
                return
            self._problem = self._read_header()
        if not self._problem and data and self._left:
            self._body(data[: self._left])

    def finish(self) -> str:
        """What is wrong with the file, or "" when it is complete."""
        if self._problem:
            return self._problem
        if len(self._head) < HEADER:
            return f"only {len(self._head)} bytes"
        if self._left:
            return f"{self._left} bytes of data are missing"
        if self._gunzip is not None and not self._gunzip.eof:
            return "the compressed data ends early"
        return self._tar.finish()

    def stopped(self) -> str:
        """What is wrong as far as it was fed; a header that was given whole may still be."""
        if not self._problem and len(self._head) < HEADER:
            return f"only {len(self._head)} bytes"
        return self._problem

    def payload(self) -> str:
        """The digest of its payload (see Payload), of a complete file."""
        return self._payload.digest()

    def _read_header(self) -> str:
        header_size, data_size = struct.unpack_from("<QQ", self._head, 8)
        if header_size != HEADER:
            return f"header size {header_size} instead of {HEADER}"
        if data_size == 0 or HEADER + data_size > self._size:
            return f"{data_size} bytes of data in a file of {self._size}"
        self._left = data_size
        self._payload.header(self._head)
        return ""

    def _body(self, data: bytes) -> None:
        self._left -= len(data)
        if not self._started:
            self._started = True
            if data[:1] == _GZIP:
                self._gunzip = zlib.decompressobj(31)
        if self._gunzip is None:
            self._tar.feed(data)
            return
        try:
            self._inflate(data)
        except zlib.error as error:
            self._problem = f"the compressed data is damaged ({error})"

    def _inflate(self, data: bytes) -> None:
        while data and self._gunzip is not None:
            self._tar.feed(self._gunzip.decompress(data, _ROOM))
            data = self._gunzip.unconsumed_tail
            if self._gunzip.eof:
                data = self._gunzip.unused_data.lstrip(b"\0")
                if data:  # a further gzip member follows
                    self._gunzip = zlib.decompressobj(31)


class _TarWalk:
    """Steps over a tar's members without keeping any; shows them to the payload."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._pending = b""
        self._skip = 0  # bytes up to the next member: content, then padding
        self._content = 0
        self._found = False
        self._ended = False
        self._problem = ""

    def feed(self, data: bytes) -> None:
        """The next bytes of the tar."""
        while data and not self._ended and not self._problem:
            if self._skip:
                data = data[self._pass(data) :]
                continue
            need = _BLOCK - len(self._pending)
            self._pending, data = self._pending + data[:need], data[need:]
            if len(self._pending) == _BLOCK:
                self._member(self._pending)
                self._pending = b""

    def _pass(self, data: bytes) -> int:
        """Take bytes of a member: how many."""
        step = min(self._skip, len(data))
        self._skip -= step
        if self._content:
            own = min(step, self._content)
            self._content -= own
            self._payload.content(data[:own])
            if not self._content:
                self._payload.end()
        return step

    def finish(self) -> str:
        """What is wrong, or ""."""
        if self._problem:
            return self._problem
        if self._skip or self._pending:
            return "the archive ends inside a member"
        if not self._found:
            return "the archive has no neff.json, kelf-0.json or sg00/def.json"
        return ""

    def _member(self, block: bytes) -> None:
        if not block.strip(b"\0"):
            self._ended = True
            return
        total = sum(block) - sum(block[148:156]) + 8 * 32
        try:
            if int(block[148:156].strip(b"\0 "), 8) != total:
                raise ValueError
            size = _number(block[124:136])
        except ValueError:
            self._problem = "the archive has a damaged member"
            return
        name = block[:100].rstrip(b"\0")
        self._found = self._found or name.removeprefix(b"./") in LANDMARKS
        self._skip = -(-size // _BLOCK) * _BLOCK
        self._content = size
        self._payload.member(block, size)
        if not size:
            self._payload.end()


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.strip(b"\0 ") or b"0", 8)
