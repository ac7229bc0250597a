"""Door: `neffcache explain`: why a call was a hit or a miss, part by part of its key."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from neffcache import ledger, outcome
from neffcache.cli import calls, describe, hints, parts
from neffcache.cli.answer import Answer, json_answer
from neffcache.cli.stats import kind
from neffcache.cli.world import World

if TYPE_CHECKING:
    import argparse

    from neffcache.cli.calls import Nearest
    from neffcache.cli.parts import Part
    from neffcache.ledger import Compile
    from neffcache.store.local import Store

EXAMPLE = "neffcache explain --last 3"
_MOST = 100_000


@dataclass(frozen=True)
class Explained:
    """One call and everything known about its key.

    Attributes:
        record: the journal's line; {} for an entry that no call in the journal names.
        level: how far the graph was normalised; "" when not known.
        reasons: why that is a safer level than the one asked for.
        parts: of the key, each with a hint when its value looks accidental ("" otherwise).
        stored: whether the local store has an entry of the key now.
        nearest: for a miss, the stored entry that differs least.
        compiles: of this key, as far as the ledger has them: none if it was compiled once.
    """

    record: dict[str, Any]
    key: str
    level: str
    reasons: list[str]
    parts: list[tuple[Part, str]]
    stored: bool
    nearest: Nearest | None
    compiles: list[Compile]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("key", metavar="KEY", nargs="?", help="a key, or its first 6 digits or more")
    which.add_argument("--last", metavar="N", type=_number, help="the last N calls (default: 1)")
    parser.add_argument("--json", action="store_true", help="for programs")


def _number(text: str) -> int:
    import argparse

    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST}")
    return int(text)


def run(args: argparse.Namespace) -> Answer:
    """Find the calls and explain each."""
    world = World.here()
    store = world.store()
    directory = world.journal()
    if args.key is None:
        records = calls.last(directory, args.last or 1)
        if not records:
            line = "no call recorded yet; is the shim first on PATH? (neffcache doctor)"
            return Answer("", 1, (line,))
    else:
        key = calls.whole_key(args.key, directory, store)
        if not key:
            return Answer("", 1, (f"no call and no entry with a key like {args.key}",))
        records = [calls.of_key(directory, key) or {"key": key}]
    host = hints.Host.here()
    found = [explain(record, directory, store, host) for record in records]
    if args.json:
        return json_answer({"calls": [as_data(one) for one in found]})
    return Answer("\n".join(describe.call(one) for one in found))


def explain(
    record: dict[str, Any], directory: str, store: Store | None, host: hints.Host
) -> Explained:
    """Everything about one call; for a miss it looks for the nearest entry."""
    key = record.get("key") if isinstance(record.get("key"), str) else ""
    found = calls.parts_of(record, directory, store)
    missed = _is_miss(record)
    return Explained(
        record,
        key or "",
        _level(found),
        _reasons(record),
        [(part, hints.look(part.label, part.text or "", host)) for part in found],
        calls.is_stored(key, store),
        calls.nearest(key or "", found, directory, store) if missed and found else None,
        ledger.compiles_of(store, key) if store and key else [],
    )


def _level(found: list[Part]) -> str:
    """The first word of the graph's part."""
    text = next((part.text for part in found if part.label == "graph"), None)
    return text.partition(" ")[0] if text else ""


def _reasons(record: dict[str, Any]) -> list[str]:
    reasons = record.get("reasons")
    return [one for one in reasons if isinstance(one, str)] if isinstance(reasons, list) else []


def _is_miss(record: dict[str, Any]) -> bool:
    name = record.get("outcome", "")
    return kind(name) == outcome.MISS or name == "required_hit_missing"


def as_data(one: Explained) -> dict[str, Any]:
    """For programs: the journal's fields, the words, the parts, the nearest entry."""
    record = {name: value for name, value in one.record.items() if name not in ("parts", "v")}
    name = record.get("outcome")
    made = record | {
        "key": one.key or None,
        "kind": kind(name) if name else None,
        "words": describe.words(name) if name else None,
        "notes": [
            {"id": note, "words": describe.words(note), "detail": detail}
            for note, detail in describe.notes(one.record)
        ],
        "level": one.level or None,
        "reasons": one.reasons,
        "stored": one.stored,
        "parts": [asdict(part) | {"hint": hint or None} for part, hint in one.parts],
        "nearest": None,
        "compiles": [_compile(compiled) for compiled in one.compiles],
    }
    if one.nearest:
        made["nearest"] = {
            "key": one.nearest.key,
            "compiler": one.nearest.manifest.compiler,
            "created": one.nearest.manifest.created,
            "seconds": one.nearest.manifest.seconds,
            "looked_at": one.nearest.looked_at,
            "differences": [_difference(found) for found in one.nearest.differences],
        }
    return made


def _compile(one: Compile) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("maker", "neff", "payload", "created", "version")}


def _difference(found: parts.Difference) -> dict[str, Any]:
    return {
        "label": found.label,
        "stored": asdict(found.stored) if found.stored else None,
        "now": asdict(found.now) if found.now else None,
        "words": found.words,
    }
