"""Door: locks of entries that stay: freed when their taker is shown to be dead."""

import posix

from neffcache import orphans
from neffcache.errors import RemoteError
from neffcache.hub import installed
from neffcache.native import names

# How long a lock has to have been there, and how often its taker is then looked for.
_PATIENCE, _PAUSE = 5.0, 30.0
# How often locks are looked for, and in how many entries at once.
_LOOK, _SOME = 5.0, 64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.store.local import Store
    from neffcache.sync.scanning import NativeRoot


class Stuck:
    """The locks that were seen in entries that are not whole.

    Attributes:
        cleared: how many were removed.
    """

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._due: dict[str, float] = {}  # lock → when its taker is looked for
        self._turn: dict[str, int] = {}  # root → the entry that is next
        self._next = 0.0
        self.cleared = 0
        try:
            installed.make_importable("psutil")
        except RemoteError:
            pass  # then nothing can be shown, and nothing is removed

    def look(self, root: "NativeRoot", now: float) -> None:
        """Look for locks in some of a root's entries, and free those that nobody holds."""
        seen = self._locks(root)
        for path in seen:
            due = self._due.setdefault(path, now + _PATIENCE)
            if now >= due:
                self._due[path] = now + _PAUSE
                self.cleared += orphans.clear(self._store, path, "watch")

    def is_time(self, now: float) -> bool:
        """Whether to look now; what was not seen for long is forgotten."""
        if now < self._next:
            return False
        self._next = now + _LOOK
        self._due = {path: due for path, due in self._due.items() if now - due < 10 * _PAUSE}
        return True

    def _locks(self, root: "NativeRoot") -> "list[str]":
        young = root.young
        start = self._turn.get(root.path, 0)
        self._turn[root.path] = start + _SOME if start + _SOME < len(young) else 0
        found = []
        for entry in young[start : start + _SOME]:
            directory = f"{root.path}/{entry}"
            try:
                inside = posix.listdir(directory)
            except OSError:
                continue
            found += [f"{directory}/{name}" for name in inside if name.endswith(names.LOCK)]
        return found
