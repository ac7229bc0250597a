"""Door: being woken when something appears in a directory, by watchdog's inotify observer."""

import threading

from neffcache.errors import RemoteError
from neffcache.hub import installed
from neffcache.sync import mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Each costs a thread; directories beyond are looked at in turn all the same.
MOST = 64


class Events:
    """Directories, none of them with what is below it; `wake` is set when something appears there.

    Events say when to look, never what is there: one that is lost costs a moment.

    Attributes:
        problem: why there are none, or not for all directories; "" when there are.
    """

    def __init__(self, wake: threading.Event) -> None:
        self.problem = ""
        self._followed: dict[str, tuple[tuple[int, int], Any]] = {}
        self._handler: Any = None
        self._observer: Any = None
        try:
            installed.make_importable("watchdog")
            self._start(wake)
        except RemoteError as error:
            self.problem = str(error)
        except (ImportError, OSError, RuntimeError) as error:
            self.problem = _why(error)

    def _start(self, wake: threading.Event) -> None:
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers.inotify import InotifyObserver

        class Handler(FileSystemEventHandler):
            """Sets `wake`; not for files that are opened: we open some ourselves."""

            def dispatch(self, event: "Any") -> None:
                if event.event_type in ("created", "moved", "deleted"):
                    wake.set()

        self._handler = Handler()
        self._observer = InotifyObserver()
        self._observer.start()

    def follow(self, paths: "list[str]") -> "set[str]":
        """Be woken by these directories and no others: those for which that works."""
        if self._observer is None:
            return set()
        wanted = {path: mounts.identity(path) for path in paths[:MOST]}
        for path, (identity, _watch) in list(self._followed.items()):
            if wanted.get(path) != identity:
                self._forget(path)
        self.problem = ""
        for path, there in wanted.items():
            if there is not None and path not in self._followed:
                self._add(path, there)
        return set(self._followed)

    def _add(self, path: str, identity: "tuple[int, int]") -> None:
        try:
            watch = self._observer.schedule(self._handler, path, recursive=False)
        except (OSError, RuntimeError) as error:  # the kernel's limits, or it has just gone
            self.problem = _why(error)
        else:
            self._followed[path] = (identity, watch)

    def _forget(self, path: str) -> None:
        _identity, watch = self._followed.pop(path)
        try:
            self._observer.unschedule(watch)
        except (KeyError, OSError, RuntimeError):
            pass  # it has ended together with its directory


def _why(error: Exception) -> str:
    return f"no inotify ({error}): directories are looked at in turn"
