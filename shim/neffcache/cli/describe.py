"""Door: one call in words, for `neffcache explain`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from neffcache import journal_counts
from neffcache.cli import text
from neffcache.cli.stats import words
from neffcache.payload import UNKNOWN

if TYPE_CHECKING:
    from neffcache.cli.calls import Nearest
    from neffcache.cli.explain import Explained
    from neffcache.ledger import Compile

__all__ = ["call", "notes", "words"]
_FACTS = (
    ("graph", "graph"),
    ("entry", "entry"),
    ("output", "output"),
    ("cwd", "directory"),
    ("remote", "remote"),
    ("job", "job"),
)
# Who wrote a line; the shim says nothing of itself.
_DOORS = {"hook": "the hooks, in the job's own process", "watch": "the watcher"}
_MOST_DIFFERENCES = 20
_MOST_REASONS = 10


def call(one: Explained) -> str:
    """The lines about one call, ending with a newline."""
    lines = [*_head(one), *_notes(one.record), *_facts(one), *_compiles(one), *_parts(one)]
    if one.nearest:
        lines += _nearest(one.nearest)
    elif one.parts and "outcome" in one.record and not one.stored:
        lines.append("  no other stored entry to compare with")
    return "\n".join(lines) + "\n"


def notes(record: dict[str, Any]) -> list[tuple[str, str]]:
    """(id, detail) of each note of a record; malformed ones are left out."""
    rows = record.get("notes")
    return [
        (row[0], str(row[1]) if len(row) > 1 else "")
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, list) and row and isinstance(row[0], str)
    ]


def _head(one: Explained) -> list[str]:
    name = one.record.get("outcome")
    if not name:
        return ["an entry of the local store; the journal no longer holds its call"]
    when = text.moment(journal_counts.number(one.record.get("time")))
    lines = [f"{when}  {text.safe(name)}: {words(name)}".strip()]
    detail = one.record.get("detail")
    return [*lines, f"  because: {text.short(str(detail), 500)}"] if detail else lines


def _notes(record: dict[str, Any]) -> list[str]:
    return [
        f"  note: {words(name)}" + (f" ({text.short(detail, 300)})" if detail else "")
        for name, detail in notes(record)
    ]


def _facts(one: Explained) -> list[str]:
    record = one.record
    rows = [(title, str(record[name])) for name, title in _FACTS if record.get(name)]
    door = record.get("door")
    if isinstance(door, str):
        rows.append(("answered by", _DOORS.get(door, door)))
    argv = record.get("argv")
    if isinstance(argv, list):
        rows.append(("arguments", shlex.join(str(word) for word in argv)))
    for name, title in (("compile_seconds", "compiled in"), ("saved_seconds", "saved")):
        if record.get(name):
            rows.append((title, text.seconds(journal_counts.number(record[name]))))
    if one.key:
        there = "in the local store" if one.stored else "not in the local store"
        rows.append(("key", f"{one.key} ({there})"))
    if one.level:
        rows.append(("level", one.level))
    rows += [("not as asked", reason) for reason in one.reasons[:_MOST_REASONS]]
    return text.table([(title, text.short(value, 600)) for title, value in rows])


def _compiles(one: Explained) -> list[str]:
    """Every compile of the key that is known, when there were several."""
    if len(one.compiles) < 2:
        return []
    found = sorted(one.compiles, key=lambda compiled: compiled.created)
    payloads = {compiled.payload for compiled in found} - {UNKNOWN}
    verdict = "with the same result" if len(payloads) < 2 else f"with {len(payloads)} results"
    makers = text.count(
        len({compiled.maker for compiled in found}), "host or user", "hosts or users"
    )
    rows = [
        (
            text.moment(c.created),
            f"NEFF {c.neff[:16]}",
            f"payload {_payload(c)}",
            f"by {c.maker[:8]}",
        )
        for c in found
    ]
    head = f"  compiled {text.count(len(found), 'time')} by {makers}, {verdict}"
    return [head, *text.table(rows, "    ")]


def _payload(one: Compile) -> str:
    return "not known" if one.payload == UNKNOWN else one.payload[:16]


def _parts(one: Explained) -> list[str]:
    if not one.parts:
        return []
    rows = [(text.short(part.label, 60), part.words()) for part, _hint in one.parts]
    lines = ["  the key is made of", *text.table(rows, "    ")]
    hints = [(text.short(part.label, 60), hint) for part, hint in one.parts if hint]
    if hints:
        lines.append("  look at these: they may differ where the result would not")
        lines += text.table(hints, "    ")
    return lines


def _nearest(near: Nearest) -> list[str]:
    number = text.count(len(near.differences), "part")
    made = text.moment(near.manifest.created)
    lines = [
        f"  the nearest stored entry differs in {number}: {near.key[:16]}, made {made}".rstrip()
    ]
    lines += [f"    {found.words}" for found in near.differences[:_MOST_DIFFERENCES]]
    if len(near.differences) > _MOST_DIFFERENCES:
        lines.append(f"    and {len(near.differences) - _MOST_DIFFERENCES} more")
    return lines
