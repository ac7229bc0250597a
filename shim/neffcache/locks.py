"""Ground: kernel locks (flock) on lock files; gone with their holder, so they never rot."""

import fcntl
import posix

from neffcache import files

# What a file system without working locks answers (ENOSYS, ENOLCK, EOPNOTSUPP, EINVAL).
_UNSUPPORTED = (38, 37, 95, 22)
_ATTEMPTS = 1000


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
    for _ in range(_ATTEMPTS):
        fd = files.create(path, posix.O_RDWR)
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
    raise NoLocks(f"{path} is never the file that was just opened")


def share(path: str) -> "int | None":
    """Hold a lock together with others: a descriptor, which forks hold, too.

    None while somebody holds it alone. An exec lets go of it.

    Raises:
        NoLocks: flock does not work here; OSError: the lock file cannot be made.
    """
    fd = files.create(path, posix.O_RDWR)
    try:
        if _flock(fd, fcntl.LOCK_SH):
            held, fd = fd, -1
            return files.above_standard(held)
    finally:
        if fd >= 0:
            posix.close(fd)
    return None


def is_free(path: str) -> bool:
    """Whether nobody holds a lock, neither alone nor with others.

    Raises:
        NoLocks: flock does not work here; OSError: it cannot be told.
    """
    try:
        fd = files.open_read(path)
    except FileNotFoundError:
        return True
    try:
        return _flock(fd)
    finally:
        posix.close(fd)


def is_at(fd: int, path: str) -> bool:
    """Whether a descriptor is open, and of the file that stands at a path."""
    try:
        return _still_there(fd, path)
    except OSError:
        return False


class Presence:
    """Being at a place where others may be meanwhile, and knowing afterwards whether they were.

    The file holds a byte for each arrival, and for each who passed. Who finds himself alone starts
    the count anew, and removes the file on leaving. Without working locks nobody can tell that he
    is alone: the count goes on, so that whoever comes after two have met counts as having met them.
    """

    __slots__ = ("_fd", "_path")

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self._fd = fd

    def met(self) -> bool:
        """Whether anybody else was there, or passed, since we came."""
        return posix.fstat(self._fd).st_size != 1 or not _still_there(self._fd, self._path)

    def leave(self) -> None:
        """Go; the last one takes the file along."""
        try:
            if _flock(self._fd):
                files.discard(self._path)
        except NoLocks:
            if not self.met():
                files.discard(self._path)
        posix.close(self._fd)


def attend(path: str) -> "Presence | None":
    """Be at a place until `leave`; None when others come and go so quickly that it cannot be.

    Raises:
        OSError: the file cannot be made.
    """
    for _ in range(_ATTEMPTS):
        fd = files.create(path, posix.O_RDWR | posix.O_APPEND)
        try:
            if _enter(fd) and _still_there(fd, path):
                posix.write(fd, b"+")
                made, fd = Presence(path, fd), -1
                return made
        finally:
            if fd >= 0:
                posix.close(fd)
    return None


def _enter(fd: int) -> bool:
    """Share the lock; false when somebody is just leaving or just starting anew."""
    try:
        if _flock(fd):
            posix.ftruncate(fd, 0)
        return _flock(fd, fcntl.LOCK_SH)
    except NoLocks:
        return True


def _flock(fd: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
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
