"""Door: one root of libneuronxla's cache: which of its entries may be new and whole."""

import heapq
import posix
import time

from neffcache import files
from neffcache.native import names
from neffcache.sync import mounts
from neffcache.sync.known import MOST, mark

# How soon it is looked at again: where the kernel tells of changes that are made by others, too.
_LOCAL, _FAR = 1.0, 5.0
# A directory's time may stay the same through two changes that are so close to each other.
_COARSE = 11.0
# All that is there is looked at again after so many times as long as the last time took.
_REST, _LEAST_REST = 5000.0, 30.0
# An entry in the making: how often, in parts of the time since it was first seen.
_SHARE, _OFTEN, _RARELY = 8, 1.0, 15.0
_MOST_VERSIONS = 200

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from neffcache.sync.known import Known


class Candidate:
    """An entry with a `model.done` that has not been seen to.

    Attributes:
        entry: its name; mark: stands for it as it was made (see `known.mark`).
    """

    __slots__ = ("entry", "mark")

    def __init__(self, entry: str, made: int) -> None:
        self.entry = entry
        self.mark = made


class NativeRoot:
    """A root and what is known of it. Nothing but version directories and their entries is read.

    Attributes:
        how: how it is watched, or why it is not; problem: what is wrong with it, or "".
        known: the entries that have been seen to.
        is_new: whether nobody has looked yet; a root that is not there has been looked at.
        settled: marks of those that are not for the queue, as long as this process runs.
    """

    def __init__(self, path: str, known: "Known") -> None:
        self.path = path
        self.known = known
        self.settled: set[int] = set()
        self.how, self.problem = "not there", ""
        self._identity: tuple[int, int] | None = None
        self._versions: dict[str, _Listing] = {}
        self._top = _Listing()
        self._young: dict[str, float] = {}  # entry → when it was first seen
        self._due: list[tuple[float, str]] = []
        self._next = self._full_at = 0.0
        self._local = False
        self.is_new = True

    @property
    def directories(self) -> "list[str]":
        """Those in which something new appears, where the kernel tells of that."""
        if self._identity is None or not self._local:
            return []
        return [self.path, *(f"{self.path}/{name}" for name in self._versions)]

    @property
    def young(self) -> "list[str]":
        """The entries that are not whole, or were not when last looked at; the newest first."""
        return list(reversed(self._young))

    def look(self, now: float, *, full: bool = False) -> "list[Candidate]":
        """What may be new and whole.

        Args:
            now: by the clock that nobody sets; full: look at everything that is there.
        """
        if now < self._next and not full:
            return []
        self.problem = ""
        try:
            found = list(self._look(now, full or now >= self._full_at))
        except OSError as error:
            found, self.how = [], "unreadable"
            self.problem = f"{self.path} cannot be read ({error.strerror}); let this user read it"
        else:
            self.is_new = False
        self._next = now + (_LOCAL if self._local or self._identity is None else _FAR)
        return found

    def again(self, entry: str, now: float) -> None:
        """An entry is not whole yet: look at it again."""
        first = self._young.setdefault(entry, now)
        heapq.heappush(self._due, (now + min(max((now - first) / _SHARE, _OFTEN), _RARELY), entry))

    def _look(self, now: float, full: bool) -> "Iterator[Candidate]":
        if not self._is_there():
            return
        started = time.process_time(), time.monotonic()
        present: set[int] = set()
        self._list_versions(now, full)
        for version, listing in list(self._versions.items()):
            yield from self._list_entries(version, listing, now, present if full else None)
        yield from self._look_at_young(now, full)
        if full:
            self.known.begin()
            self.known.shrink(present)
            took = max(time.process_time() - started[0], (time.monotonic() - started[1]) / 10)
            self._full_at = now + max(_REST * took, _LEAST_REST)

    def _is_there(self) -> bool:
        """Whether the root is there; it may be another directory than before."""
        identity = mounts.identity(self.path)
        if identity != self._identity:
            self._identity = identity
            self._versions, self._top = {}, _Listing()
            self._young, self._due = {}, []
            self._local = identity is not None and mounts.tells(mounts.kind(self.path))
        if identity is None:
            self.how = "not there"
            self.known.begin()
        else:
            self.how = "polling"
        return identity is not None

    def _list_versions(self, now: float, full: bool) -> None:
        if not self._top.is_due(self.path, now, full):
            return
        found = [name for name in _listed(self.path) if names.is_version(name)]
        if len(found) > _MOST_VERSIONS:
            self.problem = f"{self.path} holds {len(found)} versions: only some are watched"
        self._versions = {
            name: self._versions.get(name) or _Listing() for name in sorted(found)[-_MOST_VERSIONS:]
        }

    def _list_entries(
        self, version: str, listing: "_Listing", now: float, present: "set[int] | None"
    ) -> "Iterator[Candidate]":
        """New names become young; when looking at everything, the others are asked, too."""
        path = f"{self.path}/{version}"
        try:
            if not listing.is_due(path, now, present is not None):
                return
            found = {name for name in _listed(path) if names.is_entry(f"{version}/{name}")}
        except (FileNotFoundError, NotADirectoryError):
            return  # removed in this moment
        except OSError as error:
            self.problem = f"{path} cannot be read ({error.strerror}); let this user read it"
            return
        if len(found) > MOST:
            self.problem = f"{path} holds {len(found)} entries: only {MOST} are watched"
            found = set(sorted(found)[:MOST])
        fresh = found - listing.found
        listing.found = found
        for name in found if present is not None else fresh:
            yield from self._ask(f"{version}/{name}", now, present)

    def _look_at_young(self, now: float, full: bool) -> "Iterator[Candidate]":
        if full:
            return  # each was asked with the others
        while self._due and self._due[0][0] <= now:
            entry = heapq.heappop(self._due)[1]
            if entry in self._young:
                yield from self._ask(entry, now, None)

    def _ask(self, entry: str, now: float, present: "set[int] | None") -> "Iterator[Candidate]":
        """One question to the disk: has it a `model.done`, and of when?"""
        try:
            found = posix.lstat(f"{self.path}/{entry}/{names.DONE}")
        except (FileNotFoundError, NotADirectoryError):
            if present is None or entry not in self._young:
                self._unless_gone(entry, now)
            return
        except OSError:
            self._young.pop(entry, None)  # not for our eyes
            return
        made = mark(entry, found.st_mtime_ns)
        if present is not None:
            present.add(made)
        self._young.pop(entry, None)
        if made not in self.known and made not in self.settled:
            yield Candidate(entry, made)

    def _unless_gone(self, entry: str, now: float) -> None:
        if files.state(f"{self.path}/{entry}") is None:
            self._young.pop(entry, None)
        else:
            self.again(entry, now)


class _Listing:
    """A directory as it was when it was last listed.

    Attributes:
        found: the names of entries in it.
    """

    __slots__ = ("_changed", "_inode", "_listed", "_time", "found")

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._time = self._inode = -1
        self._changed = self._listed = 0.0

    def is_due(self, path: str, now: float, full: bool) -> bool:
        """Whether it may have changed. Raises OSError."""
        found = posix.stat(path)
        if found.st_ino != self._inode:  # made anew: so are those in it that are called as before
            self._inode, self.found = found.st_ino, set()
        if found.st_mtime_ns != self._time:
            self._time, self._changed, full = found.st_mtime_ns, now, True
        # Again after one second, after two, after four ...
        since = now - self._changed
        if not full and (since >= _COARSE or now - self._listed < since / 2):
            return False
        self._listed = now
        return True


def _listed(path: str) -> "list[str]":
    """The names of the directories in a directory, links left out. Raises OSError."""
    with posix.scandir(path) as found:
        return [one.name for one in found if one.is_dir(follow_symlinks=False)]
