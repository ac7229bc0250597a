"""Ground: paths, reads, atomic writes, hashing; by `posix`: `os` costs a fifth of a start."""

import posix
import sys

# Read, hashed and written while it is still in the processor's cache.
CHUNK = 256 << 10
# Below this the built-in SHA-256 wins: loading OpenSSL costs more than it saves.
SMALL = 700_000
# Where Python keeps it; a name that is not there is searched for along the whole path.
_BUILT_IN = ("_sha2", "_sha256") if sys.version_info >= (3, 12) else ("_sha256", "_sha2")
_ENCODING = sys.getfilesystemencoding()
_HEX = frozenset("0123456789abcdef")
_TEMP_TRIES = 100
PRIVATE, PRIVATE_DIRECTORY = 0o600, 0o700

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Hash(Protocol):
        """What hashlib's objects offer and we use."""

        def update(self, data: "bytes | memoryview", /) -> None: ...

        def hexdigest(self) -> str: ...


def encode(text: str) -> bytes:
    """The exact bytes the kernel uses for this argument, path or value."""
    return text.encode(_ENCODING, "surrogateescape")


def decode(data: bytes) -> str:
    """The text Python uses for these bytes of a path; `encode` gives them back."""
    return data.decode(_ENCODING, "surrogateescape")


def join(directory: str, name: str) -> str:
    """`name` below `directory`; an absolute name stands for itself."""
    if name.startswith("/"):
        return name
    return directory + name if directory.endswith("/") else directory + "/" + name


def parent(path: str) -> str:
    """The directory part of a path; "." for a bare name."""
    head, slash, _ = path.rpartition("/")
    return head or slash or "."


def basename(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def is_regular(mode: int) -> bool:
    """Whether st_mode says regular file."""
    return mode & 0o170000 == 0o100000


def is_directory(mode: int) -> bool:
    """Whether st_mode says directory."""
    return mode & 0o170000 == 0o040000


def is_link(mode: int) -> bool:
    """Whether st_mode (of lstat) says symbolic link."""
    return mode & 0o170000 == 0o120000


def state(path: str) -> "tuple[int, int, int, int] | None":
    """(device, inode, size, mtime in ns) of a path, links followed; None when it is not there."""
    try:
        found = posix.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


# What makes hash objects, for small and for large sizes; looked up once.
_makers: "dict[bool, Callable[[], Hash]]" = {}


def mode(path: str) -> int:
    """st_mode of a path, links followed; 0 when it is not there."""
    try:
        return posix.stat(path).st_mode
    except (OSError, ValueError):
        return 0


def new_hash(size: int) -> "Hash":
    """A SHA-256 object for about `size` bytes."""
    small = size < SMALL
    if small not in _makers:
        _makers[small] = _built_in() if small else _openssl()
    return _makers[small]()


def above_standard(fd: int) -> int:
    """An open file by a number that no standard stream has; the one given is not used any more.

    For what a caller's process keeps open: what it prints must not come into a file of ours,
    though nobody gave it the streams.
    """
    if fd > 2:
        return fd
    import fcntl

    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        posix.close(fd)


def _built_in() -> "Callable[[], Hash]":
    for name in _BUILT_IN:
        try:
            made: Callable[[], Hash] = __import__(name).sha256
            return made
        except ImportError:
            continue
    return _openssl()


def _openssl() -> "Callable[[], Hash]":
    try:
        from _hashlib import openssl_sha256

        return openssl_sha256
    except ImportError:
        from hashlib import sha256

        return sha256


def digest(data: bytes) -> str:
    """SHA-256 of some bytes, hex."""
    made = new_hash(len(data))
    made.update(data)
    return made.hexdigest()


def is_digest(text: str) -> bool:
    """Whether a text is such a digest."""
    return len(text) == 64 and _HEX.issuperset(text)


def open_read(path: str) -> int:
    """A descriptor to read a file from; never blocks on a FIFO, never becomes our terminal."""
    return posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK | posix.O_NOCTTY)


