"""Door: whether two graphs have one key at a level, and what differs where they have not."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neffcache.cli import FINE, NO, text
from neffcache.cli.found_key import why
from neffcache.graph import directory, raw, unlike
from neffcache.invocation import Bypass
from neffcache.run import keying

if TYPE_CHECKING:
    from neffcache.graph.raw import Graph
    from neffcache.run.plan import Job

_MOST = 50
_ENOUGH = "... and more"


@dataclass(frozen=True)
class Compared:
    """Two graphs, side by side.

    Attributes:
        level: the one asked for; names: of the graphs, as given.
        graphs: what each says; None where that cannot be told, which `reason` explains.
        identical: whether they are the same byte for byte.
        differences: in words; at least one when their keys differ.
    """

    level: str
    names: tuple[str, str]
    graphs: tuple[Graph | None, Graph | None]
    identical: bool
    differences: list[str]
    reason: str

    @property
    def same(self) -> bool:
        """Whether they have one key, all else being equal."""
        one, other = self.graphs
        return one is not None and other is not None and one.text() == other.text()

    @property
    def status(self) -> int:
        """Fine when they are the same."""
        return FINE if self.same else NO


def compare(job: Job, name: str, other: str) -> Compared:
    """Read both as the shim would, and find what differs."""
    graphs: list[Graph | None] = []
    reasons, digests = [], []
    for one in (name, other):
        path = os.path.join(job.cwd, one)
        try:
            digests.append(raw.read(path).digest)
            graphs.append(keying.read(job, path, ""))
        except Bypass as error:
            graphs.append(None)
            reasons.append(f"{one}: {why(error)}")
    a, b = graphs
    found: list[str] = []
    if a and b and a.text() != b.text():
        paths = (os.path.join(job.cwd, name), os.path.join(job.cwd, other))
        every = _differences(job, paths, (a, b))
        found = list(itertools.islice(every, _MOST + 1))
        found = found if len(found) <= _MOST else [*found[:_MOST], _ENOUGH]
    identical = len(digests) == 2 and digests[0] == digests[1]
    return Compared(
        job.config.key_level, (name, other), (a, b), identical, found, "; ".join(reasons)
    )


def _differences(job: Job, paths: tuple[str, str], pair: tuple[Graph, Graph]) -> Iterator[str]:
    one, other = pair
    if one.level != other.level:
        yield f"the first is read at the level {one.level}, the second at {other.level}"
    if one.form == other.form == "directory":
        yield from _directories(job, paths)
        return
    if one.form != other.form:
        yield f"the first is read as {one.form}, the second as {other.form}"
    if "directory" not in (one.form, other.form):
        level = min(one.level, other.level, key=unlike.LEVELS.index)
        yield from unlike.differences(paths[0], paths[1], pair, level)
    yield from _outside(one, other)


def _outside(one: Graph, other: Graph) -> Iterator[str]:
    """The files that only one of them names, by content."""
    ours, theirs = ({digest for digest, _size in graph.outside.values()} for graph in (one, other))
    for which, graph, known in (("first", one, theirs), ("second", other, ours)):
        for path, (digest, _size) in sorted(graph.outside.items()):
            if digest not in known:
                yield f"only the {which} names a file like {path} (sha256 {digest[:16]})"


def _directories(job: Job, paths: tuple[str, str]) -> Iterator[str]:
    """Which files, and what differs between the two graphs among them."""
    ours, theirs = ({name: full for name, full, _at in directory.list_files(p)} for p in paths)
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs or name not in ours:
            yield f"{name}: only in the {'first' if name in ours else 'second'}"
            continue
        both = (ours[name], theirs[name])
        if name != directory.GRAPH:
            if raw.hash_file(both[0]) != raw.hash_file(both[1]):
                yield f"{name}: {unlike.bytes_differ(*both)}"
            continue
        one, other = (keying.read(job, path, "") for path in both)
        if one.text() != other.text():
            yield from (f"{name}: {line}" for line in _differences(job, both, (one, other)))


def as_data(made: Compared) -> dict[str, Any]:
    """For programs."""
    return {
        "same": made.same,
        "identical": made.identical,
        "level": made.level,
        "graphs": [_graph(n, g) for n, g in zip(made.names, made.graphs, strict=True)],
        "differences": made.differences,
        "reason": made.reason or None,
    }


def _graph(name: str, graph: Graph | None) -> dict[str, Any]:
    if graph is None:
        return {"path": name, "level": None, "form": None, "digest": None, "reasons": []}
    return {
        "path": name,
        "level": graph.level,
        "form": graph.form,
        "digest": graph.digest,
        "reasons": list(graph.reasons),
    }


def lines(made: Compared) -> list[str]:
    """For people."""
    level = next((graph.level for graph in made.graphs if graph), made.level)
    if made.same:
        how = (
            "byte for byte" if made.identical else f"at the level {level}, though not in every byte"
        )
        head = [f"the same key: they are equal {how}"]
    elif made.reason:
        head = [f"not comparable: {text.short(made.reason, 500)}"]
    else:
        head = [f"different keys at the level {made.level}"]
    shown = [f"  {text.short(line, 400)}" for line in made.differences]
    safer = [
        f"{name} is read at the level {graph.level}: {text.short(reason, 300)}"
        for name, graph in zip(made.names, made.graphs, strict=True)
        if graph
        for reason in graph.reasons
    ]
    return [*head, *shown, *safer]
