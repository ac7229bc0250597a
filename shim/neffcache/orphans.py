"""World: locks of libneuronxla whose taker is dead: shown beyond doubt, or left where they are."""

import posix
import time

from neffcache import files, holders, journal, living, locks, machine
from neffcache.store import local

# How much older than the boot a lock has to be: clocks are only so good.
MARGIN = 60.0
_OPEN = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC
_SUFFIX = ".lock"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.holders import Claim, Process
    from neffcache.store.local import Store


class Verdict:
    """What can be said of a lock's taker.

    Attributes:
        dead: whether that is shown; alive: whether it is seen alive. Mostly neither is.
        why: what shows it, or why nothing can be shown.
        command: clears the lock by hand.
        age: seconds since it was taken, by the clock.
    """

    __slots__ = ("age", "alive", "command", "dead", "why")

    def __init__(self, path: str, why: str, *, dead: bool = False, alive: bool = False) -> None:
        self.why = why
        self.dead = dead
        self.alive = alive
        self.command = f"rm -f -- {_quoted(path)}"
        self.age = 0.0


def judge(store: "Store | None", lock_path: str) -> Verdict:
    """Look at a lock; changes nothing, never raises.

    Args:
        store: whose records tell who took it; None: there are none.
    """
    try:
        fd = posix.open(lock_path, _OPEN)
    except (OSError, ValueError) as error:
        return Verdict(lock_path, _cannot(error))
    try:
        return _judge(store, lock_path, fd)
    except OSError as error:
        return Verdict(lock_path, _cannot(error))
    finally:
        posix.close(fd)


def clear(store: "Store", lock_path: str, door: str = "hook") -> bool:
    """Remove a lock, if its taker is shown to be dead: whether this call did it. Never raises.

    Nobody's new lock is taken for the old one: the file that is removed is the one judged, held
    open meanwhile so that its number stays its own. What was removed is noted in the journal.
    """
    if not lock_path.endswith(_SUFFIX):
        return False
    try:
        fd = posix.open(lock_path, _OPEN)
    except (OSError, ValueError):
        return False
    try:
        verdict = _judge(store, lock_path, fd)
        if not verdict.dead or not _remove_once(store, lock_path, fd):
            return False
    except OSError:
        return False  # read only, or somebody else's
    finally:
        posix.close(fd)
    tell(store, "lock_cleared", f"{lock_path}: {verdict.why}", door)
    return True


def tell(store: "Store", note: str, detail: str, door: str = "hook") -> None:
    """Put something noticed into the journal, outside any call; never raises.

    Args:
        note: an id of the table; door: who noticed it, hook or watch.
    """
    record = journal.Record()
    record.note(note, detail)
    record.set(door=door)
    try:
        journal.append(f"{store.path}/{local.JOURNAL}", record)
    except OSError:
        pass


def _judge(store: "Store | None", path: str, fd: int) -> Verdict:
    found = posix.fstat(fd)
    if not files.is_regular(found.st_mode) or found.st_nlink != 1:
        return Verdict(path, "it is no plain file, as libneuronxla makes them")
    claims = _claims_of(store, path, found) if store else []
    us = holders.here()
    now = [claim for claim in claims if us is None or claim.process.boot == us.boot]
    if _is_locked(fd):
        made = Verdict(path, "a process has it locked", alive=True)
    elif now:
        made = _by_process(path, now, us)
    else:
        made = _by_boot(path, fd, found, claims, store)
    made.age = time.time() - found.st_mtime
    return made


def _claims_of(store: "Store", path: str, found: posix.stat_result) -> "list[Claim]":
    """Who says to have taken this very file; after a boot devices may have other numbers."""
    name = holders.name_of(path)
    return [
        claim
        for claim in holders.claims(store)
        if (claim.inode, claim.changed, claim.name) == (found.st_ino, found.st_ctime_ns, name)
    ]


