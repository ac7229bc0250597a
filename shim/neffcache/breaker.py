"""World: a remote that failed a moment ago is left alone by all processes of the host."""

import posix
import time

from neffcache import files, locks

FIRST, MOST = 30.0, 600.0
# A pause that the remote itself states is obeyed up to here.
STATED = 7200.0
FIRST_LINE = "neffcache-breaker 1"
# How the reason begins when the remote stated a pause to an uploader.
ASKED = "it asked to be left alone"
# Hosts that failed together do not come back together: up to this share longer.
_JITTER = 0.25
# A stamp further ahead than any we write comes from a clock that has been put back since.
_FARTHEST = STATED + MOST * _JITTER + 5.0
_LIMIT = 4096
_REASON = 500

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.locks import Lock
    from neffcache.store.local import Store


class Stamp:
    """What is known of an outage.

    Attributes:
        failures: how often it was asked in vain, at least 1.
        since, until: seconds of the wall clock: the last failure, and the end of the pause.
        reason: one line.
    """

    __slots__ = ("failures", "reason", "since", "until")

    def __init__(self, failures: int, since: float, until: float, reason: str) -> None:
        self.failures = failures
        self.since = since
        self.until = until
        self.reason = reason


class Permit:
    """Leave to ask a remote now; its holder says how that went, exactly once."""

    __slots__ = ("_before", "_lock", "_path")

    def __init__(self, path: str, before: "Stamp | None", lock: "Lock | None") -> None:
        self._path = path
        self._before = before
        self._lock = lock

    @property
    def probing(self) -> bool:
        """Whether an outage is known, and this is the one who looks whether it is over."""
        return self._before is not None

    def succeed(self) -> None:
        """It answered: the outage, if there was one, is over."""
        if self._before is not None:
            files.discard(self._path)
        self.leave()

    def fail(self, reason: str, pause: float = 0.0) -> "Stamp | None":
        """It failed: leave it alone, twice as long as the last time, or as long as it asked for.

        Args:
            pause: seconds that the remote itself stated (429, Retry-After), obeyed up to STATED
                and never cut short; 0: it stated none.

        Returns:
            The stamp when this is the first that is known of the outage: worth one line to people.
        """
        try:
            return self._fail(reason, pause)
        except OSError:
            return _stamp(1, reason, pause)  # nowhere to write: everyone finds out for himself
        finally:
            self.leave()

    def leave(self) -> None:
        """Neither: what went wrong was not the remote's fault."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _fail(self, reason: str, pause: float) -> "Stamp | None":
        if self._before is not None and self._path:
            files.publish(self._path, _text(_stamp(self._before.failures + 1, reason, pause)))
            return None
        made = _stamp(1, reason, pause)
        if not self._path or _create(self._path, _text(made)):
            return made
        there = read(self._path)
        if pause and (there is None or there.until < made.until):
            files.publish(self._path, _text(made))  # what it stated outlasts our own guess
        return None


def ask(store: "Store | None", name: str) -> "Permit | None":
    """Leave to ask the remote of this name, or None while it is to be left alone.

    Once the pause is over one process asks again, and the others still leave it alone.
    """
    path = stamp_path(store, name)
    stamp = read(path)
    if stamp is None:
        return Permit(path, None, None)
    if time.time() < stamp.until:
        return None
    try:
        lock = locks.try_lock(path + ".probe")
    except (locks.NoLocks, OSError):
        return Permit(path, stamp, None)
    if lock is None:
        return None
    # Whoever probed a moment ago may have come to a result between our look and our lock.
    stamp = read(path)
    if stamp is not None and time.time() < stamp.until:
        lock.release()
        return None
    return Permit(path, stamp, lock)


def stamp_path(store: "Store | None", name: str) -> str:
    """Where the stamp of a name stands; "" when the store cannot hold any."""
    if store is None:
        return ""
    try:
        return files.join(store.directory("breakers"), name)
    except OSError:
        return f"{store.path}/breakers/{name}"


def read(path: str) -> "Stamp | None":
    """The stamp at a path; None when there is none that holds: torn, or from another time."""
    if not path:
        return None
    try:
        stamp = _parse(files.read(path, _LIMIT))
    except OSError:
        return None
    except (ValueError, IndexError):
        files.discard(path)
        return None
    now = time.time()
    if stamp.since > now + 5.0 or stamp.until > now + _FARTHEST:
        files.discard(path)
        return None
    return stamp


def clear(store: "Store", name: str) -> None:
    """Forget an outage: the next one asks at once."""
    files.discard(f"{store.path}/breakers/{name}")


def _stamp(failures: int, reason: str, stated: float) -> Stamp:
    pause = min(FIRST * 2 ** min(failures - 1, 10), MOST)
    if stated > 0:
        # Its first word is believed; who states a second for ever is asked less and less, too.
        pause = max(min(stated, STATED), pause if failures > 1 else 0.0)
    now = time.time()
    late = posix.urandom(1)[0] / 255 * _JITTER * min(pause, MOST)
    line = " ".join(reason.split())[:_REASON]
    return Stamp(failures, now, now + pause + late, line)


def _text(stamp: Stamp) -> bytes:
    body = (
        f"{FIRST_LINE}\nfailures {stamp.failures}\nsince {stamp.since:.3f}\n"
        f"until {stamp.until:.3f}\nreason {stamp.reason}\n"
    ).encode("utf-8", "backslashreplace")
    return body + f"end {files.digest(body)}\n".encode()


def _parse(data: bytes) -> Stamp:
    body, _, end = data.rpartition(b"end ")
    if end.strip().decode() != files.digest(body):
        raise ValueError("torn")
    lines = body.decode().split("\n")
    if lines[0] != FIRST_LINE:
        raise ValueError("unknown version")
    failures, since, until, reason = (line.partition(" ")[2] for line in lines[1:5])
    return Stamp(max(int(failures), 1), float(since), float(until), reason)


def _create(path: str, data: bytes) -> bool:
    """Write a stamp unless one stands there: whether it is ours (one line per outage)."""
    fd, temp = files.temporary(path)
    try:
        try:
            files.write_all(fd, data)
        finally:
            posix.close(fd)
        try:
            posix.link(temp, path)
        except FileExistsError:
            return False
        except OSError:  # no hard links here
            posix.rename(temp, path)
        return True
    finally:
        files.discard(temp)
