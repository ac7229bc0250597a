"""World: the local store as a hit needs it: find it, trust it, look an entry up, drop a bad one."""

import posix

from neffcache import files
from neffcache.entry import read
from neffcache.errors import EntryError, StoreError

ENTRIES, LOCKS, QUEUE, DEAD = "entries", "locks", "queue", "dead"
JOURNAL, COMPILERS, BREAKERS, TEMPORARY = "journal", "compilers", "breakers", "tmp"
BIN, LEDGER = "bin", "ledger"
_OTHERS = 0o077

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.options import Config


class Store:
    """A store whose directory is there, ours, and closed to others.

    Attributes:
        path: absolute path of the store's directory.
    """

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def directory(self, name: str) -> str:
        """The path of one of its directories, made when missing. Raises OSError."""
        path = f"{self.path}/{name}"
        files.make_directories(path)
        return path

    def entry_path(self, key: str) -> str:
        """Where the bundle of a key stands or would stand."""
        return f"{self.path}/{ENTRIES}/{key[:2]}/{key}.tar"

    def get(self, key: str) -> "read.Bundle | None":
        """The checked bundle of a key, marked as just used; None when there is none.

        Raises:
            EntryError: there was one, but damaged or of another key; it is dropped.
            OSError: it cannot be read.
        """
        path = self.entry_path(key)
        try:
            bundle = read.open_bundle(path, key)
        except FileNotFoundError:
            return None
        except EntryError:
            self.drop(key)
            raise
        try:
            posix.utime(path)
        except OSError:
            pass  # a read-only store serves all the same
        return bundle

    def drop(self, key: str) -> None:
        """Remove an entry; never fails."""
        files.discard(self.entry_path(key))


def location(config: "Config") -> str:
    """Where the store of this user lies by the settings; not checked."""
    user = posix.geteuid()
    return files.join(config.dir, f"store-{user}") if config.dir else f"/var/tmp/neffcache-{user}"


def open_store(config: "Config") -> Store:
    """The store, made when missing.

    Raises:
        StoreError: it cannot be made, is not a directory, or others may write there.
    """
    path = location(config)
    try:
        found = posix.lstat(path)
    except FileNotFoundError:
        found = _make(path)
    except OSError as error:
        raise _unusable(path, error) from error
    if not files.is_directory(found.st_mode):
        raise StoreError(f"the store {path} is not a directory", "remove it or set NEFFCACHE_DIR")
    if found.st_uid != posix.geteuid():
        raise StoreError(
            f"the store {path} belongs to uid {found.st_uid}", "remove it or set NEFFCACHE_DIR"
        )
    if found.st_mode & _OTHERS:
        raise StoreError(
            f"the store {path} is open to others (mode {found.st_mode & 0o7777:o})",
            f"if you trust what is in it: chmod 700 {path}",
        )
    return Store(path)


def _make(path: str) -> posix.stat_result:
    try:
        files.make_directories(files.parent(path), 0o777)
        try:
            posix.mkdir(path, 0o700)
            posix.chmod(path, 0o700)  # whatever the umask took away
        except FileExistsError:
            pass  # another process was quicker
        return posix.lstat(path)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: str, error: OSError) -> StoreError:
    return StoreError(
        f"the store {path} cannot be used ({error.strerror})",
        "set NEFFCACHE_DIR to a directory where this user may write",
    )
