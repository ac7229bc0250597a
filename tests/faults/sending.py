"""Faults: a host whose entries wait for a bucket or repository behind a faulty proxy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from entries import key_of, make_store, put
from faults.far import Far, encoded
from hosts import Done, run_neffcache
from neffcache import backlog, breaker, locks, queue, remote
from story.uploads import Uploads
from waiting import until


class Sending(Uploads):
    """One host; `name` tells several apart."""

    def __init__(self, path: Path, far: Far, name: str = "host") -> None:
        self.path = path / name
        self.store = make_store(self.path / "cache" / f"store-{os.geteuid()}")
        self.far = far
        variables = {
            **far.environ,
            "HOME": str(self.path),
            "PATH": "/usr/bin:/bin",
            "NEFFCACHE_DIR": str(self.path / "cache"),
            "NEFFCACHE_CONFIG": "/dev/null",
            "NEFFCACHE_REMOTE_TIMEOUT": "4",
        }
        self.environ = encoded(variables)

    def set(self, **variables: str) -> None:
        """Add settings of ours, by their names without NEFFCACHE_."""
        for name, text in variables.items():
            self.environ[f"NEFFCACHE_{name.upper()}".encode()] = text.encode()

    def queue(self, *words: str, data: bytes = b"neff") -> list[queue.Marker]:
        """Keep an entry for each word and queue it, without starting anybody."""
        made = []
        for word in words:
            put(self.store, key_of(word), data + word.encode())
            specs = [remote.parse(self.far.url)]
            made += queue.enqueue(self.store, key_of(word), specs, self.environ)
        return made

    def flush(self, timeout: float | None = 60) -> backlog.Flushed:
        """What `neffcache flush` does."""
        return backlog.flush(self.store, self.environ, timeout)

    def fail(self) -> str:
        """Have what waits tried in vain, once, to the end of the uploader: the reason."""
        (left,) = self.flush(None).left
        return left.reason

    def kill_uploaders(self) -> None:
        """As ever, and wait until their locks are gone, too: those outlive a command line."""
        super().kill_uploaders()
        for one in Path(self.store.path, "queue").iterdir():
            until(lambda: self._is_free(one.name))  # noqa: B023

    def _is_free(self, name: str) -> bool:
        lock = locks.try_lock(queue.lock_path(self.store, name))
        if lock is not None:
            lock.release()
        return lock is not None

    def neffcache(self, *argv: str) -> Done:
        """Run a command on this host."""
        environ = {name.decode(): value.decode() for name, value in self.environ.items()}
        return run_neffcache(argv, environ, self.path)

    def bundle(self, word: str) -> bytes:
        """The bundle as it stands in the store."""
        return Path(self.store.entry_path(key_of(word))).read_bytes()

    def arrived(self, words: Sequence[str]) -> bool:
        """Whether all stand there, byte for byte."""
        return all(self.far.holds(key_of(word)) == self.bundle(word) for word in words)

    def stamp(self) -> breaker.Stamp | None:
        """The breaker of the destination."""
        for path in Path(self.store.path, "breakers").glob("write-*"):
            if not path.name.endswith(".probe"):
                return breaker.read(str(path))
        return None

    def pause(self) -> float:
        """For how many seconds the destination is left alone, as of the last failure."""
        stamp = self.stamp()
        assert stamp is not None
        return stamp.until - stamp.since
