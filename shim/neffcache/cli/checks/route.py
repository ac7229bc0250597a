"""Door: is the shim first on PATH, is it whole, and is there a real compiler behind it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from neffcache import files
from neffcache.cli import head, interpreter, text
from neffcache.cli.finding import FAIL, OK, WARN, Finding, Scene
from neffcache.compiler import find
from neffcache.errors import CompilerNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 64 << 10
_INSTALL = "run `neffcache install` on its directory again"


def look(scene: Scene) -> Iterator[Finding]:
    """The findings about PATH, the shim and the compiler's place."""
    found = programs(scene)
    shims = [path for path in found if find.is_shim(path)]
    yield from _order(found, shims, scene)
    if shims:
        yield from _shim(shims[0])
    for other in shims[1:]:
        if not _same(shims[0], other):
            remedy = "remove it, or install it again"
            yield Finding("path", WARN, f"{other} is a shim of another installation", remedy)
    try:
        real = find.find(scene.environ, scene.cwd, scene.config.compiler)
        yield Finding("path", OK, f"the real compiler is {real}")
    except CompilerNotFound as error:
        yield Finding("path", FAIL, error.what, error.remedy)


def programs(scene: Scene) -> list[str]:
    """Every executable neuronx-cc on PATH, in order; one that stands there twice counts once."""
    found: list[str] = []
    path = os.fsdecode(scene.environ.get(b"PATH", os.fsencode(os.defpath)))
    for element in path.split(":"):
        candidate = os.path.join(scene.cwd, element, find.PROGRAM)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK) and candidate not in found:
            found.append(candidate)
    return found


def _order(found: list[str], shims: list[str], scene: Scene) -> Iterator[Finding]:
    if not shims:
        first = f"; the first neuronx-cc is {found[0]}" if found else ""
        line, verb = f"the shim is not on PATH{first}", "put it there"
    elif found[0] != shims[0]:
        line, verb = f"{found[0]} comes before the shim {shims[0]}", "put the shim first"
    else:
        yield Finding("path", OK, f"the shim {shims[0]} comes first")
        return
    remedy = f'{verb}: eval "$(neffcache env)", or start jobs with `neffcache run`'
    if scene.config.hooks and scene.environ.get(b"NEFFCACHE_HOOKS"):
        line += ": only Python processes with the hooks come to it"
        yield Finding("path", WARN, line, remedy)
    else:
        yield Finding("path", FAIL, line, remedy)


def _shim(path: str) -> Iterator[Finding]:
    try:
        script = files.decode(files.read(path, _MOST))
    except OSError as error:
        yield Finding("shim", FAIL, f"{path} cannot be read ({error.strerror})", _INSTALL)
        return
    python, start = head.recorded(script)
    if not os.access(python, os.X_OK):
        yield Finding("shim", FAIL, f"its Python {python} is gone or not executable", _INSTALL)
    elif not os.access(start, os.R_OK):
        yield Finding("shim", FAIL, f"its package is gone ({start})", _INSTALL)
    elif not interpreter.starts(python):
        yield Finding("shim", FAIL, f"its Python {python} does not start with -I -S", _INSTALL)
    else:
        yield Finding("shim", OK, f"runs {python}")
        yield from _byte_code(python, os.path.dirname(os.path.dirname(start)))
        yield from _age(script, python, start)


def _byte_code(python: str, package: str) -> Iterator[Finding]:
    missing = interpreter.without_byte_code(python, package, compile_first=False)
    if missing is None or missing:
        number = text.count(len(missing), "file") if missing else "files"
        line = f"no byte code for {number} in {package}: a hit takes about twice as long"
        remedy = "run `neffcache install` as a user who may write there"
        yield Finding("shim", WARN, line, remedy)


def _age(script: str, python: str, start: str) -> Iterator[Finding]:
    """A text that this version would not write: of an older one, or of another installation."""
    package = os.path.dirname(os.path.dirname(start))
    if not os.path.samefile(package, interpreter.package_directory()):
        line = f"it belongs to another installation ({package})"
        yield Finding("shim", WARN, line, "use that one's `neffcache`, or install again")
    elif head.landmark(script) and script != _rendered(script, python, start):
        yield Finding("shim", WARN, "another version wrote it", _INSTALL)


def _rendered(script: str, python: str, start: str) -> str:
    return head.render(python, head.landmark(script), start, head.packages(script))


def _same(one: str, other: str) -> bool:
    try:
        return files.read(one, _MOST) == files.read(other, _MOST)
    except OSError:
        return False
