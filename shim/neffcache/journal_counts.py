"""World: what a journal adds up to: outcomes, notes and amounts, summed over its lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_AMOUNTS = ("saved_seconds", "compile_seconds", "bytes")


@dataclass(frozen=True)
class Counts:
    """What the journal adds up to.

    Attributes:
        outcomes, notes: how often each id occurred; ids that never did are absent.
        saved_seconds: compile time that hits saved; compile_seconds: spent in the compiler.
        bytes: sum of the sizes of the NEFFs answered and made.
        since: time of the first call counted (seconds since 1970), 0 when there is none.
    """

    outcomes: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    saved_seconds: float = 0.0
    compile_seconds: float = 0.0
    bytes: int = 0
    since: float = 0.0


def total(found: Iterator[dict[str, Any]]) -> Counts:
    outcomes: dict[str, int] = {}
    notes: dict[str, int] = {}
    amounts = dict.fromkeys(_AMOUNTS, 0.0)
    since = 0.0
    for record in found:
        if record["outcome"]:  # no call has none: what the uploader noticed
            outcomes[record["outcome"]] = outcomes.get(record["outcome"], 0) + 1
        for name in note_ids(record):
            notes[name] = notes.get(name, 0) + 1
        for name in _AMOUNTS:
            amounts[name] += number(record.get(name))
        since = since or number(record.get("time"))
    saved, spent, size = amounts.values()
    return Counts(outcomes, notes, saved, spent, int(size), since)


def note_ids(record: Mapping[str, Any]) -> list[str]:
    """The ids of a record's notes; what is malformed is left out."""
    notes = record.get("notes")
    rows = notes if isinstance(notes, list) else []
    return [row[0] for row in rows if isinstance(row, list) and row and isinstance(row[0], str)]


def number(value: object) -> float:
    """A number from a foreign line, 0 when it is none or beyond reason."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if -1e15 < value < 1e15 else 0.0


def add(one: Counts, two: Counts) -> Counts:
    return Counts(
        _added(one.outcomes, two.outcomes),
        _added(one.notes, two.notes),
        one.saved_seconds + two.saved_seconds,
        one.compile_seconds + two.compile_seconds,
        one.bytes + two.bytes,
        one.since or two.since,
    )


def _added(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + two.get(name, 0) for name in one | two}


def difference(now: Counts, zeroed: Mapping[str, Any]) -> Counts:
    """What came after a snapshot; never below zero, should the journal have been removed."""
    if not zeroed:
        return now
    then = from_data(zeroed)
    return Counts(
        _left(now.outcomes, then.outcomes),
        _left(now.notes, then.notes),
        max(now.saved_seconds - then.saved_seconds, 0.0),
        max(now.compile_seconds - then.compile_seconds, 0.0),
        max(now.bytes - then.bytes, 0),
        number(zeroed.get("taken")) or now.since,
    )


def _left(now: dict[str, int], then: dict[str, int]) -> dict[str, int]:
    left = {name: count - then.get(name, 0) for name, count in now.items()}
    return {name: count for name, count in left.items() if count > 0}


def from_data(data: Mapping[str, Any]) -> Counts:
    return Counts(
        _whole(data.get("outcomes")),
        _whole(data.get("notes")),
        number(data.get("saved_seconds")),
        number(data.get("compile_seconds")),
        int(number(data.get("bytes"))),
        number(data.get("since")),
    )


def _whole(rows: object) -> dict[str, int]:
    found = rows.items() if isinstance(rows, dict) else ()
    return {name: int(number(count)) for name, count in found}
