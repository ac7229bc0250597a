"""World: one `neffcache run` and what it left to upload: a directory held locked while it runs."""

import posix
import time

from neffcache import breaker, files, locks
from neffcache.store import local

VARIABLE = b"NEFFCACHE_JOB"
DIRECTORY = "jobs"
_LOCK = "lock"
_TO = "to-"
_SEPARATOR = "."
# Whoever clears what others left behind may be looking at ours for an instant.
_TRIES, _PAUSE = 100, 0.001
_IN_THE_MAKING = 3600.0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from neffcache.locks import Lock
    from neffcache.queue import Marker
    from neffcache.store.local import Store


class Job:
    """A job that is being run by this process.

    Attributes:
        name: unique; journal lines carry it.
    """

    __slots__ = ("_lock", "_path", "name")

    def __init__(self, name: str, path: str, lock: "Lock | None") -> None:
        self.name = name
        self._path = path
        self._lock = lock

    def sends_to(self, destinations: "Sequence[str]") -> None:
        """Write down where its entries go, by their names in the queue. Raises OSError."""
        for name in destinations:
            posix.close(files.create(f"{self._path}/{_TO}{name}", posix.O_WRONLY))

    def end(self) -> None:
        """Forget what it queued; never fails."""
        _remove(self._path)
        if self._lock is not None:
            self._lock.release(remove=False)
            self._lock = None


class Queued:
    """What became of the entries that a job has queued so far.

    Attributes:
        sent: keys of entries that were uploaded to somewhere.
        waiting, refused: (destination's name, key) of those that wait, and that never go.
    """

    __slots__ = ("refused", "sent", "waiting")

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.waiting: list[tuple[str, str]] = []
        self.refused: list[tuple[str, str]] = []


def begin(store: "Store", given: str) -> Job:
    """Begin a job; directories of those that were killed are cleared on the way.

    Args:
        given: a name of the user's, or of a job that this process came out of; "": none.

    Raises:
        OSError: the store cannot be written.
    """
    _clear(store)
    name = given.partition("@")[0] or "job"
    name += f"@{int(time.time()):x}-{posix.getpid()}-{posix.urandom(4).hex()}"
    path = _path(store, name)
    return Job(name, path, _lock(path))


def is_running(store: "Store", name: str) -> bool:
    """Whether a job's `neffcache run` lives: a variable outlives it in what it left behind."""
    path = _path(store, name)
    try:
        return bool(name) and not locks.is_free(f"{path}/{_LOCK}")
    except OSError:
        return False
    except locks.NoLocks:
        return True  # there is such a job, and nobody can tell more


def queued(store: "Store", name: str, markers: "Sequence[Marker]") -> None:
    """Note what was queued on behalf of a job, should that be running; never fails."""
    if name:
        _note(_path(store, name), [(marker.destination.name, marker.key) for marker in markers])


def found(store: "Store", destination: str, keys: "Sequence[str]") -> None:
    """Note what was queued because it was found: any job that sends there may have made it.

    Args:
        destination: its name in the queue.
    """
    top = f"{store.path}/{DIRECTORY}"
    for name in _names(top):
        if files.state(f"{top}/{name}/{_TO}{destination}") is not None:
            _note(f"{top}/{name}", [(destination, key) for key in keys])


def _note(path: str, rows: "Sequence[tuple[str, str]]") -> None:
    if files.state(f"{path}/{_LOCK}") is None:
        return  # nobody runs it any more, or ever did
    try:
        for row in rows:
            posix.close(files.create(f"{path}/{_SEPARATOR.join(row)}", posix.O_WRONLY))
    except OSError:
        pass  # it ends in this moment, or the disk is full: it is not counted


def look(store: "Store", name: str) -> Queued:
    """What became of what a job has queued: what waits no more and was not refused was sent."""
    made = Queued()
    for one in _noted(_path(store, name)):
        where = "/".join(one)
        if files.state(f"{store.path}/{local.QUEUE}/{where}") is not None:
            made.waiting.append(one)
        elif files.state(f"{store.path}/{local.DEAD}/{where}") is not None:
            made.refused.append(one)
        else:
            made.sent.add(one[1])
    return made


def try_again(store: "Store", destination: str) -> None:
    """Have a destination that failed asked again at once, unless it said itself when to come.

    An uploader that goes on failing makes room for one of this job. Raises OSError.
    """
    name = f"write-{destination}"
    stamp = breaker.read(f"{store.path}/{local.BREAKERS}/{name}")
    if stamp is not None and not stamp.reason.startswith(breaker.ASKED):
        from neffcache import queue

        queue.ask_flush(store, destination)
        breaker.clear(store, name)


def _lock(path: str) -> "Lock | None":
    for _ in range(_TRIES):
        files.make_directories(path)
        try:
            lock = locks.try_lock(f"{path}/{_LOCK}")
        except FileNotFoundError:
            lock = None
        except locks.NoLocks:
            break
        if lock is not None:
            return lock
        time.sleep(_PAUSE)
    return None


def _noted(path: str) -> "Iterator[tuple[str, str]]":
    for name in _names(path):
        destination, dot, key = name.partition(_SEPARATOR)
        if dot and destination and key:
            yield destination, key


def _path(store: "Store", name: str) -> str:
    return f"{store.path}/{DIRECTORY}/{files.digest(files.encode(name))[:32]}"


def _clear(store: "Store") -> None:
    """Remove the directories of jobs whose process has gone without a word."""
    top = f"{store.path}/{DIRECTORY}"
    for name in _names(top):
        path = f"{top}/{name}"
        try:
            if _is_abandoned(path):
                _remove(path)
        except (locks.NoLocks, OSError):
            pass


def _is_abandoned(path: str) -> bool:
    """Whether the process of a directory has gone; without a lock it may be in the making."""
    lock = f"{path}/{_LOCK}"
    if files.state(lock) is not None:
        return locks.is_free(lock)
    made = files.state(path)
    return made is not None and time.time() - made[3] / 1e9 > _IN_THE_MAKING


def _remove(path: str) -> None:
    for name in _names(path):
        files.discard(f"{path}/{name}")
    try:
        posix.rmdir(path)
    except OSError:
        pass


def _names(path: str) -> "list[str]":
    try:
        return posix.listdir(path)
    except OSError:
        return []
