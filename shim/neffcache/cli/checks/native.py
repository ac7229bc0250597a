"""Door: locks that nobody frees and failures that are repeated, in libneuronxla's own cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import watching
from neffcache.cli import leftovers, text
from neffcache.cli.finding import OK, WARN, Finding, Scene
from neffcache.cli.world import World
from neffcache.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neffcache.cli.leftovers import Leftover
    from neffcache.store.local import Store

# So many of a kind are shown.
_MOST = 10


def look(scene: Scene) -> Iterator[Finding]:
    """The findings about locks and failures below every cache root that is known."""
    try:
        store = World(scene.environ, scene.config).store()
    except StoreError:
        store = None  # said already
    for root in _roots(scene, store):
        found: list[Leftover] = []
        try:
            for one in leftovers.look(root, store, scene.config.remote_timeout):
                found.append(one)  # noqa: PERF402  # what came before a fault counts
        except leftovers.Unfinished as reason:
            remedy = "check that mount; libneuronxla would wait for it, too"
            yield Finding("locks", WARN, f"{root} cannot be looked through: {reason}", remedy)
        yield from _findings(found, scene)


def _roots(scene: Scene, store: Store | None) -> list[str]:
    """This environment's, then those that watchers of this user look at."""
    found = [
        path
        for path, kind in watching.roots(scene.config, scene.environ, scene.cwd)
        if kind == watching.NATIVE
    ]
    if store is not None:
        rows = watching.state(store).roots
        found += [path for kind, _how, path in rows if kind == watching.NATIVE]
    return list(dict.fromkeys(found))


def _findings(found: list[Leftover], scene: Scene) -> Iterator[Finding]:
    kinds = {
        kind: [one for one in found if one.kind == kind]
        for kind in (
            leftovers.HELD,
            leftovers.ORPHAN,
            leftovers.UNKNOWN,
            leftovers.AGAIN,
            leftovers.REPEATED,
        )
    }
    if kinds[leftovers.HELD]:
        number = text.count(len(kinds[leftovers.HELD]), "lock")
        yield Finding("locks", OK, f"{number} held by living processes")
    yield from _each(kinds[leftovers.ORPHAN], "locks", "its taker is dead", "")
    sure = "if no compile of that graph runs anywhere"
    yield from _each(kinds[leftovers.UNKNOWN], "locks", "stays, whoever waits for it", sure)
    again = "the hooks have it compiled again"
    if not scene.config.retry_failed:
        again = "repeated, as NEFFCACHE_RETRY_FAILED is off"
    yield from _each(kinds[leftovers.AGAIN], "failures", again, "")
    last = "to have it compiled again"
    yield from _each(kinds[leftovers.REPEATED], "failures", "repeated for ever", last)


def _each(found: list[Leftover], topic: str, what: str, when: str) -> Iterator[Finding]:
    for one in found[:_MOST]:
        remedy = f"{when}: {one.command}" if when else one.command
        yield Finding(topic, WARN, f"{one.path}: {what} ({text.short(one.why)})", remedy)
    if len(found) > _MOST:
        line = f"{len(found) - _MOST} more of the kind: {what}"
        yield Finding(topic, WARN, line, "clear these, then ask again")
