"""World: the local store as a miss needs it: take a new bundle in, keep its size bounded."""

import posix
import time

from neffcache import files
from neffcache.errors import StoreError
from neffcache.store import local

# The store stops growing when the disk has less than this share free.
FREE_SHARE = 0.05
DISK_SHARE = 0.10
MOST_BYTES = 50 << 30
# Make room down to this share at once, so that not every put has to.
_ROOM_SHARE = 0.9
_RESCAN_AFTER = 3600.0
# A temporary file this old belongs to no living process that matters.
_STALE_AFTER = 86400.0
_USAGE = "usage"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.store.local import Store

    # last use (ns), bytes, key
    Entry = tuple[int, int, str]


class TooLarge(StoreError):
    """The entry alone is larger than the store may be. Caught in run."""


def limit(store: "Store", wanted: int) -> int:
    """The largest size of the store in bytes: the setting, else a tenth of the disk, 50 GB."""
    if wanted >= 0:
        return wanted
    disk = posix.statvfs(store.path)
    return min(int(disk.f_blocks * disk.f_frsize * DISK_SHARE), MOST_BYTES)


def new_file(store: "Store", key: str) -> "tuple[int, str]":
    """A temporary file where a bundle can be written and then taken in: (descriptor, path)."""
    path = store.entry_path(key)
    files.make_directories(files.parent(path))
    return files.temporary(path)


def make_room(store: "Store", size: int, most: int) -> None:
    """Evict what was used least recently until `size` more bytes fit.

    Raises:
        TooLarge: they never will.
        StoreError: the disk has too little space left.
    """
    if size > most:
        raise TooLarge(f"{size} bytes are more than the store may hold ({most})", "raise max_size")
    if _usage(store) + size > most:
        target = int(most * _ROOM_SHARE) - size
        _evict(store, lambda total: total <= target)
    if _short_of_space(store, size):
        _evict(store, lambda _total: not _short_of_space(store, size))
        if _short_of_space(store, size):
            raise StoreError(f"the disk of {store.path} has less than 5 % free", "free some space")


def adopt(store: "Store", temp: str, key: str) -> None:
    """Put a finished bundle in its place; replaces an older one. Raises OSError."""
    size = posix.stat(temp).st_size
    posix.rename(temp, store.entry_path(key))
    total, counted = _read_usage(store)
    _write_usage(store, total + size, counted)


def entries(store: "Store") -> "list[Entry]":
    """Every entry: (last use in ns, bytes, key), the least recently used first."""
    found = []
    for directory in _shards(store):
        for name in _listdir(directory):
            path = f"{directory}/{name}"
            try:
                state = posix.lstat(path)
            except OSError:
                continue
            if name.startswith("."):
                _clear_stale(path, state.st_mtime)
            elif name.endswith(".tar"):
                found.append((state.st_mtime_ns, state.st_size, name[:-4]))
    found.sort()
    return found


def queued(store: "Store") -> "set[str]":
    """Keys that wait for an upload: they are not evicted."""
    found: set[str] = set()
    top = f"{store.path}/{local.QUEUE}"
    for destination in _listdir(top):
        found.update(_listdir(f"{top}/{destination}"))
    return found


def _evict(store: "Store", enough: "Callable[[int], bool]") -> None:
    """Drop entries, oldest use first, until `enough` says so of the bytes that are left."""
    all_entries = entries(store)
    total = sum(size for _used, size, _key in all_entries)
    keep = queued(store)
    for _used, size, key in all_entries:
        if enough(total):
            break
        if key not in keep and not _claimed(store, key):
            store.drop(key)
            total -= size
    _write_usage(store, total, time.time())


def _claimed(store: "Store", key: str) -> bool:
    """Whether a process works on this key just now (it may be about to queue it)."""
    from neffcache import locks

    path = f"{store.path}/{local.LOCKS}/{key}"
    if files.state(path) is None:
        return False
    try:
        lock = locks.try_lock(path)
    except (locks.NoLocks, OSError):
        return False
    if lock is None:
        return True
    lock.release()
    return False


def _short_of_space(store: "Store", size: int) -> bool:
    disk = posix.statvfs(store.path)
    return disk.f_bavail * disk.f_frsize - size < disk.f_blocks * disk.f_frsize * FREE_SHARE


def _usage(store: "Store") -> int:
    """About how many bytes the entries take: a running sum, counted anew every hour."""
    total, counted = _read_usage(store)
    if 0 <= time.time() - counted < _RESCAN_AFTER:
        return total
    total = sum(size for _used, size, _key in entries(store))
    _write_usage(store, total, time.time())
    return total


def _read_usage(store: "Store") -> "tuple[int, float]":
    """(bytes, when they were last counted); (0, 0.0) when not known."""
    try:
        total, counted = files.read(f"{store.path}/{_USAGE}", 64).split()
        return _size(total), float(counted)
    except (OSError, ValueError):
        return 0, 0.0


def _size(text: bytes) -> int:
    if not text.isdigit():
        raise ValueError("not a size")
    return int(text)


def _write_usage(store: "Store", total: int, counted: float) -> None:
    try:
        files.publish(f"{store.path}/{_USAGE}", f"{max(total, 0)} {int(counted)}\n".encode())
    except OSError:
        pass


def _clear_stale(path: str, mtime: float) -> None:
    if time.time() - mtime > _STALE_AFTER:
        files.discard(path)


def _shards(store: "Store") -> "list[str]":
    top = f"{store.path}/{local.ENTRIES}"
    return [f"{top}/{name}" for name in _listdir(top)]


def _listdir(path: str) -> "list[str]":
    try:
        return posix.listdir(path)
    except OSError:
        return []
