"""Door: `neffcache stats`: what the journal adds up to, the store's size, what waits for upload."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from neffcache import journal_totals, outcome, remote, watching
from neffcache.cli import text, waiting
from neffcache.cli.answer import Answer, json_answer
from neffcache.cli.world import World
from neffcache.store import keep, local

if TYPE_CHECKING:
    import argparse

EXAMPLE = "neffcache stats --json | jq .outcomes"
_KINDS = (
    (outcome.HIT, "hits"),
    (outcome.MISS, "misses"),
    (outcome.BYPASS, "passed on to the compiler"),
    (outcome.ERROR, "errors"),
    ("other", "outcomes of another version"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--zero", action="store_true", help="start counting anew, after showing what was counted"
    )


def run(args: argparse.Namespace) -> Answer:
    """Count, show, and set to zero when asked."""
    world = World.here()
    data = collect(world)
    if args.zero:
        journal_totals.zero(world.journal())
    if args.json:
        return json_answer(data)
    lines = describe(data)
    if args.zero:
        lines.append("Counting starts anew.")
    return Answer("\n".join(lines) + "\n")


def collect(world: World) -> dict[str, Any]:
    """Everything there is to show; durations in seconds, sizes in bytes.

    Raises:
        StoreError: something stands in the store's place that cannot be used.
    """
    store = world.store()
    counts = journal_totals.counts(world.journal())
    kinds = dict.fromkeys((kind for kind, _words in _KINDS), 0)
    for name, number in counts.outcomes.items():
        kinds[kind(name)] += number
    asked = kinds[outcome.HIT] + kinds[outcome.MISS]
    path = local.location(world.config)
    sizes = [size for _used, size, _key in keep.entries(store)] if store else []
    return asdict(counts) | {
        "calls": sum(counts.outcomes.values()),
        "kinds": kinds,
        "hit_rate": kinds[outcome.HIT] / asked if asked else None,
        "store": {
            "path": path,
            "bytes": sum(sizes),
            "entries": len(sizes),
            "limit": keep.limit(store or _place(path), world.config.max_size),
        },
        "remotes": [
            {"url": remote.shown(spec.url), "mode": spec.mode, "origin": spec.origin}
            for spec in world.remotes()
        ],
        "watch": _watched(store),
        "queue": [asdict(row) for row in waiting.pending(store, world.environ)],
        "dead": [asdict(row) for row in waiting.dead(store)],
    }


def _watched(store: local.Store | None) -> dict[str, Any]:
    """What watchers have seen of what came past the shim."""
    state = watching.state(store) if store else None
    return {
        "running": state.running if state else 0,
        "noticed": state.noticed if state else 0,
        "queued": state.queued if state else 0,
        "past": state.past if state else 0,
        "roots": [
            {"kind": its_kind, "how": how, "path": path}
            for its_kind, how, path in (state.roots if state else [])
        ],
        "problems": state.problems if state else [],
    }


def kind(name: str) -> str:
    """The kind of an outcome; "other" for one that this version does not know."""
    try:
        return outcome.kind(name)
    except KeyError:
        return "other"


def words(name: str) -> str:
    """What an outcome or note means; its id when this version does not know it."""
    try:
        return outcome.words(name)
    except KeyError:
        return text.safe(name)


def describe(data: dict[str, Any]) -> list[str]:
    """The lines for people."""
    lines = [_summary(data)]
    for its_kind, title in _KINDS:
        rows = [(n, c) for n, c in data["outcomes"].items() if kind(n) == its_kind]
        if rows:
            lines += ["", f"{title}: {data['kinds'][its_kind]}", *_counted(rows)]
    if data["notes"]:
        lines += ["", "noticed on the way", *_counted(list(data["notes"].items()))]
    lines += [*_store(data["store"]), *_watch(data["watch"]), *_remotes(data["remotes"])]
    return [*lines, *_queue(data)]


def _remotes(rows: list[dict[str, str]]) -> list[str]:
    if not rows:
        return []
    shown = [(text.short(row["url"]), row["mode"], text.short(row["origin"])) for row in rows]
    return ["", "remotes: where, mode, named by", *text.table(shown)]


def _watch(watch: dict[str, Any]) -> list[str]:
    """Nothing where no watcher has ever seen anything."""
    rows = [
        (watch["noticed"], "noticed", "new entries of libneuronxla's cache"),
        (watch["queued"], "queued", "of these, queued for a remote"),
        (watch["past"], "past the shim", "NEFFs compiled past the shim: no key, not uploaded"),
    ]
    if not watch["running"] and not any(number for number, _name, _words in rows):
        return []
    head = text.count(watch["running"], "running watcher") if watch["running"] else "not running"
    digits = max(len(str(number)) for number, _name, _words in rows)
    lines = ["", f"watcher: {head}"]
    lines += text.table([(str(n).rjust(digits), name, words) for n, name, words in rows if n])
    return lines + [f"  {text.short(problem, 300)}" for problem in watch["problems"]]


def _store(store: dict[str, Any]) -> list[str]:
    number = text.count(store["entries"], "entry", "entries")
    used = f"{text.size(store['bytes'])} of at most {text.size(store['limit'])}"
    return ["", f"store: {text.short(store['path'])}", f"  {number}, {used}"]


def _summary(data: dict[str, Any]) -> str:
    if not data["calls"]:
        return "no calls counted yet; is the shim first on PATH? (neffcache doctor)"
    since = text.moment(data["since"])
    parts = [text.count(data["calls"], "call") + (f" since {since}" if since else "")]
    if data["hit_rate"] is not None:
        parts.append(f"{100 * data['hit_rate']:.1f} % hits")
    parts.append(f"{text.seconds(data['saved_seconds'])} of compiling saved")
    return ", ".join(parts)


def _counted(rows: list[tuple[str, int]]) -> list[str]:
    rows.sort(key=lambda row: -row[1])
    digits = max(len(str(number)) for _name, number in rows)
    return text.table([(str(n).rjust(digits), text.safe(name), words(name)) for name, n in rows])


def _queue(data: dict[str, Any]) -> list[str]:
    lines = ["", "uploads: nothing waits"]
    if data["queue"]:
        lines = ["", "waiting for upload"]
        lines += [f"  {text.safe(waiting.Waiting(**row).words())}" for row in data["queue"]]
    if data["dead"]:
        lines += ["", "refused for good"]
        lines += [f"  {text.safe(waiting.Dead(**row).words())}" for row in data["dead"]]
    return lines


def _place(path: str) -> local.Store:
    """The nearest directory that is there, to ask how large its disk is."""
    import os

    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return local.Store(path)
