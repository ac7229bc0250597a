"""Door: a shim in the store for jobs with the hooks alone: else nobody keeps what they compile."""

import os

from neffcache import processes
from neffcache.compiler import find
from neffcache.store import local
from neffcache_hooks import guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.options import Config

LABEL = "shim"
# A start of Python and a look at our package, on a host that is busy.
_SILENCE = 10.0
_REMEDY = 'what is compiled goes past the cache: run `eval "$(neffcache env)"` before the job'

# Directories where it was tried: once a process.
_tried: "set[str]" = set()


def shim(config: "Config") -> str:
    """The shim in the store, installed when there is none; "" where that fails, which is told.

    Raises:
        StoreError: there can be no store.
    """
    directory = f"{local.open_store(config).path}/{local.BIN}"
    path = f"{directory}/{find.PROGRAM}"
    if not _is_there(path) and directory not in _tried:
        _tried.add(directory)
        why = _install(directory)
        if why:
            guard.say(LABEL, f"none could be put into {directory} ({why}): {_REMEDY}")
    return path if _is_there(path) else ""


def _is_there(path: str) -> bool:
    return find.executable(path) is not None and find.is_shim(path)


def _install(directory: str) -> str:
    """Why it failed; "": it did not."""
    python = processes.python("")[0]
    if not python:
        return "this program only has Python inside"
    # As `neffcache install`: it looks for what this Python has in its site-packages.
    argv = [python, "-I", "-m", "neffcache", "install", directory]
    try:
        helper = processes.Helper(argv, {**os.environb, b"NEFFCACHE_HOOKS": b"0"})
    except OSError as error:
        return f"no process can be made: {error.strerror}"
    try:
        line = helper.line(_SILENCE)
        helper.let_go()
    except processes.Silent:
        return f"nothing came for {_SILENCE:g} s"
    finally:
        helper.stop()
    return "" if line else "`neffcache install` on it says why"
