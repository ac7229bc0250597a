"""Door: have what a job queued sent: the watcher's last scan, the uploaders, what is left."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neffcache import backlog, jobs, publishing, queue, watching
from neffcache.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.jobs import Queued
    from neffcache.options import Config
    from neffcache.store.local import Store
    from neffcache.watching import Watch

# A process that was just started has not locked yet.
_START = 2.0
# A watcher that does not come up is not waited for.
_ABSENT = 5.0


@dataclass
class Flush:
    """The flush of one job, which goes on in other processes; asked again as often as one likes.

    Attributes:
        watch: None: nobody looks for what was made past the shim.
    """

    store: Store
    name: str
    watch: Watch | None
    config: Config
    environ: Mapping[bytes, bytes]

    def __post_init__(self) -> None:
        self._asked = 0.0
        self._seen = time.monotonic()  # when a watcher was last there
        self._flushed: dict[str, set[str]] = {}
        self._tried: dict[str, float] = {}
        # As the first process of a container we take the uploaders with us: then it is now.
        self._last_chance = os.getpid() == 1

    def begin(self) -> None:
        """Ask for everything that is there by now. Raises OSError."""
        if self.watch is not None and self.watch.destinations:
            self._seen = time.monotonic()
            self._asked = watching.ask_exit(self.watch)
            watching.start(self.watch, self.environ)
        for name in {name for name, _key in self.look().waiting}:
            jobs.try_again(self.store, name)
        self._flushed.clear()
        self._push(self.look())

    def is_done(self) -> bool:
        """Whether nothing is left that waiting could help. Raises OSError."""
        scanned = self._is_scanned()
        return not self._push(self.look()) and scanned

    def look(self) -> Queued:
        """What became of this job's entries so far."""
        return jobs.look(self.store, self.name)

    def reason(self, name: str) -> str:
        """Why what waits for a destination still does."""
        if self.config.upload == "off":
            return "uploads are off, `neffcache flush` sends it"
        reason, _failing = self._obstacle(name)
        if not reason and self._last_chance:
            reason = "the time was up"
        return reason or "on its way"

    def _is_scanned(self) -> bool:
        watch = self.watch
        if watch is None or not watch.destinations or watching.exit_done(watch, self._asked):
            return True
        now = time.monotonic()
        if watching.is_served(watch):
            self._seen = now
        else:
            watching.start(watch, self.environ)
        return now - self._seen > _ABSENT

    def _push(self, found: Queued) -> bool:
        """Keep uploaders at work; whether any of them may yet send something."""
        keys: dict[str, set[str]] = {}
        for name, key in found.waiting:
            keys.setdefault(name, set()).add(key)
        hopeful = [name for name, some in keys.items() if self._push_one(name, some)]
        return bool(hopeful)

    def _push_one(self, name: str, keys: set[str]) -> bool:
        try:
            destination = queue.read_destination(self.store, name)
        except SettingError:
            return False
        if publishing.commits(destination.remote) and not keys <= self._flushed.get(name, set()):
            self._flushed[name] = keys
            queue.ask_flush(self.store, name, publishing.terms(self.environ))
        reason, failing = backlog.obstacle(self.store, destination, self.environ)
        now = time.monotonic()
        if now - self._tried.get(name, -_START) >= _START:
            self._tried[name] = now
            marker = queue.Marker(destination, "", "")
            queue.start_uploaders(self.store, [marker], self.environ)
        return not reason or (failing and self._last_chance)

    def _obstacle(self, name: str) -> tuple[str, bool]:
        try:
            destination = queue.read_destination(self.store, name)
        except SettingError as error:
            return str(error), False
        return backlog.obstacle(self.store, destination, self.environ)
