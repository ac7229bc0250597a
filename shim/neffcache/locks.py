"""Ground: kernel locks (flock) on lock files; gone with their holder, so they never rot."""

import fcntl
import posix

from neffcache import files

# What a file system without working locks answers (ENOSYS, ENOLCK, EOPNOTSUPP, EINVAL).
_UNSUPPORTED = (38, 37, 95, 22)


class NoLocks(Exception):
    """The file system has no working flock: whoever asked must not wait."""


class Lock:
    """A held lock: its file's path and descriptor."""

    __slots__ = ("fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd

    def release(self, *, remove: bool = True) -> None:
        """Let go; by default the lock file goes too, while still held, so no one locks a ghost."""
        if remove:
            files.discard(self.path)
        posix.close(self.fd)


def try_lock(path: str) -> "Lock | None":
    """Take the lock now, or None while another holds it.

    Raises:
        NoLocks: flock does not work here.
        OSError: the lock file cannot be made.
    """
    while True:
        fd = posix.open(path, posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC, 0o600)
        held = False
        try:
            held = _flock(fd)
            if not held:
                return None
            if _still_there(fd, path):
                lock, fd = Lock(path, fd), -1
                return lock
        finally:
            if fd >= 0:
                posix.close(fd)


def _flock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            raise NoLocks(str(error)) from error
        raise
    return True


def _still_there(fd: int, path: str) -> bool:
    """Whether the locked file is the one that stands at the path (a releaser removes it)."""
    mine = posix.fstat(fd)
    try:
        now = posix.stat(path)
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (now.st_dev, now.st_ino)
