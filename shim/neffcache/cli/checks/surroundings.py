"""Door: which settings and variables of this environment stand in the way of hits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import environment, files, journal
from neffcache.cli import hints
from neffcache.cli.finding import FAIL, OK, WARN, Finding, Scene
from neffcache.cli.text import short
from neffcache.compiler import find
from neffcache.run import keying

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
    ignore, extra = keying.patterns(scene.config)
    names = []
    for label, value in environment.selected(scene.environ, ignore, extra):
        if label == environment.IGNORED:
            yield _ignored(journal.shown(value))
            continue
        variable = files.encode(label.removeprefix(hints.ENVIRONMENT))
        name, shown = journal.shown(variable), journal.shown(value)
        names.append(short(name, 60))
        hint = hints.look(f"{hints.ENVIRONMENT}{name}", shown, host)
        if hint:
            line = f"{name}={short(shown, 80)} is in every key and {hint}"
            yield Finding("environment", WARN, line, _remedy(variable, extra))
    yield Finding("environment", OK, f"variables in the key: {', '.join(names) or 'none'}")


def _ignored(patterns: str) -> Finding:
    line = f"left out of keys on request: {short(patterns)}; shared by those who do the same"
    return Finding("environment", OK, line)


def _remedy(name: bytes, extra: list[bytes]) -> str:
    if environment.matches(name, extra):
        return "take it out of NEFFCACHE_KEY_EXTRA_ENV, or give it the same value everywhere"
    return (
        "unset it for compiles, or give it the same value everywhere; if the compiler does not "
        "look at it, name it in NEFFCACHE_KEY_IGNORE_ENV"
    )
