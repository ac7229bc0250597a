"""Door: when what waits is sent: at once, or gathered for one commit where commits are counted."""

import posix
import time

from neffcache import config, files, publishing, queue
from neffcache.errors import SettingError
from neffcache.store import local
from neffcache.sync import lanes
from neffcache.sync.hourly import Hourly

# Hosts that began together do not commit together: so far from the setting, either way.
_JITTER = 0.25
# One commit holds no more: each entry is a file kept open, and the Hub advises a few hundred.
_MOST = 400
# To start a sender takes as long as to send some small entries.
_AT_ONCE = 256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from neffcache.options import Config
    from neffcache.queue import Destination
    from neffcache.store.local import Store

    class Pace(Protocol):
        """Says what to send now, and is told how that went.

        Attributes:
            at_fault: how many of what was not sent may be the reason: so many of the first.
        """

        at_fault: int

        def due(self, keys: list[str]) -> list[str]:
            """What to send now of all that waits, given in the order of preference."""

        def start(self) -> bool:
            """Whether what was due may go this very moment."""

        def end(self, counts: bool) -> None:
            """It went: `counts` unless the remote certainly took no commit."""

        def narrow(self) -> None:
            """The remote does not take so much at once, or something of it."""


def of(store: "Store", destination: "Destination", environ: "Mapping[bytes, bytes]") -> "Pace":
    """The pace at which a destination is written to."""
    if not publishing.commits(destination.remote):
        return AtOnce()
    try:
        settings = config.load(environ)
    except SettingError:
        settings = config.fallback(environ)
    return Gathering(store, destination, settings)


class AtOnce:
    """Whatever waits, many at a time; one by one after a sender that did not come to its end."""

    at_fault = lanes.MOST

    def __init__(self) -> None:
        self._most = _AT_ONCE

    def due(self, keys: "list[str]") -> "list[str]":
        """The first of them."""
        return keys[: self._most]

    def start(self) -> bool:
        """Always."""
        return True

    def end(self, counts: bool) -> None:
        """Nothing is counted; what ended well may be followed by more."""
        self._most = 1 if counts else min(2 * self._most, _AT_ONCE)

    def narrow(self) -> None:
        """The one that is at fault is found when each goes by itself."""
        self._most = 1


class Gathering:
    """Entries are gathered until they are many, large or old, or somebody asks for them."""

    at_fault = 0

    def __init__(self, store: "Store", destination: "Destination", settings: "Config") -> None:
        self._store = store
        self._queue = f"{store.path}/{local.QUEUE}/{destination.name}"
        self._name = destination.name
        self._settings = settings
        self._hourly = Hourly(store, destination.remote)
        self._most = _MOST
        self._last = 0
        # key → (when first seen here, by a clock that nobody sets; bytes).
        self._known: dict[str, tuple[float, int]] = {}
        # The request to send at once that was last seen, and what waited then.
        self._request: tuple[int, ...] | None = None
        self._asked: frozenset[str] = frozenset()
        self._draw()

    def due(self, keys: "list[str]") -> "list[str]":
        """What makes the next commit; nothing while more is gathered."""
        self._look(keys)
        asked = [key for key in keys if key in self._asked]
        if asked:
            return self._cut(asked, _MOST)
        batch = self._cut(keys, self._settings.hub_batch)
        ripe = self._is_full(batch, keys) or self._is_awaited(keys)
        ripe = ripe or self._oldest(keys) >= self._gather
        return batch if ripe and self._hourly.free(self._settings.hub_commits) else []

    def start(self) -> bool:
        """Take one of the hour's commits, unless somebody asked for this one."""
        return bool(self._asked) or self._hourly.take(self._settings.hub_commits)

    def end(self, counts: bool) -> None:
        """Give the commit back that was none."""
        self._hourly.settle(counts)
        if counts:
            self._most = _MOST
        self._draw()

    def narrow(self) -> None:
        """Half as much the next time, until something has gone through."""
        self._most = max(self._last // 2, 1)

    def _draw(self) -> None:
        share = posix.urandom(1)[0] / 255 * 2 - 1
        self._gather = self._settings.hub_gather * (1 + _JITTER * share)

    def _look(self, keys: "list[str]") -> None:
        """Note what is new, and whether somebody wants what waits sent at once."""
        now = time.monotonic()
        self._known = {
            key: self._known.get(key) or (now, self._measure(key)) for key in keys
        }  # fmt: skip
        self._asked &= frozenset(keys)
        path = f"{self._queue}/{queue.FLUSH}"
        request = files.state(path)
        if request is not None and request != self._request:
            self._asked = frozenset(keys)
        elif request is not None and not self._asked:
            files.discard(path)  # all that waited then has been seen to
        self._request = request

    def _measure(self, key: str) -> int:
        native = queue.native_of(self._store, self._name, key)
        if native is None:
            return _size(self._store.entry_path(key))
        directory = files.join(*native)
        try:
            return sum(_size(files.join(directory, name)) for name in posix.listdir(directory))
        except OSError:
            return 0

    def _cut(self, keys: "list[str]", most: int) -> "list[str]":
        """As many of the first as one commit takes, at least one."""
        batch: list[str] = []
        total = 0
        for key in keys[: max(min(most, self._most), 1)]:
            total += self._known[key][1]
            if batch and total > self._settings.hub_batch_size:
                break
            batch.append(key)
        self._last = len(batch)
        return batch

    def _is_full(self, batch: "list[str]", keys: "list[str]") -> bool:
        total = sum(self._known[key][1] for key in batch)
        settings = self._settings
        many = len(batch) < len(keys) or len(batch) >= settings.hub_batch
        return many or total >= settings.hub_batch_size

    def _is_awaited(self, keys: "list[str]") -> bool:
        """Whether a compile waits for the upload of one of them."""
        request = files.state(f"{self._queue}/{queue.AWAITED}")
        if request is None:
            return False
        markers = [files.state(f"{self._queue}/{key}") for key in keys]
        return any(marker is not None and marker[3] <= request[3] for marker in markers)

    def _oldest(self, keys: "list[str]") -> float:
        """How long the first has waited; also right when the clock has been put back since."""
        now = time.monotonic()
        ages = [now - self._known[key][0] for key in keys]
        for key in keys:
            state = files.state(f"{self._queue}/{key}")
            if state is not None:
                ages.append(time.time() - state[3] / 1e9)
        return max(ages, default=0.0)


def _size(path: str) -> int:
    state = files.state(path)
    return state[2] if state is not None else 0
