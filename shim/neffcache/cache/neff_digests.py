"""Whole: the digests of all NEFFs that came through the shim, in little memory, kept up to date."""

import posix

from neffcache import files, journal
from neffcache.entry import read
from neffcache.errors import EntryError
from neffcache.store import keep, local

_FIELD = b'"neff":"'
_PIECE = 1 << 20
_DIGITS = 16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.store.local import Store


class NeffDigests:
    """What the journal and the store name; `refresh` reads what has come since."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._read: dict[int, int] = {}  # inode of a journal → bytes of it that were read
        self._keys: set[str] = set()
        self._marks: set[int] = set()

    def __contains__(self, digest: str) -> bool:
        return int(digest[:_DIGITS], 16) in self._marks

    def refresh(self) -> None:
        """Take in what has been compiled and fetched since."""
        for name in (journal.OLD, journal.NAME):
            try:
                self._journal(f"{self._store.path}/{local.JOURNAL}/{name}")
            except OSError:
                continue
        for _used, _size, key in keep.entries(self._store):
            if key not in self._keys:
                self._keys.add(key)
                self._bundle(key)

    def _journal(self, path: str) -> None:
        fd = files.open_read(path)
        try:
            found = posix.fstat(fd)
            inode, at = found.st_ino, self._read.get(found.st_ino, 0)
            if at > found.st_size:  # another file has that number now
                at = 0
            while piece := posix.pread(fd, _PIECE, at):
                whole = piece.rfind(b"\n") + 1
                self._lines(piece[:whole])
                at += whole or len(piece)
                if not whole and len(piece) < _PIECE:
                    at -= len(piece)  # a line that is being written
                    break
            self._read[inode] = at
        finally:
            posix.close(fd)

    def _lines(self, text: bytes) -> None:
        at = text.find(_FIELD)
        while at >= 0:
            at += len(_FIELD)
            try:
                self._marks.add(int(text[at : at + _DIGITS], 16))
            except ValueError:
                pass
            at = text.find(_FIELD, at)

    def _bundle(self, key: str) -> None:
        try:
            bundle = read.open_bundle(self._store.entry_path(key), key)
        except (EntryError, OSError):
            return
        posix.close(bundle.fd)
        self._marks.add(int(bundle.index.members[0].digest[:_DIGITS], 16))
