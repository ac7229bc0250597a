"""Door: do the remotes answer, do they take writes, and what waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import processes, remote, targets
from neffcache.cli import probe, text, waiting
from neffcache.cli.checks import hub
from neffcache.cli.finding import OK, WARN, Finding, Scene
from neffcache.cli.world import World, tolerant
from neffcache.errors import StoreError
from neffcache.hub import offline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neffcache.remote import Spec

# Until it has loaded what it needs, from however slow a disk; who writes has more time, as always.
_TO_START, _TO_WRITE = 30.0, 12
# By the last word of the helper: what is wrong, and the remedy where it knows none.
_WRONG = {
    "readonly": (
        "answers{}, but not to writes",
        "give this user the right to write there, or use ?mode=ro",
    ),
    "refused": ("answers{}, but not to reads", "give this user the right to read there"),
    "failed": ("does not answer{}", "check the URL, the mount or the network"),
}

_MIRROR = "look at mirror= in the URL, and at the mirror"


def look(scene: Scene) -> Iterator[Finding]:
    """The findings about remotes and the queue. A failing remote stops no hit of the store."""
    world = World(scene.environ, scene.config)
    specs = world.good_remotes()
    if not specs and not tolerant(scene.environ)[1]:
        yield Finding("remotes", OK, "none set: only this host's compiles are found")
    for spec in specs:
        if spec.scheme == "hf":
            yield from hub.look(spec, scene)
        else:
            yield _try(spec, scene)
    yield from hub.unread(scene)
    yield from _public(specs, scene)
    try:
        store = world.store()
    except StoreError:
        return  # said already
    for row in waiting.pending(store, scene.environ):
        if row.reason:
            remedy = "put that right, then run `neffcache flush`"
            yield Finding("queue", WARN, f"waiting for upload: {row.words()}", remedy)
        else:
            yield Finding("queue", OK, f"waiting for upload: {row.words()}")
    yield from _dead(waiting.dead(store), store.path if store else "")


def _public(specs: list[Spec], scene: Scene) -> Iterator[Finding]:
    """What is asked though nobody named it."""
    places = [spec.location.partition("@")[0] for spec in specs]
    if scene.config.hooks and targets.PUBLIC not in places:
        how = "asked by the hooks, last of all, never written; NEFFCACHE_HUB_EVERYBODY=0 stops it"
        if not scene.config.hub_everybody:
            how = "not asked, NEFFCACHE_HUB_EVERYBODY is off"
        elif offline.is_offline(scene.environ):
            how = "not asked, HF_HUB_OFFLINE is set"
        yield Finding("remotes", OK, f"hf://{targets.PUBLIC}, {targets.PUBLIC_ORIGIN}: {how}")


def _dead(found: list[waiting.Dead], store: str) -> Iterator[Finding]:
    if found:
        number = text.count(len(found), "upload")
        line = f"{number} refused for good, the last: {max(found, key=_age).words()}"
        remedy = "put that right and run `neffcache flush --refused`, "
        remedy += f"or remove {store}/dead to forget them"
        yield Finding("queue", WARN, line, remedy)


def _age(row: waiting.Dead) -> float:
    return row.time


def _try(spec: Spec, scene: Scene) -> Finding:
    shown = remote.shown(spec.url)
    if spec.credential and not remote.secret(spec, scene.environ):
        name = spec.credential.removeprefix(remote.ENVIRONMENT)
        return Finding("remotes", WARN, f"{shown}: {name} is not set", f"export {name}")
    facts: dict[str, str] = {}
    word, detail = _probe(spec, scene, facts)
    who = f"as {facts['identity']}" if "identity" in facts else ""
    if word == "good" and "mirror" in facts:
        cause, _, remedy = facts["mirror"].partition("; ")
        line = f"{shown} answers, but not its mirror: {cause}"
        return Finding("remotes", WARN, line, f"{remedy or _MIRROR}; reads go past it")
    if word == "good":
        parts = [who, _latency(facts), "takes writes" if spec.writes else ""]
        said = ", ".join(part for part in parts if part)
        line = f"{shown} answers ({spec.mode}), named by {spec.origin}: {said}"
        return Finding("remotes", OK, line)
    cause, _, remedy = detail.partition("; ")
    whom = f" ({who})" if who else ""
    what, ours = _WRONG.get(word, _WRONG["failed"])
    line = f"{shown} {what.format(whom)}: {cause}"
    return Finding("remotes", WARN, line, f"{remedy or ours}; compiles go on without it")


def _latency(facts: dict[str, str]) -> str:
    """A look-up as a compile does it: with a new connection."""
    if "latency" not in facts:
        return ""
    return f"a look-up takes {float(facts['latency']) * 1000:.1f} ms"


def _probe(spec: Spec, scene: Scene, facts: dict[str, str]) -> tuple[str, str]:
    """How it ended for the helper process, within the silence that a remote is granted."""
    command = processes.python(probe.MODULE, spec.text(), spec.mode)
    try:
        helper = processes.Helper(command, scene.environ)
    except OSError as error:
        return "failed", f"no helper process ({error})"
    silence = _TO_START
    try:
        while (line := helper.line(silence)) is not None:
            word, _, detail = line.partition(" ")
            if word == "fact":
                name, _, facts[name] = detail.partition(" ")
            elif word != "busy":
                return word, detail
            silence = scene.config.remote_timeout * (_TO_WRITE if detail == "write" else 1)
    except processes.Silent:
        return "failed", f"silent for {silence:g} s"
    finally:
        helper.stop()
    return "failed", "its helper process died"
