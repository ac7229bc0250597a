"""Door: the uploader: one process for each destination with its credential, until nothing waits."""

import posix
import time

from neffcache import absences, backlog, breaker, config, files, locks, processes, publishing, queue
from neffcache.errors import NeffcacheError, SettingError
from neffcache.queue import Marker
from neffcache.store import local
from neffcache.store.local import Store
from neffcache.sync import pacing

NAME = "neffcache-sync"
_SENDER = "neffcache.sync.sender"
# Ends when nothing has come for so long; a compile starts it again.
_IDLE = 3.0
_PAUSE = 0.1
# While entries are gathered: how soon `flush` is heard.
_LOOK = 0.25
# A starter looks at the lock for an instant: that must not pass for another uploader.
_FOR_LOCK = 0.25
# With the remote failing for so long it ends; the markers wait for the next compile or `flush`.
_OUTAGE = 3600.0
_LIMIT = 4096
# Writes are synced to disks far away: this many times the patience of a read.
_PATIENCE = 12

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.locks import Lock
    from neffcache.queue import Destination


def main(arguments: "list[str]") -> None:
    """Empty a destination's queue: `<store> <destination>`."""
    processes.detach(NAME)
    try:
        run(Store(arguments[0]), arguments[1], dict(posix.environ))
    except (NeffcacheError, OSError):
        pass  # the markers stay, and `stats` says what they wait for
    posix._exit(0)


def run(store: Store, name: str, environ: "Mapping[bytes, bytes]") -> None:
    """Send until nothing has waited for a while; at once when another process does it already.

    Raises:
        SettingError: the destination cannot be told.
        OSError: the store has become unusable.
    """
    destination = queue.read_destination(store, name)
    if queue.why_not(store, destination, environ):
        return
    work = _Work(store, destination, environ)
    while True:
        try:
            lock = _lock(store, name)
            if lock is None:
                return
        except locks.NoLocks:
            lock = None  # several may run; publishing is create-only
        try:
            patient = work.until_idle()
        finally:
            if lock is not None:
                lock.release()
        # Whoever queued while we were about to let go saw us running, and started nobody.
        if not patient or not queue.keys(store, name):
            return


def _lock(store: Store, name: str) -> "Lock | None":
    deadline = time.monotonic() + _FOR_LOCK
    while True:
        lock = locks.try_lock(queue.lock_path(store, name))
        if lock is not None or time.monotonic() >= deadline:
            return lock
        time.sleep(_PAUSE / 4)


