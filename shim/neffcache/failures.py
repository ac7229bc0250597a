"""World: failed compiles of libneuronxla's cache: set those aside that tell of the host."""

from neffcache import orphans
from neffcache.native import poison

# Of the logs that were set aside the store keeps the last ones.
DIRECTORY = "failures"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.store.local import Store


def revive(store: "Store", entry: str, *, retry: bool, door: str = "hook") -> bool:
    """Have an entry compiled again whose log tells of memory, a kill or an interruption.

    Args:
        entry: its directory; the caller holds its lock, or compiles nothing there.
        retry: the setting `retry_failed`; without it only a log with our own mark.

    Never raises. What was done is noted in the journal.
    """
    try:
        reason = _reason(entry, retry=retry)
        if not reason or not poison.set_aside(entry, f"{store.path}/{DIRECTORY}"):
            return False
    except (OSError, ValueError):
        return False  # read only, or somebody else's
    orphans.tell(store, "failure_set_aside", f"{entry}: {reason}", door)
    return True


def _reason(entry: str, *, retry: bool) -> str:
    text = poison.read(entry)
    reason = poison.judge(text) if text is not None else ""
    return reason if retry or reason == poison.MISS else ""