def _by_process(path: str, claims: "list[Claim]", us: "Process | None") -> Verdict:
    """Of takers of this boot; all who claim it must be dead."""
    for claim in claims:
        taker = claim.process
        shown = f"process {taker.pid}"
        if us is None or (us.pids, us.clock) != (taker.pids, taker.clock):
            return Verdict(path, f"{shown} of another container took it")
        why = living.doubt(taker)
        if why:
            return Verdict(path, f"{shown} took it and {why}", alive=why == living.LIVES)
    return Verdict(path, f"process {claims[0].process.pid} took it and is gone", dead=True)


def _by_boot(
    path: str, fd: int, found: posix.stat_result, claims: "list[Claim]", store: "Store | None"
) -> Verdict:
    """Of takers that can only have lived before this boot."""
    far = machine.local_reason(fd)
    if far:
        return Verdict(path, f"{far}: its taker may live on another machine")
    if claims and store:
        # Written in another boot, to this machine's own disk: no clock has to be believed.
        fd = posix.open(store.path, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
        try:
            far = machine.local_reason(fd)
        finally:
            posix.close(fd)
        if not far:
            return Verdict(path, "its taker lived before this boot", dead=True)
    boot, doubt = machine.booted()
    return by_age(path, max(found.st_ctime, found.st_mtime), boot, doubt)


def by_age(path: str, taken: float, boot: float, doubt: str) -> Verdict:
    """Of a lock on this machine's own disk that nobody claims: by the clock alone.

    Args:
        taken: when the file last changed; boot: when the machine booted (seconds, one clock).
        doubt: why that clock is not to be believed; "" when it is.
    """
    if doubt:
        return Verdict(path, f"nothing is known of its taker, and {doubt}")
    if taken < boot - MARGIN:
        return Verdict(path, "it is older than this boot", dead=True)
    return Verdict(path, "nothing is known of its taker: it was taken without the hooks")


def _is_locked(fd: int) -> bool:
    """Whether somebody holds a kernel lock on it, as a library with another kind of lock would."""
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(fd, fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    except OSError:
        pass  # no such locks here
    return False


def _remove_once(store: "Store", path: str, fd: int) -> bool:
    """Only one process of this user removes a lock at a time. Raises OSError."""
    name = f"{store.directory(local.LOCKS)}/orphan.{holders.name_of(path)}"
    try:
        lock = locks.try_lock(name)
    except locks.NoLocks:
        return _remove(path, fd)
    if lock is None:
        return False
    try:
        return _remove(path, fd)
    finally:
        lock.release()


def _remove(path: str, fd: int) -> bool:
    """Take the opened file's name away; whoever has taken the lock anew keeps his."""
    judged = posix.fstat(fd)
    if _state(posix.lstat(path)) != _state(judged):
        return False
    aside = f"{files.parent(path)}/.neffcache-{posix.getpid()}-{posix.urandom(6).hex()}"
    posix.rename(path, aside)
    found = posix.lstat(aside)
    if (found.st_dev, found.st_ino) != (judged.st_dev, judged.st_ino):
        _put_back(aside, path)
        return False
    posix.unlink(aside)
    return True


def _put_back(aside: str, path: str) -> None:
    """A lock that was taken between two of our system calls goes back to its name."""
    try:
        posix.link(aside, path)
    except FileExistsError:
        pass  # a third one has taken it already
    except OSError:
        posix.rename(aside, path)
        return
    posix.unlink(aside)


def _state(found: posix.stat_result) -> "tuple[int, int, int]":
    return (found.st_dev, found.st_ino, found.st_ctime_ns)


def _cannot(error: "OSError | ValueError") -> str:
    if isinstance(error, FileNotFoundError):
        return "it is not there any more"
    return f"it cannot be looked at ({getattr(error, 'strerror', '') or error})"


def _quoted(path: str) -> str:
    """A path for a shell."""
    import shlex

    return shlex.quote(path)
