"""Noun: a graph as it lies on disk: its bytes' digest, and what a walk over them came to."""

import posix

from neffcache import files
from neffcache.invocation import Bypass

RAW, STRICT, CANONICAL = "raw", "strict", "canonical"
# The formats of everything that digests graphs; part of every alias (a house test compares them).
FORMATS = "hlo 1, mlir-text 1, mlir-bytecode 1, directory 1"
UNREADABLE = "graph_unreadable"


class Bytes:
    """A graph's bytes.

    Attributes:
        digest: SHA-256 of a file, or over the names and digests of a directory's files.
        size: how many.
        changed: when any of its files last changed in any way (ns): content that was swapped and
            put back shows itself here.
        is_directory: whether it is one.
    """

    __slots__ = ("changed", "digest", "is_directory", "size")

    def __init__(self, digest: str, size: int, changed: int, is_directory: bool) -> None:
        self.digest = digest
        self.size = size
        self.changed = changed
        self.is_directory = is_directory


class Graph:
    """What a graph says.

    Attributes:
        level: how much was normalised; form: what it was read as; digest: 64 hex digits.
        size: bytes read.
        changed: when a file of it, or one in the key beside it, last changed (ns).
        reasons: why the level is not the one that was asked for.
        outside: path -> (digest, bytes) of every file that it names, as found for its digest.
    """

    __slots__ = ("changed", "digest", "form", "level", "outside", "reasons", "size")

    def __init__(self, level: str, form: str, digest: str) -> None:
        self.level = level
        self.form = form
        self.digest = digest
        self.size = 0
        self.changed = 0
        self.reasons: tuple[str, ...] = ()
        self.outside: dict[str, tuple[str, int]] = {}

    def text(self) -> str:
        """As it stands in a key."""
        return f"{self.level} {self.form} {self.digest}"


def read(path: str) -> Bytes:
    """Digest a graph's bytes.

    Raises:
        Bypass: it cannot be read, or is neither a file nor a plain directory.
    """
    try:
        state = posix.stat(path)
        if files.is_regular(state.st_mode):
            return Bytes(*hash_file(path), state.st_ctime_ns, False)
        if files.is_directory(state.st_mode):
            return _read_directory(path)
    except OSError as error:
        raise Bypass(UNREADABLE, f"{path}: {error.strerror}") from error
    raise Bypass(UNREADABLE, f"{path}: neither a file nor a directory")


def hash_file(path: str) -> "tuple[str, int]":
    """(SHA-256 hex, size) of a regular file.

    Raises:
        Bypass: it is not a regular file.
        OSError: it cannot be read.
    """
    fd = files.open_read(path)
    try:
        found = posix.fstat(fd)
        if not files.is_regular(found.st_mode):
            raise Bypass(UNREADABLE, f"{path}: not a regular file")
        made = files.new_hash(found.st_size)
        total = 0
        while part := posix.read(fd, files.CHUNK):
            made.update(part)
            total += len(part)
        return made.hexdigest(), total
    finally:
        posix.close(fd)


def changed(path: str) -> int:
    """When a file last changed in any way, as no utime() can forge it (ns). Raises OSError."""
    return posix.stat(path).st_ctime_ns


def _read_directory(path: str) -> Bytes:
    from neffcache.graph import directory

    hashed = files.new_hash(0)
    total = newest = 0
    for name, full, at in directory.list_files(path):
        newest = max(newest, at)
        digest, size = hash_file(full)
        encoded = files.encode(name)
        hashed.update(b"%d %b %b\n" % (len(encoded), encoded, digest.encode()))
        total += size
    return Bytes(hashed.hexdigest(), total, newest, True)
