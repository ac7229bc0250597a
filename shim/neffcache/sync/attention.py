"""Door: all that a watcher looks at: roots, locks, NEFFs; and having sent what was found."""

import threading
import time

from neffcache import config, files, publishing, queue, watched, watching
from neffcache.cache.neff_digests import NeffDigests
from neffcache.queue import Marker
from neffcache.store import local
from neffcache.sync import roots
from neffcache.sync.events import Events
from neffcache.sync.known import Known
from neffcache.sync.neffs import NeffRoot
from neffcache.sync.noticing import Allowance, Noticing
from neffcache.sync.scanning import NativeRoot
from neffcache.sync.stuck import Stuck

# Words of the setting `upload`.
_SAVE, _EAGER, _OFF = "save", "eager", "off"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neffcache.queue import Destination
    from neffcache.watching import Watch


class Attention:
    """What is watched for one watch, and what has come of it.

    Attributes:
        problem: one that does not go away.
    """

    def __init__(self, watch: "Watch", environ: "Mapping[bytes, bytes]") -> None:
        self._watch = watch
        self._environ = environ
        self._catch_up = config.load(environ).catch_up
        self._wake = threading.Event()
        self._events = Events(self._wake)
        self._allowance = Allowance()
        self._noticing = Noticing(watch, self._allowance)
        self._digests = NeffDigests(watch.store)
        self._stuck = Stuck(watch.store)
        self._natives: dict[str, NativeRoot] = {}
        self._neffs: dict[str, NeffRoot] = {}
        self._before = watched.read(watch.directory)
        self._published, self._said = b"", 0.0
        self._asked: tuple[int, ...] | None = None
        self.problem = ""

    def begin(self) -> None:
        """Look at everything once, and have sent what earlier jobs left in the queue."""
        self.look()
        if self._watch.upload != _OFF:
            self._start(watching.waiting(self._watch, self._watch.destinations))
        self.publish()

    def wait(self, seconds: float) -> None:
        """Until something happens, or for so long."""
        self._wake.wait(seconds)
        self._wake.clear()

    def look(self, *, full: bool = False) -> None:
        """See what is new, and queue it.

        Args:
            full: look at everything, also at what could have waited.
        """
        now = time.monotonic()
        self._take_roots()
        queued = self._noticing.queued
        for root in self._natives.values():
            self._look_at(root, now, full)
        if self._stuck.is_time(now):
            for root in self._natives.values():
                self._stuck.look(root, now)
        for neffs in self._neffs.values():
            if neffs.first:
                self._look_first(neffs, now)
            neffs.look(now, self._allowance, full=full)
        self._follow()
        if self._noticing.queued > queued and self._watch.upload == _EAGER:
            self._start(self._watch.natives)

    def save(self) -> None:
        """A checkpoint was saved: what waits goes as soon as the hour's commits allow."""
        if self._watch.upload not in (_SAVE, _EAGER):
            return
        self.look(full=True)
        waiting = watching.waiting(self._watch, self._watch.destinations)
        queue.hasten([self._marker(one) for one in waiting])
        self._start(waiting)

    def finish(self) -> None:
        """A job ends: everything is looked at, and what waits is sent now. Raises OSError."""
        self.look(full=True)
        if self._watch.upload == _OFF:
            return
        waiting = watching.waiting(self._watch, self._watch.destinations)
        for one in waiting:
            if publishing.commits(one.remote):
                queue.ask_flush(self._watch.store, one.name, publishing.terms(self._environ))
        self._start(waiting)

    def end(self) -> None:
        """The last job has ended: write down that nothing was left half done."""
        for known in [one.known for one in self._natives.values()]:
            known.end()
        for known in [one.known for one in self._neffs.values()]:
            known.end()
        self.publish()

    def publish(self) -> None:
        """Say how things stand, if that has changed; a full disk is no reason to stop."""
        text = self._state().text()
        now = time.monotonic()
        if text == self._published and now - self._said < watching.BEAT:
            return
        try:
            files.publish(f"{self._watch.directory}/{watching.STATE}", text)
        except OSError:
            return
        self._published, self._said = text, now

    def _look_first(self, neffs: NeffRoot, now: float) -> None:
        neffs.look(now, self._allowance)
        if not neffs.first and self._is_to_skip(neffs.known):
            neffs.skip()

    def _look_at(self, root: NativeRoot, now: float, full: bool) -> None:
        first = root.is_new
        found = root.look(now, full=full)
        if first and not root.is_new and self._is_to_skip(root.known):
            self._noticing.skip(root, found)
        elif found:
            self._noticing.take(root, found, now)

    def _is_to_skip(self, known: Known) -> bool:
        """Whether what was there before us is not for us: not when a watcher died at work."""
        return not self._catch_up and (known.is_new or known.ended)

    def _take_roots(self) -> None:
        """The directories that jobs have asked for."""
        asked = files.state(f"{self._watch.directory}/{watching.ROOTS}")
        if asked == self._asked:
            return
        self._asked = asked
        found = roots.asked(self._watch.directory)
        for path, kind in found:
            name = files.digest(files.encode(f"{kind}:{path}"))[:32]
            record = self._watch.known + name
            if kind == watching.NATIVE and path not in self._natives:
                self._natives[path] = NativeRoot(path, Known(record))
            elif kind == watching.NEFFS and path not in self._neffs:
                self._neffs[path] = NeffRoot(path, Known(record), self._digests)

    def _follow(self) -> None:
        """Be woken by what can tell of changes: requests, roots, versions."""
        paths = [self._watch.directory, f"{self._watch.directory}/{watching.ROOTS}"]
        for root in self._natives.values():
            paths += root.directories
        followed = self._events.follow(paths)
        for root in self._natives.values():
            if root.path in followed:
                root.how = "inotify"

    def _start(self, destinations: "Sequence[Destination]") -> None:
        """Start uploaders, where none run; without a process they wait for the next one."""
        markers = [self._marker(one) for one in destinations]
        try:
            queue.start_uploaders(self._watch.store, markers, self._environ)
        except OSError as error:
            self.problem = f"no uploader could be started ({error.strerror})"

    def _marker(self, destination: "Destination") -> Marker:
        directory = f"{self._watch.store.path}/{local.QUEUE}/{destination.name}"
        return Marker(destination, "", f"{directory}/-")

    def _state(self) -> watched.State:
        made = watched.State()
        made.noticed = self._before.noticed + self._noticing.noticed
        made.queued = self._before.queued + self._noticing.queued
        made.past = self._before.past + sum(one.past for one in self._neffs.values())
        rows = [(watching.NATIVE, one.how, one.path) for one in self._natives.values()]
        rows += [(watching.NEFFS, one.how, one.path) for one in self._neffs.values()]
        # Places where a framework may put something one day are of interest once it has.
        made.roots = [row for row in rows if row[0] == watching.NATIVE or row[1] != "not there"]
        problems = [self.problem, self._noticing.problem, self._noticing.refused]
        problems += [one.problem for one in self._natives.values()]
        problems += [one.problem for one in self._neffs.values()]
        problems.append(self._events.problem)
        made.problems = [one for one in problems if one]
        return made
