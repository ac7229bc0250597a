"""Door: entries on their way into one commit: each is checked, left out or part of it."""

import posix
import time

from neffcache import config, files, queue
from neffcache.cache import bundles, reports
from neffcache.entry import read
from neffcache.errors import EntryError, RefusedError, RemoteError
from neffcache.native import state
from neffcache.publishing import REFUSED, Indigestible, Object

_FILES = 16384
# Of a directory that is not libneuronxla's any more (EACCES, ENOTDIR, ENAMETOOLONG, ELOOP).
_NEVER = (13, 20, 36, 40)
# libneuronxla locks an entry to look it up, too: all that are locked may cost so long together.
_PATIENCE, _PAUSE = 5.0, 0.05

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.cache.natives import Offer
    from neffcache.publishing import Committing
    from neffcache.store.local import Store


def send(store: "Store", name: str, opened: "Committing", keys: "list[str]") -> None:
    """Send entries in one commit, and say how that went; see `sender.main`.

    Whatever the place as a whole refuses leaves every entry waiting: with another token, or once
    somebody has put it right, it may be taken.
    """
    _allow_many_files()
    batch = _Batch(store, name)
    for key in keys:
        batch.add(key)
    try:
        if batch.objects:
            batch.publish(opened)
        if batch.problem:
            reports.send("failed", batch.problem)
    except Indigestible as error:
        reports.send("narrow", str(error))
    except RefusedError as error:
        reports.send("failed", f"{REFUSED}{error}")
    except RemoteError as error:
        reports.send(
            *(("parked", f"{error.pause:.0f} {error}") if error.pause else ("failed", str(error)))
        )


def _allow_many_files() -> None:
    """All files of a commit are open at once, some twice: the usual 1024 are soon used up."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Batch:
    """What goes into the commit.

    Attributes:
        objects: of all entries; problem: why an entry cannot be read here and now, or "".
    """

    def __init__(self, store: "Store", name: str) -> None:
        self._store = store
        self._name = name
        self._names: dict[str, list[str]] = {}  # key → the names of its objects
        self._offers: list[Offer] = []
        self._patience = _PATIENCE
        self.objects: list[Object] = []
        self.problem = ""

    def add(self, key: str) -> None:
        """Take an entry in; one that is no good is told to be gone, and holds up nobody."""
        native = queue.native_of(self._store, self._name, key)
        try:
            found = self._native(*native) if native else [self._bundle(key)]
        except (EntryError, FileNotFoundError) as error:
            known = isinstance(error, EntryError)
            reports.send(f"gone {key}", str(error) if known else "no longer in the store")
        except OSError as error:
            if native and error.errno in _NEVER:
                reports.send(f"gone {key}", str(error))
            else:
                self.problem = str(error)
        else:
            self._names[key] = [one.name for one in found]
            self.objects += found

    def publish(self, opened: "Committing") -> None:
        """Publish all, and report each. Raises RemoteError, OSError."""
        pulse = reports.Pulse()
        done = opened.publish(self.objects, lambda _count: pulse.beat())
        if done.created:
            reports.send("committed", str(len(done.created)))
        for key, names in self._names.items():
            why = [done.refused[name] for name in names if name in done.refused]
            reports.send(*((f"refused {key}", why[0]) if why else (f"sent {key}", "")))

    def _bundle(self, key: str) -> Object:
        path = self._store.entry_path(key)
        found = files.state(path)
        try:
            bundle = bundles.check(path, key, reports.Pulse().beat)
        except EntryError:
            if files.state(path) == found:  # not the good one that came in its place meanwhile
                self._store.drop(key)
            raise
        weights = bundles.may_hold_weights(read.manifest(bundle))
        # By the descriptor, open until we end: what was checked is what is sent.
        return Object(bundles.single_name(key), f"/proc/self/fd/{bundle.fd}", weights)

    def _native(self, root: str, entry: str) -> "list[Object]":
        from neffcache.cache import natives

        hlo = config.load(posix.environ).hub_hlo
        pulse = reports.Pulse()
        while True:
            try:
                offer = natives.offer(root, entry, self._store, hlo, pulse.beat)
            except EntryError as error:
                if self._patience <= 0 or not str(error).endswith(state.WHY[state.LOCKED]):
                    raise
            else:
                self._offers.append(offer)  # its files stay open until we end
                return offer.objects
            self._patience -= _PAUSE
            time.sleep(_PAUSE)
            pulse.beat()
