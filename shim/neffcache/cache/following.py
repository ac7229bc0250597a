"""Whole: check a bundle while it is being written: its head as soon as that has arrived."""

import posix

from neffcache import files
from neffcache.entry import index as layout
from neffcache.entry import read
from neffcache.errors import EntryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.entry.index import Index


class Follower:
    """Checks what of a bundle whoever restores it does not: its key, its sizes, manifest and log.

    The NEFF and wrapped_neff.hlo are hashed while they are restored, before anything uses them:
    to do it here, too, would double the work of a large entry. The writer says how far it is with
    `arrived`, and with `finish` that nothing more comes. Both raise EntryError as soon as it is
    known that this is not the bundle it should be.

    Attributes:
        index: None until enough has arrived to read it.
    """

    def __init__(self, path: str, key: str) -> None:
        """Follow the file at this path, which is there and may be empty. Raises OSError."""
        self.index: Index | None = None
        self._path = path
        self._key = key
        self._fd = files.open_read(path)

    def arrived(self, count: int) -> None:
        """So many bytes stand in the file, from its beginning."""
        if self.index is None:
            self.index = self._head(count)
        if self.index is not None and count > self.index.end:
            raise EntryError(f"more than the {self.index.end} bytes it may have")

    def finish(self) -> "Index":
        """All has arrived: the index of a bundle of this key and size."""
        return check(self._path, self._key)

    def close(self) -> None:
        """Let go of the file, whatever it was."""
        posix.close(self._fd)

    def _head(self, count: int) -> "Index | None":
        """The index, once it is there as a whole."""
        if count < layout.BLOCK:
            return None
        size = read.index_size(posix.pread(self._fd, layout.BLOCK, 0))
        if count < layout.BLOCK + size:
            return None
        return layout.parse(posix.pread(self._fd, size, layout.BLOCK), self._key)


def check(path: str, key: str) -> "Index":
    """The index of a whole bundle, and of the rest what its restore does not check; see `Follower`.

    Raises EntryError, OSError.
    """
    bundle = read.open_bundle(path, key)
    try:
        read.manifest(bundle)
        log = bundle.index.member(layout.LOG)
        if log is not None:
            read.verify_member(bundle, log)
        return bundle.index
    finally:
        bundle.close()
