"""Door: what a job finds around it: the shim first on PATH, hooks, its name, a watcher."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from neffcache import files, jobs, watching
from neffcache.cli import head, install
from neffcache.cli.job.command import DEFAULT_PATH
from neffcache.cli.usage import Usage
from neffcache.compiler import find
from neffcache.errors import NeffcacheError
from neffcache.store import local
from neffcache.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.cli.job.guard import Guard
    from neffcache.options import Config
    from neffcache.store.local import Store
    from neffcache.watching import Watch

_HOOKS = b"NEFFCACHE_HOOKS"
_SHIM_LIMIT = 64 << 10


class Surroundings:
    """What was prepared for one job; what could not be is left out, and the guard knows why.

    Attributes:
        environ: the command's environment.
        store, job, watch: None where they cannot be had.
        nested: this command is part of a job that is being run already.
    """

    def __init__(self, config: Config, environ: Mapping[bytes, bytes], guard: Guard) -> None:
        self.config = config
        self.environ = dict(environ)
        self.store: Store | None = None
        self.job: jobs.Job | None = None
        self.watch: Watch | None = None
        self.nested = bool(environ.get(find.ACTIVE))
        self._guard = guard

    def prepare(self) -> None:
        """Prepare everything, or as much as can be."""
        if not self._guard(self._open_store) and self.config.job:
            self.nested = True  # nobody can tell: then the outer one has said what is wrong
        if self.nested:
            return
        steps = [self._begin, self._put_shim, self._switch_hooks, self._watch, self._try_again]
        for step in steps:
            self._guard(step)

    def _open_store(self) -> None:
        self.store = local.open_store(self.config)
        self.nested = self.nested or jobs.is_running(self.store, self.config.job)

    def _begin(self) -> None:
        if self.store is not None:
            self.job = jobs.begin(self.store, self.config.job)
            self.environ[jobs.VARIABLE] = files.encode(self.job.name)

    def _put_shim(self) -> None:
        """Put the shim first on PATH, wherever one can be executed."""
        problem = ""
        for directory in self._places():
            try:
                if not _is_current(directory):
                    install.put(directory)
                if os.access(files.join(directory, find.PROGRAM), os.X_OK):
                    self._prepend(files.encode(directory))
                    return
                problem = f"{directory}: nothing can be executed there"
            except (NeffcacheError, Usage, OSError) as error:
                problem = str(error)
        self._guard.note(f"no {find.PROGRAM} of the cache can be put on PATH: {problem}")

    def _places(self) -> list[str]:
        found = [f"{self.store.path}/{local.BIN}"] if self.store is not None else []
        base = self.environ.get(b"XDG_CACHE_HOME", b"")
        if not base.startswith(b"/"):
            home = self.environ.get(b"HOME", b"")
            base = home + b"/.cache" if home.startswith(b"/") else b""
        return [*found, *([files.decode(base) + "/neffcache/bin"] if base else [])]

    def _prepend(self, directory: bytes) -> None:
        path = self.environ.get(b"PATH", DEFAULT_PATH)
        if path.partition(b":")[0] != directory:
            self.environ[b"PATH"] = directory + b":" + path

    def _switch_hooks(self) -> None:
        """They are on unless somebody has said no."""
        if self.config.hooks or "hooks" not in self.config.origins:
            self.environ[_HOOKS] = b"1"
        else:
            self.environ.pop(_HOOKS, None)

    def _watch(self) -> None:
        if self.store is None:
            return
        watch = watching.of(self.store, self.config, self.environ)
        self.watch = watch
        if self.job is not None:
            self.job.sends_to([one.name for one in watch.destinations])
        watching.join(watch)
        watching.add_roots(watch, self.config, self.environ, _directory())
        watching.start(watch, self.environ)

    def _try_again(self) -> None:
        """What an earlier job could not send is tried at once, by the uploader of the watcher."""
        if self.store is not None and self.watch is not None and self.config.upload != "off":
            for one in watching.waiting(self.watch, self.watch.destinations):
                jobs.try_again(self.store, one.name)


def _directory() -> str:
    """Where the command will run. Raises OSError: that has been removed."""
    try:
        return os.getcwd()
    except OSError as error:
        line = "the working directory is gone: start in another, new entries may go unnoticed"
        raise OSError(error.errno, line) from None


def _is_current(directory: str) -> bool:
    """Whether a shim of this very version stands there, and starts what it should."""
    try:
        data = files.read(files.join(directory, find.PROGRAM), _SHIM_LIMIT)
    except OSError:
        return False
    text = files.decode(data)
    python, start = head.recorded(text)
    own = os.path.join(os.path.dirname(os.path.abspath(find.__file__)), "..", "shim", "start.py")
    same = start == os.path.normpath(own) and f"({__version__})" in text
    return same and os.access(python, os.X_OK) and os.path.exists(head.landmark(text))
