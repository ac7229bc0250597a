"""Door: finds what `explain` is asked for: calls in the journal, keys, the nearest stored entry."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neffcache import journal_totals
from neffcache.cli import parts
from neffcache.cli.parts import Difference, Manifest, Part
from neffcache.cli.usage import Usage
from neffcache.store import keep

if TYPE_CHECKING:
    from neffcache.store.local import Store

NEAREST_OF = 2000
_SHORTEST, _WHOLE = 6, 64
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Nearest:
    """The stored entry whose key differs least.

    Attributes:
        key: its key; manifest: what it says of itself.
        differences: where the keys differ.
        looked_at: how many entries were compared.
    """

    key: str
    manifest: Manifest
    differences: list[Difference]
    looked_at: int


def last(directory: str, number: int) -> list[dict[str, Any]]:
    """The last calls, the newest first."""
    return list(reversed(deque(journal_totals.records(directory), number)))


def of_key(directory: str, key: str) -> dict[str, Any]:
    """The newest call of a key; {} when the journal has none."""
    found: dict[str, Any] = {}
    for record in journal_totals.records(directory):
        if record.get("key") == key:
            found = record
    return found


def whole_key(prefix: str, directory: str, store: Store | None) -> str:
    """The one key that starts with these digits, "" when there is none.

    Raises:
        Usage: too short, not hexadecimal, or several.
    """
    prefix = prefix.lower()
    if not _SHORTEST <= len(prefix) <= _WHOLE or not _HEX.issuperset(prefix):
        raise Usage(
            f"{prefix!r} is no key; give its first {_SHORTEST} to {_WHOLE} hexadecimal digits"
        )
    known = {record.get("key") for record in journal_totals.records(directory)}
    known |= {key for _used, _size, key in keep.entries(store)} if store else set()
    found = sorted(key for key in known if isinstance(key, str) and key.startswith(prefix))
    if len(found) > 1:
        shown = ", ".join(key[: len(prefix) + 6] for key in found[:4])
        raise Usage(f"{len(found)} keys start with {prefix}; give more digits ({shown}, ...)")
    return found[0] if found else ""


def parts_of(record: dict[str, Any], directory: str, store: Store | None) -> list[Part]:
    """The parts of a call's key, as readable as this host knows them; [] when it has no key."""
    key = record.get("key")
    own = parts.from_journal(record.get("parts"))
    if own or not isinstance(key, str):
        return own
    return _parts_of_key(key, directory, store)


def _parts_of_key(key: str, directory: str, store: Store | None) -> list[Part]:
    """From a line of the journal that names them, else from the entry's manifest."""
    return _texts({key}, directory).get(key) or (
        manifest.parts if store and (manifest := parts.from_store(store, key)) else []
    )


def _texts(keys: set[str], directory: str) -> dict[str, list[Part]]:
    """The readable parts that the journal holds of some keys."""
    found = {}
    for record in journal_totals.records(directory):
        if record.get("key") in keys and record.get("parts"):
            found[record["key"]] = parts.from_journal(record["parts"])
    return found


def nearest(key: str, now: list[Part], directory: str, store: Store | None) -> Nearest | None:
    """The entry that differs in the fewest parts, among the ones used last; None without any."""
    best: Nearest | None = None
    looked_at = 0
    others = [name for _used, _size, name in keep.entries(store) if name != key] if store else []
    for name in reversed(others[-NEAREST_OF:]):
        manifest = parts.from_store(store, name) if store else None
        if manifest is None:
            continue
        looked_at += 1
        found = parts.differences(manifest.parts, now)
        if best is None or len(found) < len(best.differences):
            best = Nearest(name, manifest, found, looked_at)
    if best is None:
        return None
    texts = _texts({best.key}, directory).get(best.key, [])
    stored = parts.with_texts(best.manifest.parts, texts)
    return Nearest(best.key, best.manifest, parts.differences(stored, now), looked_at)


def is_stored(key: object, store: Store | None) -> bool:
    """Whether an entry of this key stands in the local store."""
    if store is None or not isinstance(key, str) or len(key) != _WHOLE or not _HEX.issuperset(key):
        return False
    return os.path.exists(store.entry_path(key))
