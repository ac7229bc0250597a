"""World: which entries of libneuronxla's cache a remote brought: nobody need push them again."""

import posix

from neffcache import files
from neffcache.native import names

DIRECTORY = "planted"
FIRST_LINE = "neffcache-planted 1"
# What is forgotten is pushed to a remote that has it, and left out there.
MOST = 20_000
_LIMIT = 4096

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.store.local import Store


def note(store: "Store", directory: str, neff: str) -> None:
    """An entry is about to be planted; never fails.

    Args:
        directory: that it will be; neff: the path of its NEFF now, which will be renamed.
    """
    try:
        text = f"{FIRST_LINE}\n{_identity(posix.stat(neff))}\n".encode()
        _make_room(store.directory(DIRECTORY))
        files.publish(_path(store, directory), text)
    except OSError:
        pass  # then it is pushed like any other


def knows(store: "Store", directory: str) -> bool:
    """Whether the NEFF in an entry's directory is the one that was brought there."""
    try:
        found = files.read(_path(store, directory), _LIMIT)
        identity = _identity(posix.stat(f"{directory}/{names.NEFF}"))
    except OSError:
        return False
    return found == f"{FIRST_LINE}\n{identity}\n".encode()


def _identity(found: posix.stat_result) -> str:
    return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _path(store: "Store", directory: str) -> str:
    return f"{store.path}/{DIRECTORY}/{files.digest(files.encode(directory))[:32]}"


def _make_room(directory: str) -> None:
    found = posix.listdir(directory)
    if len(found) < MOST:
        return
    aged = []
    for name in found:
        state = files.state(f"{directory}/{name}")
        if state is not None:
            aged.append((state[3], name))
    for _changed, name in sorted(aged)[: MOST // 2]:
        files.discard(f"{directory}/{name}")
