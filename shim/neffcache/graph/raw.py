"""Noun: the digest of a graph's bytes, of one file or of every file of a directory."""

import posix

from neffcache import files
from neffcache.invocation import Bypass

# A custom call of this family names code in another file, which raw bytes do not cover.
CUSTOM_CODE = b"AwsNeuronCustom"
LEVEL = "raw"
_MOST_FILES = 100_000
_DEEPEST = 16

TYPE_CHECKING = False
if TYPE_CHECKING:
    State = tuple[int, int, int, int]


class Graph:
    """A graph as it was when read.

    Attributes:
        path: absolute path.
        level: how much was normalised: "raw".
        form: "file", "mlir" (by its name) or "directory".
        digest: SHA-256, hex.
        size: bytes read.
        changed: when any of its files, or one in the key beside it, last changed in any way (ns):
            content that was swapped and put back shows itself here.
    """

    __slots__ = ("changed", "digest", "form", "level", "path", "size")

    def __init__(self, path: str, form: str, digest: str, size: int) -> None:
        self.path = path
        self.level = LEVEL
        self.form = form
        self.digest = digest
        self.size = size
        self.changed = 0


def read(path: str) -> Graph:
    """Digest a graph.

    Raises:
        Bypass: it cannot be read, is neither file nor plain directory, or names code elsewhere.
    """
    try:
        state = posix.stat(path)
        if files.is_regular(state.st_mode):
            digest, size = hash_file(path, CUSTOM_CODE)
            made = Graph(path, "mlir" if path.endswith(".mlir") else "file", digest, size)
            made.changed = state.st_ctime_ns
            return made
        if files.is_directory(state.st_mode):
            return _read_directory(path)
    except OSError as error:
        raise Bypass("graph_unreadable", f"{path}: {error.strerror}") from error
    raise Bypass("graph_unreadable", f"{path}: neither a file nor a directory")


def hash_file(path: str, forbidden: bytes = b"") -> "tuple[str, int]":
    """(SHA-256 hex, size) of a regular file.

    Raises:
        Bypass: it holds the forbidden bytes, or is not a regular file.
        OSError: it cannot be read.
    """
    fd = files.open_read(path)
    try:
        found = posix.fstat(fd)
        if not files.is_regular(found.st_mode):
            raise Bypass("graph_unreadable", f"{path}: not a regular file")
        made = files.new_hash(found.st_size)
        total, tail = 0, b""
        while True:
            part = posix.read(fd, files.CHUNK)
            if not part:
                return made.hexdigest(), total
            if forbidden:
                if forbidden in part or forbidden in tail + part[: len(forbidden)]:
                    raise Bypass("graph_custom_code", path)
                tail = part[-len(forbidden) :]
            made.update(part)
            total += len(part)
    finally:
        posix.close(fd)


def _read_directory(path: str) -> Graph:
    found: list[tuple[bytes, str]] = []
    _walk(path, "", found, 0)
    found.sort()
    hashed = files.new_hash(0)
    total = newest = 0
    for name, full in found:
        newest = max(newest, changed(full))
        digest, size = hash_file(full, CUSTOM_CODE)
        hashed.update(b"%d %b %b\n" % (len(name), name, digest.encode()))
        total += size
    made = Graph(path, "directory", hashed.hexdigest(), total)
    made.changed = newest
    return made


def changed(path: str) -> int:
    """When a file last changed in any way, as no utime() can forge it (ns). Raises OSError."""
    return posix.stat(path).st_ctime_ns


def _walk(top: str, below: str, found: "list[tuple[bytes, str]]", depth: int) -> None:
    here = files.join(top, below) if below else top
    for name in posix.listdir(here):
        relative = f"{below}/{name}" if below else name
        full = files.join(top, relative)
        mode = posix.lstat(full).st_mode
        if files.is_directory(mode) and depth < _DEEPEST:
            _walk(top, relative, found, depth + 1)
        elif files.is_regular(mode) and len(found) < _MOST_FILES:
            found.append((files.encode(relative), full))
        else:
            raise Bypass("graph_directory_odd", full)
