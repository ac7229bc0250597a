"""Door: the compiler's own entry point, called inside a process: answered if that is asked for."""

import os
import posix
import sys
from functools import wraps

from neffcache import config, files
from neffcache.compiler import find, identity
from neffcache.errors import CompilerNotFound, SettingError, StoreError
from neffcache.invocation import Bypass
from neffcache.run import keying, stored
from neffcache.run.plan import Job
from neffcache.store import local
from neffcache_hooks import calling, guard, surroundings, world
from neffcache_hooks.patch import Patch, signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from neffcache.compiler.identity import Identity

LABEL = "compiler in this process"
_MAIN = "main"


def patches(module: "ModuleType") -> "list[Patch]":
    """A Patch for the entry point, where the setting `hook_inprocess` is on."""
    found = world.current()
    if found is None or not found.config.hook_inprocess:
        return []
    return [Patch(module, _MAIN, _wrapper, signature(), f"{module.__name__}.{_MAIN}")]


def _wrapper(original: "Any") -> "Any":
    @wraps(original)
    def main(*values: "Any", **named: "Any") -> "Any":
        if not values and not named and guard.attempt(LABEL, _answer, original.__module__):
            return 0
        return original(*values, **named)

    return main


def _answer(module: str) -> bool:
    """Serve what sys.argv asks for; false: the compiler goes on as if nothing had been."""
    job = _job()
    if job is None or not calling.can_answer(-1, 0, -1) or not _is_this(job, module):
        return False
    said: list[str] = []
    job.say = lambda good, text: said.append(text.decode()) if good else None
    if not stored.serve(job):
        return False
    world.joined()
    try:
        sys.stdout.write("".join(said))
    except (AttributeError, OSError, ValueError):
        pass  # closed, or never there
    return True


def _job() -> "Job | None":
    """The call as the shim would see it; None: not for us."""
    job = Job()
    try:
        job.environ = surroundings.current()
        job.config = config.load(job.environ)
        job.cwd = posix.getcwd()
        job.argv = [files.decode(os.fsencode(word)) for word in sys.argv[1:]]
        job.script = find.find(job.environ, job.cwd, job.config.compiler)
    except (OSError, TypeError, ValueError, SettingError, CompilerNotFound):
        return None
    if not job.config.hook_inprocess or not calling.is_for_us(job.config, job.environ, job.argv):
        return None
    # What the compiler's Python code sees, and what its libraries see, must be one.
    return job if surroundings.is_told(job.environ, job.config) else None


def _is_this(job: "Job", module: str) -> bool:
    """Whether the compiler on PATH is the package that is imported here, run by such a Python."""
    try:
        made = keying.identify(job, local.open_store(job.config).path)
    except (Bypass, StoreError):
        return False
    parts = dict(made.parts)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        parts.get("compiler entry") == f"{module}:{_MAIN}".encode()
        and parts.get("compiler python") == version.encode()
        and _is_imported(made)
    )


def _is_imported(made: "Identity") -> bool:
    file = getattr(sys.modules.get(identity.PACKAGE), "__file__", None) or ""
    there = files.state(f"{made.site}/{identity.PACKAGE}/{files.basename(file)}")
    return there is not None and there == files.state(file)
