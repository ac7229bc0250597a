"""Door: which settings and variables of this environment stand in the way of hits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import environment, journal
from neffcache.cli import hints
from neffcache.cli.finding import FAIL, OK, WARN, Finding, Scene
from neffcache.cli.text import short
from neffcache.compiler import find

if TYPE_CHECKING:
    from collections.abc import Iterator

# setting, level when it is on, what it does.
_SWITCHES = (
    ("disable", FAIL, "every call is passed on to the compiler"),
    ("recache", FAIL, "stored answers are passed over"),
    ("require_hit", WARN, "a graph that is not stored is an error"),
    ("strict", WARN, "faults of the cache break compiles"),
)


def look(scene: Scene) -> Iterator[Finding]:
    """The findings about switches and about variables in the key."""
    for name, level, effect in _SWITCHES:
        if getattr(scene.config, name):
            origin = scene.config.origins.get(name, "default")
            yield Finding("settings", level, f"{name} is on ({origin}): {effect}", "unset it")
    if find.is_nested(scene.environ):
        line = f"{find.ACTIVE.decode()} is set: every call counts as made by a compiler"
        yield Finding("settings", FAIL, line, "unset it; only the shim sets it, for its children")
    yield from _variables(scene)


def _variables(scene: Scene) -> Iterator[Finding]:
    host = hints.Host.here()
    found = environment.relevant(scene.environ)
    for name, value in found:
        label, shown = f"{hints.ENVIRONMENT}{journal.shown(name)}", journal.shown(value)
        hint = hints.look(label, shown, host)
        if hint:
            remedy = "unset it for compiles, or give it the same value everywhere"
            line = f"{journal.shown(name)}={short(shown, 80)} is in every key and {hint}"
            yield Finding("environment", WARN, line, remedy)
    names = ", ".join(short(journal.shown(name), 60) for name, _value in found)
    yield Finding("environment", OK, f"variables in the key: {names or 'none'}")
