"""Door: what waits for upload and what was refused, as the queue on disk says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neffcache import backlog, publishing, queue, remote
from neffcache.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neffcache.store.local import Store


@dataclass(frozen=True)
class Waiting:
    """Entries that wait for one destination with one credential source.

    Attributes:
        destination: the remote's URL, or its directory in the queue when that is damaged.
        credential: "env:NAME", or "" when none is needed.
        waiting: how many; oldest: when the first was queued, seconds since 1970.
        reason: what they wait for; "" when for nothing but their turn.
        failing: whether that is a failure of the remote.
        served: whether a process is there that sends them when it is their turn.
    """

    destination: str
    credential: str
    waiting: int
    oldest: float
    reason: str
    failing: bool
    served: bool

    def words(self) -> str:
        """For people."""
        need = f", with {self.credential}" if self.credential else ""
        return f"{self.waiting} for {self.destination}{need}: {self.reason or self._turn()}"

    def _turn(self) -> str:
        """When they are sent, nothing being wrong."""
        if not self.served:
            return "nobody is sending it now, `neffcache flush` does"
        if publishing.commits(self.destination):
            return "gathered for a commit, or `neffcache flush` sends them now"
        return "on their way"


@dataclass(frozen=True)
class Dead:
    """An entry that a destination refused for good."""

    key: str
    destination: str
    reason: str
    time: float

    def words(self) -> str:
        """For people."""
        return f"{self.key[:12]} for {self.destination}: {self.reason}"


def pending(store: Store | None, environ: Mapping[bytes, bytes]) -> list[Waiting]:
    """What waits, one row for each destination and credential source."""
    return shown(store, backlog.pending(store, environ)) if store else []


def shown(store: Store, found: Sequence[backlog.Waiting]) -> list[Waiting]:
    """Rows of the backlog, fit to be shown."""
    return [
        Waiting(
            remote.shown(row.remote.partition("?")[0]),
            _credential(store, row.name),
            len(row.keys),
            round(row.oldest, 3),
            row.reason,
            row.failing,
            queue.is_served(store, row.name),
        )
        for row in found
    ]


def dead(store: Store | None) -> list[Dead]:
    """What will not be tried again."""
    return [buried(row) for row in backlog.dead(store)] if store else []


def buried(row: backlog.Dead) -> Dead:
    """One such entry, fit to be shown."""
    return Dead(row.key, remote.shown(row.remote.partition("?")[0]), row.reason, row.time)


def _credential(store: Store, name: str) -> str:
    try:
        return queue.read_destination(store, name).credential
    except SettingError:
        return ""
