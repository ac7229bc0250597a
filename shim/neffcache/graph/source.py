"""Noun: a graph's bytes by position, in memory when small, else through a window; never mapped."""

import posix

from neffcache import files
from neffcache.graph import wire

# A file that shrinks under mmap kills the process; a short pread is an error one can tell.
WHOLE = 64 << 20
WINDOW = 4 << 20
PART = 1 << 20
_HEADER = 32  # no header of a field is longer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Source:
    """Bytes with positions.

    Attributes:
        size: how many there are.
        data: those in memory.
        base: the position of the first of them; 0 for ever when `data` is everything.
    """

    __slots__ = ("base", "data", "fd", "size")

    def __init__(self, fd: int, size: int, whole: int = WHOLE) -> None:
        """Read an open file; OSError when it cannot be read or is shorter than `size`."""
        self.fd = fd
        self.size = size
        self.base = 0
        self.data = self._read(0, size) if size <= whole else b""

    @classmethod
    def of(cls, data: bytes) -> "Source":
        """Bytes that are in memory."""
        made = cls(-1, 0)
        made.size = len(data)
        made.data = data
        return made

    def load(self, at: int, need: int) -> None:
        """Have `need` bytes from `at` on in `data`, or all up to the end of the file."""
        stop = min(at + need, self.size)
        if at < self.base or stop > self.base + len(self.data):
            self.data = b""  # never two windows at once
            self.data = self._read(at, min(at + max(need, WINDOW), self.size))
            self.base = at

    def read(self, begin: int, end: int) -> bytes:
        """A copy of some bytes."""
        if begin >= self.base and end <= self.base + len(self.data):
            return self.data[begin - self.base : end - self.base]
        return self._read(begin, end)

    def parts(self, begin: int, end: int) -> "Iterator[bytes | memoryview]":
        """The same in parts of bounded size."""
        if begin == 0 and end == len(self.data):
            yield self.data
            return
        if begin >= self.base and end <= self.base + len(self.data):
            yield memoryview(self.data)[begin - self.base : end - self.base]
            return
        while begin < end:
            stop = min(begin + PART, end)
            yield self._read(begin, stop)
            begin = stop

    def _read(self, begin: int, end: int) -> bytes:
        parts = []
        while begin < end:
            part = posix.pread(self.fd, end - begin, begin)
            if not part:
                raise OSError(5, "the graph became shorter while it was read")  # EIO
            parts.append(part)
            begin += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def field(source: Source, at: int, end: int) -> "wire.Field":
    """The field at a position of a source, within a message that ends at `end`."""
    source.load(at, _HEADER)
    base = source.base
    tag, start, value, stop = wire.field(source.data, at - base)
    if stop + base > end:
        raise wire.Malformed("a field is longer than its message")
    return tag, start + base, value + base, stop + base


def fields(source: Source, at: int, end: int) -> "Iterator[wire.Field]":
    """The fields of a message of any size, by position."""
    while at < end:
        found = field(source, at, end)
        at = found[3]
        yield found


def open_file(path: str) -> Source:
    """Open a regular file for as long as the process lives with it; close `fd` when done."""
    fd = files.open_read(path)
    try:
        return Source(fd, posix.fstat(fd).st_size)
    except BaseException:
        posix.close(fd)
        raise
