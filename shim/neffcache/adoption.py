"""World: what was queued for a secret, or a place, that is not meant any more."""

from neffcache import backlog, credentials, files, queue, remote
from neffcache.errors import SettingError
from neffcache.queue import Marker
from neffcache.store import local

_DROPPED = "taken out of the queue by `neffcache flush --drop`"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.store.local import Store


def adopt(store: "Store", environ: "Mapping[bytes, bytes]") -> int:
    """Queue for this environment's secret what waits for another one of the same source: how many.

    Killed in the middle it leaves an entry queued twice, and whatever stands is not sent again.

    Raises:
        OSError: the store cannot take the markers.
    """
    count = 0
    for waiting in backlog.pending(store, environ):
        try:
            old = queue.read_destination(store, waiting.name)
            spec = remote.parse(old.remote)
            mark = credentials.held(store, spec, environ)
            if not mark or old.fingerprint in ("", mark):
                continue
            new = queue.destination_of(store, spec, environ)
        except SettingError:
            continue  # what it waits for is told by the backlog
        for key in waiting.keys:
            queue.put(store, new, key, queue.native_of(store, old.name, key))
            files.discard(f"{store.path}/{local.QUEUE}/{old.name}/{key}")
            count += 1
    return count


def drop(store: "Store", environ: "Mapping[bytes, bytes]", place: str) -> int:
    """Take what waits for a remote out of the queue, as if it had been refused: how many.

    What is being sent in this moment may arrive all the same.

    Args:
        place: the remote's URL without options; ORG/NAME stands for that repository of the Hub.

    Raises:
        OSError: the store cannot take the notes of what was taken out.
    """
    count = 0
    for waiting in backlog.pending(store, environ):
        url = waiting.remote.partition("?")[0]
        if url not in (place, f"hf://{place}"):
            continue
        destination = queue.read_destination(store, waiting.name)
        for key in waiting.keys:
            path = f"{store.path}/{local.QUEUE}/{waiting.name}/{key}"
            backlog.bury(store, Marker(destination, key, path), _DROPPED)
            count += 1
    return count
