"""Door: entries that may be new: each is judged, queued, and only then written down as known."""

import posix
import time

from neffcache import files, jobs, neff, planted, queue, queueing
from neffcache.errors import EntryError
from neffcache.native import names, opening, state

# So many are judged before they are queued, and written down, together.
_TOGETHER = 2000
# Bytes of NEFFs that may be walked at once, and how many come back in a second: the watcher works
# beside a training. What is over is judged by its header; whoever sends it walks it anyway.
_MOST, _A_SECOND = 64 << 20, 8 << 20
_HEAD = 64 << 10
_SETTLED, _LATER, _NEW = "settled", "later", "new"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from neffcache.native.opening import Opened
    from neffcache.sync.scanning import Candidate, NativeRoot
    from neffcache.watching import Watch


class Allowance:
    """How many bytes may be read for checks just now."""

    def __init__(self) -> None:
        self._left = float(_MOST)
        self._time = time.monotonic()

    def take(self, size: int) -> bool:
        """Whether so many may be read; then they are gone. One that is larger than all may, too."""
        now = time.monotonic()
        self._left = min(self._left + (now - self._time) * _A_SECOND, _MOST)
        self._time = now
        if size > self._left and self._left < _MOST:
            return False
        self._left -= size
        return True


class Noticing:
    """What became of the entries of all roots.

    Attributes:
        noticed, queued: how many were new, and how many of them were queued.
        problem: why entries could not be queued, or "".
        refused: one line for the last entry that is not for the queue, or "".
    """

    def __init__(self, watch: "Watch", allowance: Allowance) -> None:
        self._watch = watch
        self._allowance = allowance
        self.noticed = self.queued = 0
        self.problem = self.refused = ""

    def take(self, root: "NativeRoot", found: "Sequence[Candidate]", now: float) -> None:
        """Judge entries of a root and queue the new ones; those that are not whole are for later.

        Where the queue takes none they come again with the next look at everything.
        """
        for start in range(0, len(found), _TOGETHER):
            new: list[Candidate] = []
            for one in found[start : start + _TOGETHER]:
                word = self._judge(root.path, one.entry)
                if word == _LATER:
                    root.again(one.entry, now)
                elif word == _SETTLED:
                    root.settled.add(one.mark)
                else:
                    new.append(one)
            try:
                self._queue(root, new)
            except OSError as error:
                self.problem = (
                    f"entries cannot be queued ({error.strerror}): make room in "
                    f"{self._watch.store.path}; they stay where they are and are found again"
                )
                for one in new:
                    root.again(one.entry, now)
                return
            if new:
                self.problem = ""

    def skip(self, root: "NativeRoot", found: "Sequence[Candidate]") -> None:
        """Take entries as known that are not to be queued."""
        root.known.add([one.mark for one in found])

    def _queue(self, root: "NativeRoot", new: "Sequence[Candidate]") -> None:
        if not new:
            return
        natives = [(root.path, one.entry) for one in new]
        for destination in self._watch.natives:
            queueing.put_natives(self._watch.store, destination, natives)
            keys = [queue.native_key(*native) for native in natives]
            jobs.found(self._watch.store, destination.name, keys)
        root.known.add([one.mark for one in new])
        self.noticed += len(new)
        if self._watch.natives:
            self.queued += len(new)

    def _judge(self, root: str, entry: str) -> str:
        try:
            if state.of(posix.listdir(f"{root}/{entry}")) != state.WHOLE:
                return _LATER
            if planted.knows(self._watch.store, f"{root}/{entry}"):
                return _SETTLED  # a remote has it
            opened = opening.open_entry(root, entry)
        except EntryError as error:
            if str(error) in state.WHY.values():
                return _LATER  # somebody has locked it meanwhile, if only to read it
            self.refused = f"{entry}: {error}"
            return _SETTLED
        except OSError:
            return _LATER  # gone, or changing just now
        try:
            problem = self._check(opened)
        except OSError as error:
            problem = str(error.strerror)
        finally:
            opened.close()
        if problem:
            self.refused = f"{entry}: {names.NEFF} is not complete: {problem}"
        return _SETTLED if problem else _NEW

    def _check(self, opened: "Opened") -> str:
        """What is wrong with the NEFF, as far as may be looked at now; "" for nothing."""
        size = opened.size(names.NEFF)
        check = neff.Check(size)
        fd = files.open_read(opened.path(names.NEFF))
        try:
            if not self._allowance.take(size):
                check.feed(posix.read(fd, neff.HEADER))
                return check.stopped()
            while part := posix.read(fd, _HEAD):
                check.feed(part)
        finally:
            posix.close(fd)
        return check.finish()
