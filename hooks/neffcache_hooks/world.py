"""Door: settings, environment and store as they are now, and our place at the watcher."""

import os
import time

from neffcache import config, watching
from neffcache.compiler import find
from neffcache.errors import SettingError, StoreError
from neffcache.store import local
from neffcache_hooks import guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.options import Config
    from neffcache.store.local import Store
    from neffcache.watching import Watch

LABEL = "settings"
# Whether a watcher runs is asked so often.
_LOOK = 1.0


class World:
    """What holds in this process while its environment stays as it is.

    Attributes:
        config: the settings.
        environ: a copy of the environment, to be read only.
        store: open, ours, closed to others.
        seen: what its directory was when it was opened.
    """

    __slots__ = ("_looked", "_pid", "_roots", "_watch", "config", "environ", "seen", "store")

    def __init__(self, settings: "Config", environ: "dict[bytes, bytes]", store: "Store") -> None:
        self.config, self.environ, self.store = settings, environ, store
        self._watch: Watch | None = None
        self._looked, self._pid = -_LOOK, 0
        self._roots: set[str] = set()
        self.seen: tuple[int, ...] = (0,)

    def watch(self) -> "Watch":
        """The watcher's place for this environment. Raises SettingError, OSError."""
        if self._watch is None:
            self._watch = watching.of(self.store, self.config, self.environ)
        return self._watch

    def join(self, root: str, kind: str) -> None:
        """Be present, have the watcher look at a root, start it if none runs. Raises as `watch`."""
        watch, pid = self.watch(), os.getpid()
        if pid != self._pid:
            watching.join(watch)
            self._pid = pid
        if not self._roots:
            watching.add_roots(watch, self.config, self.environ, _cwd())
            self._roots.add("")
        if root and root not in self._roots:
            watching.add_root(watch, root, kind)
            self._roots.add(root)
        self.look()

    def look(self) -> None:
        """Where this process has joined: see now and then that a watcher runs. Raises OSError."""
        now = time.monotonic()
        if self._pid and self._watch is not None and now - self._looked >= _LOOK:
            self._looked = now
            watching.join(self._watch)
            watching.start(self._watch, self.environ)


_last: "list[World | dict[bytes, bytes]]" = []


def current() -> "World | None":
    """What holds now; None where nothing is to be done: the library goes on as without us.

    That is so inside a compile of our own, where the cache is switched off, and where a setting or
    the store is wrong (one logged line). Settings are read again when the environment has changed.
    """
    environ = _environ()
    if _last and _known(_last[0]) == environ:
        found = _last[0]
        return found if isinstance(found, World) and _is_there(found) else None
    snapshot = dict(environ)
    made = _open(snapshot)
    _last[:] = [snapshot if made is None else made]
    return made


def joined(root: "str | None" = None, kind: str = watching.NATIVE) -> None:
    """Be present at the watcher of this environment, which is started when none runs.

    Args:
        root: absolute path of a directory that it shall look at, too.
        kind: what lies there: watching.NATIVE or watching.NEFFS.

    Never raises, but with NEFFCACHE_STRICT.
    """
    world = current()
    if world is not None:
        guard.attempt("watcher", _join, world, root or "", kind)


def _join(world: World, root: str, kind: str) -> None:
    try:
        world.join(root, kind)
    except (SettingError, OSError) as error:
        guard.say(LABEL, f"{error}: no watcher is asked for")


def _open(environ: "dict[bytes, bytes]") -> "World | None":
    if find.is_nested(environ):
        return None
    try:
        settings = config.load(environ)
        if settings.disable:
            return None
        return World(settings, environ, local.open_store(settings))
    except (SettingError, StoreError) as error:
        guard.say(LABEL, f"{error}: the hooks rest")
        return None


def _is_there(world: World) -> bool:
    """Whether the store is still there, made again when it was removed, and ours."""
    try:
        if _state(world.store.path) == world.seen:
            return True
        world.store = local.open_store(world.config)
        world.seen = _state(world.store.path)
    except StoreError as error:
        guard.say(LABEL, f"{error}: the hooks rest")
        return False
    return True


def _state(path: str) -> "tuple[int, ...]":
    """What must not change for a store to be ours as it was: nothing of what lies in it."""
    try:
        found = os.lstat(path)
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_mode, found.st_uid)


def _known(found: "World | dict[bytes, bytes]") -> "dict[bytes, bytes]":
    return found.environ if isinstance(found, World) else found


def _environ() -> "dict[bytes, bytes]":
    """The environment as it is now: what os.environ keeps it in, else a copy."""
    kept = getattr(os.environ, "_data", None)
    return kept if type(kept) is dict else dict(os.environb)


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"
