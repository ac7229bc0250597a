"""Door: what waits for upload and what was refused, as the queue on disk says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neffcache.store.local import Store


@dataclass(frozen=True)
class Waiting:
    """Entries that wait for one destination with one credential source."""

    destination: str
    credential: str
    waiting: int
    reason: str


@dataclass(frozen=True)
class Dead:
    """An entry that a destination refused for good."""

    key: str
    destination: str
    reason: str


def queue(store: Store | None) -> list[Waiting]:
    """What waits, one row for each destination and credential source."""
    return []


def dead(store: Store | None) -> list[Dead]:
    """What will not be tried again."""
    return []
