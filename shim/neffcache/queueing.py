"""World: put many entries of libneuronxla's cache into the queue at once."""

import posix
import time

from neffcache import files, kernel, queue
from neffcache.queue import Marker
from neffcache.store import local

# So many are synced to the disk one by one; of more the whole file system is synced once.
_FEW = 32
_TEMPORARY, _STALE_AFTER = ".neffcache-", 86400.0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from neffcache.queue import Destination
    from neffcache.store.local import Store


def put_natives(
    store: "Store", destination: "Destination", natives: "Sequence[tuple[str, str]]"
) -> None:
    """Write the markers of entries, (root, entry) each; they survive a power cut.

    Raises:
        OSError: the store cannot take them all; those that it has are good.
    """
    done = 0
    if len(natives) > _FEW:
        # The first as always: it makes the queue, and what describes it.
        queue.put(store, destination, queue.native_key(*natives[0]), natives[0])
        done = 1 + _put_together(store, destination, natives[1:])
    for native in natives[done:]:
        queue.put(store, destination, queue.native_key(*native), native)


def _put_together(
    store: "Store", destination: "Destination", natives: "Sequence[tuple[str, str]]"
) -> int:
    """Write markers under other names, sync once, give them their names: how many."""
    directory = f"{store.path}/{local.QUEUE}/{destination.name}"
    made: list[tuple[str, Marker]] = []
    _clear_stale(directory)
    try:
        for native in natives:
            key = queue.native_key(*native)
            fd, temp = files.temporary(f"{directory}/{key}")
            made.append((temp, Marker(destination, key, f"{directory}/{key}")))
            try:
                files.write_all(fd, queue.marker_text(key, time.time(), native))
            finally:
                posix.close(fd)
        if not kernel.sync_all(directory):
            return 0
        for temp, marker in made:
            posix.rename(temp, marker.path)
            files.discard(f"{store.path}/{local.DEAD}/{destination.name}/{marker.key}")
        made = []
        files.sync_directory(directory)
    finally:
        for temp, _marker in made:
            files.discard(temp)
    return len(natives)


def _clear_stale(directory: str) -> None:
    """Remove what somebody who was killed meanwhile left behind a day ago."""
    for name in posix.listdir(directory):
        if name.startswith(_TEMPORARY):
            found = files.state(f"{directory}/{name}")
            if found is not None and time.time() - found[3] / 1e9 > _STALE_AFTER:
                files.discard(f"{directory}/{name}")