class _Work:
    """The queue of one destination, and how its remote has behaved."""

    def __init__(
        self, store: Store, destination: "Destination", environ: "Mapping[bytes, bytes]"
    ) -> None:
        self._store = store
        self._destination = destination
        self._environ = environ
        self._breaker = f"write-{destination.name}"
        self._silence = _PATIENCE * _timeout(environ)
        self._pace = pacing.of(store, destination, environ)
        self._request = f"{store.path}/{local.QUEUE}/{destination.name}/{queue.FLUSH}"
        self._heard = files.state(self._request)
        self._blamed: dict[str, int] = {}
        self._deaths = 0  # of senders, one after the other
        self._failing = False  # at the last attempt
        self._well = time.monotonic()  # when the remote was last known to work, or not yet known

    def until_idle(self) -> bool:
        """Send what comes; False when the remote has failed for too long, or the store is gone."""
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < _IDLE:
            keys = queue.keys(self._store, self._destination.name)
            if not keys:
                time.sleep(_PAUSE)
                continue
            if self._is_to_make_room():
                return False
            # What failed before goes last: one entry that cannot be sent must not stop the others.
            keys.sort(key=lambda key: self._blamed.get(key, 0))
            batch = self._pace.due(keys)
            if not batch:
                self._well = max(self._well, time.monotonic())  # not asked, so not failing
                time.sleep(_LOOK)
            elif not self._round(batch):
                return False
            idle_since = time.monotonic()
        return True

    def _is_to_make_room(self) -> bool:
        """Whether a `flush` that has come since may do better than we do, or wants it otherwise."""
        request = files.state(self._request)
        if request is None or request == self._heard:
            return False
        self._heard = request
        if not publishing.commits(self._destination.remote):
            # The keys of our environment may have expired, or there were none when we began.
            return self._failing
        try:
            terms = files.read(self._request, _LIMIT).decode("ascii", "replace")
        except OSError:
            return False
        return bool(terms) and terms != publishing.terms(self._environ)

    def _round(self, keys: "list[str]") -> bool:
        """One batch, or a pause while the remote is to be left alone; False: give up."""
        permit = breaker.ask(self._store, self._breaker)
        if permit is None:
            return self._pause()
        told = _Told("the last process that wrote there still hangs")
        try:
            if not self._pace.start():
                return self._pause()
            if not processes.reap_abandoned():
                told = self._send(keys)
            self._pace.end(told.committed or not told.certain)
            if told.committed:
                absences.forget(self._store, self._destination.name)
            self._failing = bool(told.problem)
            if told.problem:
                permit.fail(told.problem, told.pause)
                # As long as it asked to be left alone it is not failing.
                self._well = max(self._well, time.monotonic() + told.pause)
            else:
                permit.succeed()
                self._well = time.monotonic()
        finally:
            permit.leave()
        return True

    def _pause(self) -> bool:
        time.sleep(_PAUSE)  # `flush` removes the stamp to have it tried at once: so look often
        there = files.state(f"{self._store.path}/{local.QUEUE}/{self._destination.name}")
        return there is not None and time.monotonic() - self._well < _OUTAGE

    def _send(self, keys: "list[str]") -> "_Told":
        """Have a child send a batch."""
        argv = processes.python(_SENDER, self._store.path, self._destination.name, *keys)
        left = list(keys)
        told = _Told()
        sender = processes.Helper(argv, self._environ)
        try:
            # To its very end: stopped behind its last word it could not tidy up.
            while (line := sender.line(self._silence)) is not None:
                word, _, detail = line.partition(" ")
                if not told.hear(word, detail):
                    left.remove(self._settle(word, detail))
        except processes.Silent:
            told.certain = False
            told.problem = f"silent for {self._silence:g} s"
        finally:
            sender.stop()
        if left:
            self._look_into(told, left)
        else:
            self._deaths = 0
        return told

    def _look_into(self, told: "_Told", left: "list[str]") -> None:
        """Some entries were not sent: whose fault may it be?"""
        self._deaths = 0 if told.problem else self._deaths + 1
        if not told.problem:
            told.certain = False
            told.problem = "the process that writes there died"
        if told.narrow or self._deaths > 1:
            self._pace.narrow()
            blamed = left
        else:
            blamed = told.failing or left[: self._pace.at_fault]
        for key in blamed:
            self._blamed[key] = self._blamed.get(key, 0) + 1

    def _settle(self, word: str, detail: str) -> str:
        """Take an entry's marker out of the queue: its key."""
        key, _, reason = detail.partition(" ")
        path = f"{self._store.path}/{local.QUEUE}/{self._destination.name}/{key}"
        marker = Marker(self._destination, key, path)
        if word == "sent" or files.state(path) is None:  # or somebody else sees to it now
            files.discard(path)
        else:
            backlog.bury(self._store, marker, reason)
            # Compiled and queued anew in this very moment: its marker may be the one just taken.
            if word == "gone" and files.state(self._store.entry_path(key)) is not None:
                queue.put(self._store, self._destination, key)
        return key


class _Told:
    """What a sender told.

    Attributes:
        problem: what went wrong with the remote, or ""; pause: seconds for which it asked to be
            left alone; narrow: whether fewer entries at once may be taken.
        committed: whether it made a commit; certain: whether what it told is all there is.
        failing: keys that the remote did not take now.
    """

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        self.pause = 0.0
        self.narrow = self.committed = False
        self.certain = True
        self.failing: list[str] = []

    def hear(self, word: str, detail: str) -> bool:
        """Take in a line; False when it is about an entry."""
        if word == "parked":
            seconds, _, why = detail.partition(" ")
            self.pause = float(seconds)
            until = time.strftime("%d %b %H:%M UTC", time.gmtime(time.time() + self.pause))
            detail = f"{breaker.ASKED} until {until}: {why}"
        self.narrow = self.narrow or word == "narrow"
        self.committed = self.committed or word == "committed"
        if word == "failing":
            self.failing.append(detail)
            return True
        if word in ("failed", "parked", "narrow"):
            self.problem = detail
            return True
        return word in ("busy", "committed")


def _timeout(environ: "Mapping[bytes, bytes]") -> float:
    try:
        return config.load(environ).remote_timeout
    except SettingError:
        return 5.0
