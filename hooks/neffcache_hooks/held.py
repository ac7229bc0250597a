"""Door: an entry of libneuronxla's cache as the library locks it: where it lies, what is there."""

import os
import time

from neffcache.native import names
from neffcache_hooks import guard, locks, world

LABEL = "look-up"
_EXTRACT, _FLAGS = b"NEURON_EXTRACT_GRAPHS_ONLY", b"NEURON_CC_FLAGS"
_NO_CACHE = b"--no_cache"
_NO = (b"", b"0", b"false")
# Whether the watcher knows of a root is asked so often.
_LOOK = 1.0
_joined: "dict[str, tuple[World, float]]" = {}
# What was entered and has not been left, by the library's object.
_holds: "dict[int, Hold]" = {}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neffcache_hooks.world import World


class Hold:
    """An entry that the library is about to lock, holds, or is about to let go.

    Attributes:
        now: what holds in this process.
        root: of the cache, absolute; name: `neuronxcc-<version>/MODULE_<...>` below it.
        directory: both; lock, neff: the paths of its lock and of its NEFF.
    """

    __slots__ = ("directory", "lock", "name", "neff", "now", "root")

    def __init__(self, now: "World", neff: str, lock: str) -> None:
        self.now = now
        self.neff = neff
        self.directory = neff[: -len(names.NEFF) - 1]
        version, _, module = self.directory.rpartition("/")
        self.root, _, version = version.rpartition("/")
        self.name = f"{version}/{module}"
        self.lock = lock

    def taken(self) -> None:
        """The library has the lock: say so, and have the watcher look at this root."""
        locks.after(self.now.store, self.lock)
        known, when = _joined.get(self.root, (None, 0.0))
        asked = time.monotonic()
        if known is not self.now or asked - when > _LOOK:
            _joined[self.root] = (self.now, asked)
            world.joined(self.root)

    def has_neff(self) -> bool:
        """Whether there is nothing to ask for: the library has it."""
        try:
            os.stat(self.neff)
        except OSError:
            return False
        return True

    def is_compiling(self) -> bool:
        """Whether graphs are compiled in this job, and not only written down."""
        return self.now.environ.get(_EXTRACT, b"").lower() in _NO

    def may_ask(self) -> bool:
        """Whether this job wants what others compiled."""
        flags = self.now.environ.get(_FLAGS, b"")
        return not self.now.config.recache and _NO_CACHE not in flags

    def is_free(self) -> bool:
        """Whether it holds no result, and a lock is seen: the library says that it has one."""
        try:
            found = os.listdir(self.directory)
        except OSError:
            return False  # it has gone since
        if names.NEFF in found or names.DONE in found:
            return False
        if not any(name.endswith(names.LOCK) for name in found):
            guard.say(LABEL, "an entry was entered and holds no lock: nothing is asked")
            return False
        # The log of a failure that another compile need not meet is set aside.
        return names.LOG not in found or locks.revive(self.directory, self.now.config)


def begin(found: "Any") -> "Hold | None":
    """The library waits for the lock from here on, without limit; None: see `of`."""
    hold = of(found)
    if hold is not None:
        _holds[id(found)] = hold
        if locks.before(hold.now.store, hold.lock):
            world.joined(hold.root)  # should its holder die meanwhile, the watcher frees it
    return hold


def end(found: "Any") -> None:
    """The library is about to free the lock: what was noted of it must not outlive it."""
    hold = _holds.pop(id(found), None)
    if hold is None or hold.neff != found.neff_path:  # of an object that was never left
        hold = of(found)
    if hold is not None:
        locks.release(hold.now.store, hold.lock)


def of(found: "Any") -> "Hold | None":
    """Where the library's object says that it lies.

    None where nothing is to be done: in a bucket, in what is no entry's place, or by the settings.
    """
    neff, hlo = os.fspath(found.neff_path), os.fspath(found.hlo_path)
    if type(neff) is not str or type(hlo) is not str or "://" in neff:
        return None
    if neff[:1] != "/":
        neff, hlo = os.path.abspath(neff), os.path.abspath(hlo)
    now = world.current()
    if now is None or not neff.endswith(f"/{names.NEFF}"):
        return None
    made = Hold(now, neff, hlo + names.LOCK)
    return made if made.root and names.is_entry(made.name) else None
