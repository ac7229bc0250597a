"""Noun: open an entry of libneuronxla's cache, if it is whole, ours, and nobody else's."""

import posix

from neffcache import files
from neffcache.errors import EntryError
from neffcache.native import names, state

_STICKY = 0o1000
_LOOP = 40  # ELOOP
_NO_DIRECTORY = (20, _LOOP)  # ENOTDIR
_OTHERS, _GROUP = 0o002, 0o020
_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC
_FILE = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC


class Opened:
    """The files of an entry, each opened once: what is read later is what was looked at.

    Attributes:
        files: name -> descriptor, of the files that an entry may hold.
    """

    __slots__ = ("_states", "files")

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self._states: dict[str, tuple[int, int]] = {}

    def add(self, name: str, fd: int) -> None:
        """Take over a descriptor. Raises EntryError when it is not a file of our own."""
        self.files[name] = fd
        found = posix.fstat(fd)
        if not files.is_regular(found.st_mode):
            raise EntryError(f"{name} is not a regular file")
        _check_ours(name, found)
        self._states[name] = (found.st_size, found.st_mtime_ns)

    def size(self, name: str) -> int:
        """Bytes of a file when it was opened."""
        return self._states[name][0]

    def path(self, name: str) -> str:
        """A path of this process that leads to the opened file, whatever its name holds by now."""
        return f"/proc/self/fd/{self.files[name]}"

    def check_unchanged(self) -> None:
        """Raises EntryError when a file has been written to since."""
        for name, fd in self.files.items():
            found = posix.fstat(fd)
            if (found.st_size, found.st_mtime_ns) != self._states[name]:
                raise EntryError(f"{name} changed while it was read")

    def close(self) -> None:
        """Give the descriptors back."""
        for fd in self.files.values():
            posix.close(fd)
        self.files = {}


def open_entry(root: str, entry: str) -> Opened:
    """Open a successful entry.

    Raises:
        EntryError: it is not one, is in use, or could be somebody else's; FileNotFoundError: it
            is not there; OSError: it cannot be read.
    """
    if not names.is_entry(entry):
        raise EntryError(f"{entry!r} is not an entry of libneuronxla's cache")
    made = Opened()
    above: list[int] = []
    try:
        for part in (root, *entry.split("/")):
            above.append(_enter(above[-1] if above else None, part))
        _open_files(made, above[-1])
    except BaseException:
        made.close()
        raise
    finally:
        for fd in above:
            posix.close(fd)
    return made


def _enter(above: "int | None", part: str) -> int:
    """Open a directory, or one below another; a link only where the root (above: None) is one."""
    flags = _DIRECTORY if above is None else _DIRECTORY | posix.O_NOFOLLOW
    try:
        fd = posix.open(part, flags, dir_fd=above)
    except OSError as error:
        if error.errno in _NO_DIRECTORY:
            raise EntryError(f"{part} is a link or no directory") from error
        raise
    try:
        _check_ours(part, posix.fstat(fd), may_be_root=above is None)
    except BaseException:
        posix.close(fd)
        raise
    return fd


def _open_files(made: Opened, directory: int) -> None:
    found = posix.listdir(directory)
    its_state = state.of(found)
    if its_state != state.WHOLE:
        raise EntryError(state.WHY[its_state])
    for name in names.PLANTED:
        if name in found:
            try:
                fd = posix.open(name, _FILE, dir_fd=directory)
            except OSError as error:
                if error.errno == _LOOP:
                    raise EntryError(f"{name} is a link") from error
                raise
            made.add(name, fd)
    if made.size(names.DONE):
        raise EntryError(f"{names.DONE} is not empty")


def _check_ours(name: str, found: posix.stat_result, *, may_be_root: bool = False) -> None:
    """Only we may have written there."""
    if found.st_uid != posix.geteuid() and not (may_be_root and found.st_uid == 0):
        raise EntryError(f"{name} belongs to uid {found.st_uid}")
    if files.is_directory(found.st_mode) and found.st_mode & _STICKY:
        return  # others may add there, and touch nothing of ours
    if found.st_mode & _OTHERS or (found.st_mode & _GROUP and not _is_private(found.st_gid)):
        raise EntryError(f"{name} may be written by others (mode {found.st_mode & 0o7777:o})")


def _is_private(gid: int) -> bool:
    """Whether a group is the one that many systems make for each user, with nobody else in it."""
    import grp
    import pwd

    try:
        user = pwd.getpwuid(posix.geteuid())
        group = grp.getgrgid(gid)
    except KeyError:
        return False
    alone = not set(group.gr_mem) - {user.pw_name}
    return gid == user.pw_gid and group.gr_name == user.pw_name and alone
