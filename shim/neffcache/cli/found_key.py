"""Door: the key of one compile as far as it can be told, in words and for programs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neffcache import environment_reasons, files, journal
from neffcache.cli import FINE, NO, hints, text
from neffcache.cli.stats import words
from neffcache.compiler import find
from neffcache.errors import CompilerNotFound, StoreError
from neffcache.invocation import Bypass
from neffcache.key import Part
from neffcache.run import keying

if TYPE_CHECKING:
    from neffcache.cli.world import World
    from neffcache.graph.raw import Graph
    from neffcache.key import Key
    from neffcache.run.plan import Job

_NO_FLAGS = "give the flags of the compile behind --, e.g. -- --framework=XLA --target=trn1"
_MOST_FILES = 100


@dataclass(frozen=True)
class FoundKey:
    """What can be told of a compile's key.

    Attributes:
        key: None when the compile would not be cached.
        graph: what its graph says; None when that cannot be told either.
        reason: why there is no key; "" when there is one.
        variables: (name, whether it is in the key, why) of the whole environment.
    """

    key: Key | None
    graph: Graph | None
    reason: str
    variables: list[tuple[bytes, bool, str]]

    @property
    def status(self) -> int:
        """Whether it would be cached."""
        return FINE if self.key else NO

    @property
    def parts(self) -> list[Part]:
        """Of the key; without one, of its graph alone."""
        if self.key:
            return self.key.parts
        return [Part("graph", files.encode(self.graph.text()))] if self.graph else []


def look(job: Job, world: World, name: str) -> FoundKey:
    """The key that the shim would use for this call; nothing is compiled or written down."""
    ignore, extra = keying.patterns(job.config)
    variables = environment_reasons.explain(job.environ, ignore, extra)
    path = os.path.join(job.cwd, name)
    if not os.path.exists(path):
        return FoundKey(None, None, f"{name}: no such file or directory", variables)
    memory = reason = ""
    try:
        store = world.store()
        memory = store.path if store else ""
        made, graph = _compute(job, memory)
    except Bypass as error:
        reason = why(error)
    except (CompilerNotFound, StoreError) as error:
        reason = str(error)
    else:
        return FoundKey(made, graph, "", variables)
    try:
        return FoundKey(None, keying.read(job, path, memory), reason, variables)
    except Bypass as error:
        both = reason if why(error) == reason else f"{reason}; {why(error)}"
        return FoundKey(None, None, both, variables)


def _compute(job: Job, memory: str) -> tuple[Key, Graph]:
    """As a call through the shim does it, step by step."""
    call = keying.parse(job)
    keying.check(job, call)
    job.script = find.find(job.environ, job.cwd or "/", job.config.compiler)
    return keying.compute(job, call, keying.identify(job, memory), memory)


def why(reason: Bypass) -> str:
    """A reason in words."""
    detail = reason.detail or (_NO_FLAGS if reason.outcome == "no_target" else "")
    return words(reason.outcome) + (f" ({detail})" if detail else "")


def as_data(found: FoundKey, *, everything: bool) -> dict[str, Any]:
    """For programs. With a key, `reason` says why its level is safer than the one asked for."""
    graph = found.graph
    stepped = "; ".join(graph.reasons) if graph else ""
    made: dict[str, Any] = {
        "key": found.key.digest if found.key else None,
        "level": graph.level if graph else None,
        "parts": [_part(found, part) for part in found.parts],
        "reason": found.reason or stepped or None,
    }
    if everything:
        made["left_out"] = [
            {"name": journal.shown(name), "reason": reason}
            for name, known, reason in found.variables
            if not known
        ]
    return made


def _part(found: FoundKey, part: Part) -> dict[str, Any]:
    made: dict[str, Any] = {
        "label": part.label,
        "value": journal.shown(part.value),
        "sha256": part.digest,
    }
    if part.label == "graph" and found.graph:
        made["files"] = [
            {"path": path, "sha256": digest, "bytes": size}
            for path, (digest, size) in sorted(found.graph.outside.items())
        ]
    reasons = _reasons(found)
    if part.label in reasons:
        made["reason"] = reasons[part.label]
    return made


def _reasons(found: FoundKey) -> dict[str, str]:
    """Why each variable of the key is in it, by the part's label."""
    return {
        hints.ENVIRONMENT + files.decode(name): reason
        for name, known, reason in found.variables
        if known
    }


def lines(found: FoundKey, *, everything: bool) -> list[str]:
    """For people."""
    graph = found.graph
    made = [
        f"key    {found.key.digest}"
        if found.key
        else "key    none: this compile would not be cached"
    ]
    if found.reason:
        made.append(f"       because: {text.short(found.reason, 500)}")
    if graph:
        made.append(f"level  {graph.level} ({graph.form}, {text.size(graph.size)})")
        made += [f"       {text.short(reason, 300)}" for reason in graph.reasons]
    if found.parts:
        made += ["", "made of" if found.key else "of it, the part of the graph is known"]
        rows = [(text.short(part.label, 60), _shown(part)) for part in found.parts]
        made += text.table(rows)
    made += [*_files(graph), *_environment(found)]
    if everything:
        made += _titled(
            "variables that stay out",
            [(journal.shown(name), reason) for name, known, reason in found.variables if not known],
        )
    return made


def _shown(part: Part) -> str:
    return text.short(journal.shown(part.value).replace("\n", ", "))


def _files(graph: Graph | None) -> list[str]:
    """The files that the graph names."""
    outside = sorted(graph.outside.items()) if graph else []
    rows = [(path, f"sha256 {digest[:16]}") for path, (digest, _size) in outside]
    made = _titled("files that the graph names; their content is in its part", rows[:_MOST_FILES])
    more = len(rows) - _MOST_FILES
    return [*made, f"  and {more} more"] if more > 0 else made


def _environment(found: FoundKey) -> list[str]:
    """Why variables are in the key, and those whose value looks accidental."""
    reasons, host = _reasons(found), hints.Host.here()
    parts = [part for part in found.parts if part.label in reasons]
    why_in = [(part.label[len(hints.ENVIRONMENT) :], reasons[part.label]) for part in parts]
    looked = [
        (part.label, hints.look(part.label, journal.shown(part.value), host))
        for part in found.parts
    ]
    odd = [(label, hint) for label, hint in looked if hint]
    title = "look at these: they may differ where the result would not"
    return [*_titled("why these variables are in", why_in), *_titled(title, odd)]


def _titled(title: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    return ["", title, *text.table([(text.short(a, 120), text.short(b, 200)) for a, b in rows])]
