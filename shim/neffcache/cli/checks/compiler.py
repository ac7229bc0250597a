"""Door: can the real compiler be identified; without that nothing is cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache.cli.finding import FAIL, OK, Finding, Scene
from neffcache.cli.text import short
from neffcache.compiler import find, identity
from neffcache.errors import CompilerNotFound
from neffcache.invocation import Bypass

if TYPE_CHECKING:
    from collections.abc import Iterator

_REMEDY = (
    "install neuronx-cc as a plain package, or name it with NEFFCACHE_COMPILER_ID; "
    "then change that name with every change of the compiler"
)


def look(scene: Scene) -> Iterator[Finding]:
    """The findings about the compiler's identity."""
    if scene.config.compiler_id:
        line = f"named by NEFFCACHE_COMPILER_ID: {short(scene.config.compiler_id)}"
        yield Finding("compiler", OK, line)
        return
    try:
        script = find.find(scene.environ, scene.cwd, scene.config.compiler)
        parts = dict(identity.identify(script, scene.environ).parts)
    except CompilerNotFound:
        return  # said already
    except Bypass as reason:
        yield Finding("compiler", FAIL, f"not identified: {reason.detail}", _REMEDY)
        return
    name = parts.get("compiler", b"?").decode(errors="replace")
    python = parts.get("compiler python", b"?").decode(errors="replace")
    yield Finding("compiler", OK, f"{name} for Python {python}")
