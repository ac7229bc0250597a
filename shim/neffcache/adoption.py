"""World: what was queued with a secret that is no more, queued anew with this environment's."""

from neffcache import backlog, credentials, files, queue, remote
from neffcache.errors import SettingError
from neffcache.store import local

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