def read(path: str, limit: int) -> bytes:
    """A whole file of at most `limit` bytes; OSError when it is not there or larger."""
    fd = open_read(path)
    try:
        return read_fd(fd, limit, path)
    finally:
        posix.close(fd)


def read_fd(fd: int, limit: int, path: str) -> bytes:
    """The rest of an open file, at most `limit` bytes; OSError when larger."""
    parts: list[bytes] = []
    left = limit + 1
    while left > 0:
        part = posix.read(fd, min(left, CHUNK))
        if not part:
            return b"".join(parts)
        parts.append(part)
        left -= len(part)
    raise OSError(27, f"larger than {limit} bytes", path)  # EFBIG


def write_all(fd: int, data: "bytes | memoryview") -> None:
    """Write every byte, however often the kernel takes less."""
    view = memoryview(data)
    while len(view) > 0:
        view = view[posix.write(fd, view) :]


def create(path: str, flags: int, mode: int = PRIVATE) -> int:
    """Open a file, made when missing. The umask applies to any mode but that of our own files."""
    fd = posix.open(path, flags | posix.O_CREAT | posix.O_CLOEXEC, mode)
    if mode == PRIVATE:
        try:
            posix.fchmod(fd, mode)  # a caller's odd umask must not lock us out of our own store
        except OSError:
            pass
    return fd


def temporary(path: str, mode: int = PRIVATE) -> "tuple[int, str]":
    """A new file beside `path` for writing: (descriptor, name); see `create` for `mode`.

    The name starts with a dot and tells its maker (host-local pid), so that a later run can clear
    what a killed one left behind.
    """
    stem = join(parent(path), f".neffcache-{posix.getpid()}-")
    for _ in range(_TEMP_TRIES):
        name = stem + posix.urandom(6).hex()
        try:
            return create(name, posix.O_RDWR | posix.O_EXCL, mode), name
        except FileExistsError:
            continue
    raise FileExistsError(17, "no free temporary name", path)


def discard(path: str) -> None:
    """Remove a file if it is there; never fails."""
    try:
        posix.unlink(path)
    except OSError:
        pass


def publish(path: str, data: bytes, *, sync: bool = False, mode: int = PRIVATE) -> None:
    """Write a whole file so that readers see the old or the new one, never a part."""
    fd, temp = temporary(path, mode)
    try:
        try:
            write_all(fd, data)
            if sync:
                posix.fsync(fd)
        finally:
            posix.close(fd)
        posix.rename(temp, path)
    except BaseException:
        discard(temp)
        raise
    if sync:
        sync_directory(parent(path))


def sync_directory(path: str) -> None:
    """Make the names in a directory survive a power cut, where the file system can."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError:
        return
    try:
        posix.fsync(fd)
    except OSError:
        pass
    finally:
        posix.close(fd)


def append(path: str, data: bytes, mode: int = PRIVATE) -> None:
    """Add bytes at the end of a file in one write, made when missing."""
    flags = posix.O_WRONLY | posix.O_APPEND | posix.O_NOCTTY | posix.O_NONBLOCK
    fd = create(path, flags, mode)
    try:
        write_all(fd, data)
    finally:
        posix.close(fd)


def make_directories(path: str, mode: int = PRIVATE_DIRECTORY) -> None:
    """Make a directory and what is missing above it."""
    try:
        _make_directory(path, mode)
    except FileNotFoundError:
        above = parent(path)
        if above == path:
            raise
        make_directories(above, mode)
        _make_directory(path, mode)  # where nothing can be made (/proc) it fails once more


def _make_directory(path: str, mode: int) -> None:
    try:
        posix.mkdir(path, mode)
        if mode == PRIVATE_DIRECTORY:
            posix.chmod(path, mode)  # as in `create`
    except FileExistsError:
        pass
