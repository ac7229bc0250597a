"""Door: are the hooks switched on, and in the Python that jobs use; does a watcher run."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from neffcache import watching
from neffcache.cli import text
from neffcache.cli.finding import OK, WARN, Finding, Scene
from neffcache.cli.world import World
from neffcache.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLE = b"NEFFCACHE_HOOKS"
_ASK = "import sys; print('neffcache_hooks.start' in sys.modules)"
_SECONDS = 20
_PYTHONS = ("python", "python3")


def look(scene: Scene) -> Iterator[Finding]:
    """The findings about hooks and watchers."""
    if not scene.config.hooks:
        line = "off; `neffcache run` or NEFFCACHE_HOOKS=1 switches them on"
        yield Finding("hooks", OK, line)
    elif not scene.environ.get(_VARIABLE):
        origin = scene.config.origins.get("hooks", "a file")
        line = f"hooks is on in {origin}, where no interpreter looks at its start"
        yield Finding("hooks", WARN, line, "export NEFFCACHE_HOOKS=1")
    else:
        yield from _pythons(scene)
    yield from _watcher(scene)


def _pythons(scene: Scene) -> Iterator[Finding]:
    """Whether the interpreters that a job would find have them."""
    path = os.fsdecode(scene.environ.get(b"PATH", os.fsencode(os.defpath)))
    found = [shutil.which(name, path=path) for name in _PYTHONS]
    seen = dict.fromkeys(one for one in found if one)
    if not seen:
        remedy = "put the Python of your jobs on PATH and ask again"
        yield Finding("hooks", WARN, "on, but there is no python on PATH to have them", remedy)
    for python in seen:
        why = _lacks(python, scene)
        if why:
            remedy = "install neffcache into the environment that your jobs run in"
            yield Finding("hooks", WARN, f"on, but {python} {why}", remedy)
        else:
            yield Finding("hooks", OK, f"on, and {python} has them")


def _lacks(python: str, scene: Scene) -> str:
    import subprocess

    try:
        done = subprocess.run(
            [python, "-c", _ASK],
            env=dict(scene.environ),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not start ({type(error).__name__})"
    if done.returncode:
        return f"does not start (status {done.returncode})"
    return "" if done.stdout.strip().endswith(b"True") else "does not have them"


def _watcher(scene: Scene) -> Iterator[Finding]:
    try:
        store = World(scene.environ, scene.config).store()
    except StoreError:
        return  # said already
    if store is None:
        return
    state = watching.state(store)
    if state.running:
        number = text.count(len(state.roots), "directory", "directories")
        watchers = text.count(state.running, "watcher")
        yield Finding("watcher", OK, f"{watchers} running, looking at {number}")
    for problem in state.problems:
        remedy = "put that right, or name the place that jobs use in NEFFCACHE_WATCH"
        yield Finding("watcher", WARN, problem, remedy)
