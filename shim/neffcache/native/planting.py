"""Noun: put an entry into libneuronxla's cache: whole or not at all, never over what is there."""

import posix
import time

from neffcache import files, kernel
from neffcache.native import names

# No entry and no version is called so: libneuronxla passes by.
_STAGE = ".neffcache-"
_STALE_AFTER = 86400.0
_ANY, _ANY_DIRECTORY = 0o666, 0o777
_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


class Stage:
    """A directory beside the entries of a version, in which one is put together.

    Nobody else may enter it, and it is used by a descriptor: whoever may write to the directory
    above cannot have us write through a link of his.

    Attributes:
        path: of the directory; it is on the file system that the entry will be on.
    """

    __slots__ = ("_fd", "_mode", "_root", "path")

    def __init__(self, root: str, version: str) -> None:
        """Make it; OSError when that cannot be. Clears what killed processes left a day ago."""
        self._root = root
        beside = f"{root}/{version}"
        files.make_directories(beside, _ANY_DIRECTORY)
        _clear_stale(beside)
        self.path = f"{beside}/{_STAGE}{posix.getpid()}-{posix.urandom(6).hex()}"
        posix.mkdir(self.path, _ANY_DIRECTORY)
        self._fd = posix.open(self.path, _DIRECTORY)
        found = posix.fstat(self._fd)
        self._mode = found.st_mode & 0o7777  # as the umask, and the directory above, will have it
        try:
            if found.st_uid != posix.geteuid():
                raise PermissionError(1, "somebody else put his own in its place", self.path)
            posix.chmod(self._fd, 0o700)
        except BaseException:
            self.discard()
            raise

    def inside(self, name: str) -> str:
        """The path of one of its files."""
        return f"/proc/self/fd/{self._fd}/{name}"

    def file(self, name: str) -> str:
        """The same, made empty; the caller's umask applies."""
        path = self.inside(name)
        posix.close(files.create(path, posix.O_WRONLY | posix.O_EXCL, _ANY))
        return path

    def plant(self, entry: str) -> bool:
        """Make it an entry of its root, whole, in one step; False when something stands there.

        Raises:
            OSError: it cannot be done; nothing is left at that name.
        """
        target = f"{self._root}/{entry}"
        self._seal()
        posix.chmod(self._fd, self._mode)
        if stands(self._root, entry):
            return False
        try:
            if not kernel.rename_new(self.path, target):
                _rename_over_own(self.path, target)
        except FileExistsError:
            return False
        files.sync_directory(files.parent(target))
        return True

    def fill(self, directory: str) -> bool:
        """Move its files into a directory whose lock the caller holds; `model.done` comes last.

        A graph and flags that are there already stay. False when the entry has its result.

        Raises:
            OSError: it cannot be done; without `model.done` nobody takes the rest for an entry.
        """
        there = set(posix.listdir(directory))
        if there & {names.NEFF, names.DONE}:
            return False
        self._seal()
        for name in names.PLANTED:
            if name in there and name != names.WRAPPED:
                continue
            if name == names.DONE:
                files.sync_directory(directory)
            if name in posix.listdir(self._fd):
                posix.rename(self.inside(name), f"{directory}/{name}")
        files.sync_directory(directory)
        return True

    def discard(self) -> None:
        """Remove it if it has not become an entry; never fails. It is of no use any more."""
        if self._fd >= 0:
            posix.close(self._fd)
            self._fd = -1
        _remove(self.path)

    def _seal(self) -> None:
        """Have the disk hold every byte, before a name says that they are there."""
        for name in posix.listdir(self._fd):
            fd = files.open_read(self.inside(name))
            try:
                posix.fsync(fd)
            finally:
                posix.close(fd)
        files.sync_directory(self.inside("."))


def stands(root: str, entry: str) -> bool:
    """Whether anything has the name of an entry, or of a lock beside it."""
    for path in (f"{root}/{entry}", f"{root}/{entry}{names.LOCK}"):
        try:
            posix.lstat(path)
        except FileNotFoundError:
            continue
        return True
    return False


def _rename_over_own(old: str, new: str) -> None:
    """Where no rename refuses to replace: take the name by an empty directory of our own first.

    Whoever finds it empty puts a lock into it, and then the rename fails.
    """
    posix.mkdir(new, _ANY_DIRECTORY)
    try:
        posix.rename(old, new)
    except OSError as error:
        try:
            posix.rmdir(new)
        except OSError:
            raise FileExistsError(17, "somebody works there", new) from error
        raise


def _clear_stale(beside: str) -> None:
    for name in posix.listdir(beside):
        if name.startswith(_STAGE):
            path = f"{beside}/{name}"
            try:
                age = time.time() - posix.lstat(path).st_mtime
            except OSError:
                continue
            if age > _STALE_AFTER:
                _remove(path)


def _remove(path: str) -> None:
    """Remove a stage, if it is a directory of our own: not where a link leads."""
    try:
        fd = posix.open(path, _DIRECTORY)
    except OSError:
        return
    try:
        if posix.fstat(fd).st_uid == posix.geteuid():
            for name in posix.listdir(fd):
                posix.unlink(name, dir_fd=fd)
            posix.rmdir(path)
    except OSError:
        pass
    finally:
        posix.close(fd)
