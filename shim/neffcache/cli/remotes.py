"""Door: `neffcache remotes`: the remotes in order, how each has behaved, what waits for it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from neffcache import backlog, breaker, credentials, queue, remote
from neffcache.cli import text
from neffcache.cli.answer import Answer, json_answer
from neffcache.cli.world import World
from neffcache.hub import offline
from neffcache.store import local

if TYPE_CHECKING:
    import argparse

    from neffcache.remote import Spec
    from neffcache.store.local import Store

EXAMPLE = "neffcache remotes --json | jq '.remotes[].waiting'"
# How a remote stands to a side: it may not be asked; nothing speaks against it; it failed; it
# cannot be asked from here, as something is missing here.
OFF, FINE, FAILING, BLOCKED = "off", "fine", "failing", "blocked"
_LONGEST = 700  # a reason with its remedy, and what stands before it


@dataclass(frozen=True)
class Side:
    """Reading from a remote, or writing to it, as this host knows it; nobody is asked.

    Attributes:
        state: off, fine, failing or blocked; reason: why, "" when off or fine.
        failures: one after the other; until: when it is asked again, seconds since 1970; 0: at
            once.
    """

    state: str
    reason: str = ""
    failures: int = 0
    until: float = 0.0

    def words(self) -> str:
        """For people, of one that does not work."""
        if self.state != FAILING:
            return f"not now: {self.reason}"
        often = f"failed {text.count(self.failures, 'time')}, the last: {self.reason}"
        left = self.until - time.time()
        rest = f"left alone for {text.seconds(left)} more" if left > 0 else "due to be asked again"
        return f"{rest}, {often}"


@dataclass(frozen=True)
class Backlog:
    """What waits for a place.

    Attributes:
        waiting, refused: how many entries wait, and how many were refused for good.
        oldest: when the first of those that wait was queued, seconds since 1970; 0: none does.
        reason: what they wait for; "" when for nothing but their turn, or nothing waits.
    """

    waiting: int = 0
    refused: int = 0
    oldest: float = 0.0
    reason: str = ""

    def lines(self) -> list[str]:
        """For people; [] when there is nothing to say."""
        found = []
        if self.waiting:
            since = text.moment(self.oldest)
            found.append(f"{self.waiting} waiting since {since}: {self.reason or 'their turn'}")
        if self.refused:
            found.append(f"{self.refused} refused for good (`neffcache stats` says why)")
        return found


@dataclass(frozen=True)
class Row:
    """One remote."""

    url: str
    mode: str
    backfill: bool
    origin: str
    credential: str
    options: dict[str, str]
    reads: Side
    writes: Side
    backlog: Backlog = field(default_factory=Backlog)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> Answer:
    """List what is known here; no remote is asked (`neffcache doctor` does)."""
    world = World.here()
    store = world.store()
    places = _places(store, world)
    rows = [_row(spec, store, world, places) for spec in world.remotes()]
    others = {remote.shown(name.partition("?")[0]): made for name, made in places.items()}
    if args.json:
        kept = {name: asdict(made) for name, made in others.items()}
        return json_answer({"remotes": [_flat(row) for row in rows], "others": kept})
    return Answer("\n".join([*_lines(rows), *_others(others)]) + "\n")


def _flat(row: Row) -> dict[str, Any]:
    made = asdict(row)
    made.update(made.pop("backlog"))
    return made


def _row(spec: Spec, store: Store | None, world: World, places: dict[str, Backlog]) -> Row:
    reads, writes = _sides(spec, store, world)
    return Row(
        remote.shown(spec.url),
        spec.mode,
        spec.backfill,
        spec.origin,
        spec.credential,
        spec.options,
        reads if spec.reads and spec.bundles else Side(OFF),
        writes if spec.writes else Side(OFF),
        places.pop(spec.text(), Backlog()),
    )


def _sides(spec: Spec, store: Store | None, world: World) -> tuple[Side, Side]:
    blocked = _missing(spec, world)
    if store is None:
        made = Side(BLOCKED, blocked) if blocked else Side(FINE)
        return made, made
    try:
        destination = queue.destination_of(store, spec, world.environ)
    except OSError as error:
        made = Side(BLOCKED, f"the local store cannot be written ({error.strerror})")
        return made, made
    mark = credentials.momentary(store, spec, world.environ)
    identity = credentials.identity(spec, mark)
    lacking = blocked or queue.why_not(store, destination, world.environ)
    return (
        Side(BLOCKED, blocked) if blocked else _stamped(store, f"read-{identity}"),
        Side(BLOCKED, lacking) if lacking else _stamped(store, f"write-{destination.name}"),
    )


def _missing(spec: Spec, world: World) -> str:
    if spec.credential and not remote.secret(spec, world.environ):
        return f"{spec.credential} is not set"
    if spec.scheme == "hf" and offline.is_offline(world.environ):
        return "HF_HUB_OFFLINE is set"
    return ""


def _stamped(store: Store, name: str) -> Side:
    stamp = breaker.read(f"{store.path}/{local.BREAKERS}/{name}")
    if stamp is None:
        return Side(FINE)
    return Side(FAILING, stamp.reason, stamp.failures, round(stamp.until, 3))


def _places(store: Store | None, world: World) -> dict[str, Backlog]:
    """What waits and what was refused, by the URL with what is needed to open it."""
    if store is None:
        return {}
    found: dict[str, Backlog] = {}
    for row in backlog.pending(store, world.environ):
        before = found.get(row.remote, Backlog())
        found[row.remote] = Backlog(
            before.waiting + len(row.keys),
            0,
            round(min(before.oldest or row.oldest, row.oldest), 3),
            before.reason or row.reason,
        )
    for one in backlog.dead(store):
        before = found.get(one.remote, Backlog())
        found[one.remote] = Backlog(
            before.waiting, before.refused + 1, before.oldest, before.reason
        )
    return found


def _lines(rows: list[Row]) -> list[str]:
    if not rows:
        return ["no remotes: only this host's compiles are found; see NEFFCACHE_REMOTES"]
    heads = text.table(
        [
            (str(number), text.short(row.url), _mode(row), f"named by {text.short(row.origin)}")
            for number, row in enumerate(rows, 1)
        ],
        "",
    )
    lines = ["asked in this order; nobody is asked now (`neffcache doctor` does)", ""]
    for head, row in zip(heads, rows, strict=True):
        lines += [head, *(f"     {text.short(line, _LONGEST)}" for line in _details(row))]
    return lines


def _mode(row: Row) -> str:
    return row.mode + (", backfill" if row.backfill else "")


def _details(row: Row) -> list[str]:
    options = [f"{name}={value}" for name, value in sorted(row.options.items())]
    if row.credential:
        options.append(f"credential={row.credential}")
    lines = [", ".join(options)] if options else []
    sides = {"reading": row.reads, "writing": row.writes}
    known = {word: side for word, side in sides.items() if side.state not in (OFF, FINE)}
    states = [f"{word}: {side.words()}" for word, side in known.items()]
    states += row.backlog.lines()
    return [*lines, *(states or ["no failure known, nothing waits"])]


def _others(others: dict[str, Backlog]) -> list[str]:
    """Places that something waits for and that nobody names any more."""
    lines = [f"{name}: {line}" for name, made in others.items() for line in made.lines()]
    head = ["", "not among the remotes now (`neffcache flush --drop` sets aside what waits)"]
    return [*head, *(f"     {text.short(line, _LONGEST)}" for line in lines)] if lines else []
