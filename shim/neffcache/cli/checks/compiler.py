"""Door: can the real compiler be identified; without that nothing is cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache.cli.finding import FAIL, OK, WARN, Finding, Scene
from neffcache.cli.text import count, short
from neffcache.compiler import contents, find, identity
from neffcache.errors import CompilerNotFound
from neffcache.invocation import Bypass

if TYPE_CHECKING:
    from collections.abc import Iterator

_REMEDY = (
    "install neuronx-cc as a plain package, or name it with NEFFCACHE_COMPILER_ID; "
    "then change that name with every change of the compiler"
)
_EDITED = (
    "install it anew, or set NEFFCACHE_COMPILER_CHECK=content on every host that shares, "
    "so that its results are kept apart"
)
_APART = "install it anew, or leave it: its results serve only hosts with the same edits"
# Reading a package of gigabytes from a slow disk is given up after so long.
_SECONDS = 20.0
_MOST_NAMED = 3


def look(scene: Scene) -> Iterator[Finding]:
    """The findings about the compiler's identity."""
    if scene.config.compiler_id:
        line = f"named by NEFFCACHE_COMPILER_ID: {short(scene.config.compiler_id)}"
        yield Finding("compiler", OK, line)
        return
    try:
        script = find.find(scene.environ, scene.cwd, scene.config.compiler)
        made = identity.identify(script, scene.environ)
    except CompilerNotFound:
        return  # said already
    except Bypass as reason:
        yield Finding("compiler", FAIL, f"not identified: {reason.detail}", _REMEDY)
        return
    parts = dict(made.parts)
    name = parts.get("compiler", b"?").decode(errors="replace")
    python = parts.get("compiler python", b"?").decode(errors="replace")
    yield Finding("compiler", OK, f"{name} for Python {python}")
    kept_apart = scene.config.compiler_check == contents.CONTENT
    yield from _files(made, _APART if kept_apart else _EDITED)


def _files(made: identity.Identity, remedy: str) -> Iterator[Finding]:
    """Whether the package's files are the ones that were installed."""
    late = ""
    try:
        altered, number = contents.compare(made, _SECONDS)
    except contents.TimeIsUp as done:
        altered, number = done.found, done.looked_at
        late = f" (of {done.of}; the others were not read within {_SECONDS:g} s)"
    except Bypass as reason:
        yield Finding("compiler", WARN, f"its files cannot be checked: {reason.detail}", remedy)
        return
    if altered:
        names = ", ".join(
            short(f"{found.name}{' (missing)' if found.verdict == contents.MISSING else ''}", 120)
            for found in altered[:_MOST_NAMED]
        )
        more = f" and {len(altered) - _MOST_NAMED} more" if len(altered) > _MOST_NAMED else ""
        line = f"{count(len(altered), 'file')} edited since the installation: {names}{more}{late}"
        yield Finding("compiler", WARN, line, remedy)
    else:
        yield Finding("compiler", OK, f"{count(number, 'file')} as installed{late}")
