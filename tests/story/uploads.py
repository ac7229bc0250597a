"""Stories of uploads: a store, directory remotes beside it, and the uploaders that serve them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from entries import key_of, make_store, put
from neffcache import backlog, breaker, queue, remote
from running import end_all, kill, working_for
from waiting import until

UPLOADER, SENDER = "neffcache-sync", "neffcache-send"


class Uploads:
    """One host's store and queue."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = make_store(path / "store")
        # A hung remote is given up after 12 times this long.
        self.environ = {b"NEFFCACHE_REMOTE_TIMEOUT": b"0.25"}

    def root(self, name: str) -> Path:
        """The directory of a remote."""
        return self.path / name

    def url(self, name: str) -> str:
        """The URL of a directory remote."""
        return f"file://{self.root(name)}"

    def enqueue(
        self, word: str, *urls: str, data: bytes = b"neff", **variables: str
    ) -> list[queue.Marker]:
        """Keep an entry and queue it as a compile would, without starting anybody."""
        key = key_of(word)
        put(self.store, key, data)
        return queue.enqueue(self.store, key, remote.specs(urls), self.with_(variables))

    def start(self, markers: list[queue.Marker], **variables: str) -> None:
        """Start uploaders as the shim does."""
        queue.start_uploaders(self.store, markers, self.with_(variables))

    def with_(self, variables: Mapping[str, str]) -> dict[bytes, bytes]:
        """The environment with some variables added."""
        added = {name.encode(): value.encode() for name, value in variables.items()}
        return {**self.environ, **added}

    def waiting(self) -> dict[str, list[str]]:
        """URL → the keys that wait for it."""
        return {one.remote: one.keys for one in backlog.pending(self.store, self.environ)}

    def dead(self) -> list[tuple[str, str]]:
        """(URL, reason) of what was refused."""
        return [(one.remote, one.reason) for one in backlog.dead(self.store)]

    def until_empty(self) -> None:
        """Wait until nothing waits any more."""
        until(lambda: not self.waiting())

    def until_failed(self, marker: queue.Marker) -> str:
        """Wait until an uploader has met a failure: the reason."""
        path = f"{self.store.path}/breakers/write-{marker.destination.name}"
        until(lambda: os.path.exists(path))
        stamp = breaker.read(path)
        assert stamp is not None
        return stamp.reason

    def forget(self, marker: queue.Marker) -> None:
        """Let an uploader try again at once."""
        backlog.forget_failure(self.store, marker.destination.name)

    def uploaders(self) -> list[int]:
        """Their pids."""
        return working_for(self.store.path, UPLOADER)

    def senders(self) -> list[int]:
        """The pids of the processes that write to remotes."""
        return working_for(self.store.path, SENDER)

    def kill_uploaders(self) -> None:
        """kill -9, and wait until they and what they started are gone."""

        def none_left() -> bool:
            pids = working_for(self.store.path)
            for pid in pids:
                kill(pid)
            return not pids

        until(none_left)

    def end(self) -> None:
        """Leave no process behind."""
        end_all(self.store.path)
