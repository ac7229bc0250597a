"""Door: the watcher: one process for a host and its destinations, as long as any job is there."""

import posix
import time

from neffcache import config, files, locks, processes, watching
from neffcache.errors import NeffcacheError
from neffcache.store.local import Store
from neffcache.sync.attention import Attention

NAME = "neffcache-watch"
# How soon it looks again when nothing wakes it, and while it seems that everybody has gone.
_TICK, _SOON = 1.0, 0.2
# Jobs that follow each other so closely count as one.
_LINGER = 2.0
# A starter looks at the lock for an instant: that must not pass for another watcher.
_FOR_LOCK, _PAUSE = 0.25, 0.02
# Without locks nobody can tell when the last job has ended: it ends after so long.
_BOUND = 3600.0
_NICE = 10
_NO_LOCKS = (
    "locks do not work in the store's file system: the watcher cannot tell when a job ends, and "
    "stays for an hour; set NEFFCACHE_DIR to a local directory"
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.locks import Lock
    from neffcache.watching import Watch


def main(arguments: "list[str]") -> None:
    """Watch until nobody is present: `<store> <name of the watch>`."""
    processes.detach(NAME)
    try:
        posix.nice(_NICE)
    except OSError:
        pass
    try:
        run(Store(arguments[0]), arguments[1], dict(posix.environ))
    except (NeffcacheError, OSError):
        pass  # what was noticed is queued, and the rest is found by the next one
    posix._exit(0)


def run(store: Store, name: str, environ: "Mapping[bytes, bytes]") -> None:
    """Watch; at once at the end when another process does it, or the settings have changed since.

    Raises:
        SettingError: the settings are wrong; OSError: the store has become unusable.
    """
    watch = watching.of(store, config.load(environ), environ)
    if files.basename(watch.directory) != name:
        return
    while True:
        for_good = False
        try:
            lock = _lock(watch)
            if lock is None:
                return
        except locks.NoLocks:
            if watching.is_served(watch):
                return
            lock, for_good = None, True
        files.discard(f"{watch.directory}/{watching.STARTED}")
        try:
            _Watcher(watch, environ, lock).until_alone()
        finally:
            if lock is not None:
                # One that was taken away may be another watcher's by now.
                for_good = not locks.is_at(lock.fd, lock.path)
                lock.release(remove=not for_good)
        # Whoever came while we were about to let go saw us running, and started nobody.
        if for_good or not watching.is_attended(watch):
            return


def _lock(watch: "Watch") -> "Lock | None":
    deadline = time.monotonic() + _FOR_LOCK
    while True:
        lock = locks.try_lock(f"{watch.directory}/{watching.LOCK}")
        if lock is not None or time.monotonic() >= deadline:
            return lock
        time.sleep(_PAUSE)


class _Watcher:
    """The loop: look, answer, wait."""

    def __init__(
        self, watch: "Watch", environ: "Mapping[bytes, bytes]", lock: "Lock | None"
    ) -> None:
        self._watch = watch
        self._lock = lock
        self._attention = Attention(watch, environ)
        self._started = self._seen = time.monotonic()
        self._saved = _last_save(watch)
        self._attended = True
        if lock is None:
            self._attention.problem = _NO_LOCKS

    def until_alone(self) -> None:
        """Until nobody has been present for a moment, or the store is gone. Raises OSError."""
        attention = self._attention
        attention.begin()
        while self._is_wanted():
            attention.look()
            self._answer_save()
            self._answer_exit()
            attention.publish()
            attention.wait(_TICK if self._attended else _SOON)
        if self._is_ours():
            attention.finish()
            self._answer_exit()
            attention.end()

    def _is_wanted(self) -> bool:
        now = time.monotonic()
        if self._lock is None:
            return now - self._started < _BOUND
        self._attended = self._is_attended()  # half of what a look costs: once is enough
        if self._attended:
            self._seen = now
        return self._is_ours() and now - self._seen < _LINGER

    def _is_attended(self) -> bool:
        try:
            return self._lock is None or watching.is_attended(self._watch)
        except (locks.NoLocks, OSError):
            return False

    def _is_ours(self) -> bool:
        """Whether the lock is still the one that others would find: the store may be removed."""
        if self._lock is None:
            return files.state(self._watch.directory) is not None
        return locks.is_at(self._lock.fd, self._lock.path)

    def _answer_save(self) -> None:
        """See to a save that nobody has seen to."""
        path = f"{self._watch.directory}/{watching.SAVE}"
        asked = files.state(path)
        if asked is None or asked[3] in (0, self._saved):
            return
        self._attention.save()
        self._saved = asked[3]
        self._write(path + watching.TAKEN, str(self._saved))

    def _answer_exit(self) -> None:
        """See to a job's end: taken first, so that one which comes meanwhile is another one."""
        path = f"{self._watch.directory}/{watching.EXIT}"
        taken = path + watching.TAKEN
        try:
            posix.rename(path, taken)
        except FileNotFoundError:
            if files.state(taken) is None:  # else another watcher died over it
                return
        asked = watching.number(taken)
        self._attention.finish()
        self._attention.publish()
        self._write(f"{self._watch.directory}/{watching.ANSWER}", repr(asked))
        files.discard(taken)

    def _write(self, path: str, text: str) -> None:
        try:
            files.publish(path, text.encode())
        except OSError as error:
            self._attention.problem = f"nothing can be written ({error.strerror}): make room"


def _last_save(watch: "Watch") -> int:
    """When the save was that another watcher has seen to last, ns."""
    try:
        return int(files.read(f"{watch.directory}/{watching.SAVE}{watching.TAKEN}", 64))
    except (OSError, ValueError):
        return 0
