"""Door: a look-up of libneuronxla's cache and its lock: what goes before, after and with it."""

import os

from neffcache import failures, holders, orphans
from neffcache.errors import StoreError
from neffcache.store import local
from neffcache_hooks import guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.options import Config
    from neffcache.store.local import Store

# A lock without a known taker is spoken of when it is this old: an ordinary compile may be longer.
_OLD = 600.0
_said: "set[str]" = set()


def before(store: "Store", lock_path: str) -> bool:
    """The library is about to take a lock, waiting without limit: remove it if its taker is dead.

    Costs one system call where there is no lock. True: the library will have to wait. Never raises.
    """
    if not os.path.lexists(lock_path) or orphans.clear(store, lock_path):
        return False
    verdict = orphans.judge(store, lock_path)
    if not verdict.dead and not verdict.alive and verdict.age > _OLD and lock_path not in _said:
        _said.add(lock_path)
        words = f"waits for {lock_path}: {verdict.why}. If no compile of it runs: {verdict.command}"
        guard.say("lock", words)
        orphans.tell(store, "lock_unproven", f"{lock_path}: {verdict.why}")
    return True


def after(store: "Store", lock_path: str) -> None:
    """The library has taken it: leave word of who we are. Never raises."""
    holders.note(store, lock_path)


def release(store: "Store", lock_path: str) -> None:
    """The library is about to let go of it. Never raises."""
    holders.forget(store, lock_path)


def revive(entry: str, config: "Config") -> bool:
    """Under the lock: have an entry compiled again whose failure was the host's. Never raises.

    Args:
        entry: its directory; config: whose `retry_failed` says whether that is wanted.
    """
    try:
        store = local.open_store(config)
    except StoreError:
        return False
    return failures.revive(store, entry, retry=config.retry_failed)
