"""Stories of uploads to a Hub repository: a host's queue, the peer, and what arrived there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from entries import key_of, make_store, put
from hosts import Done, run_neffcache
from hub.peer import Peer
from neffcache import backlog, breaker, queue, remote
from neffcache.cache import bundles
from story.uploads import Uploads
from waiting import until

REPO = "acme/cache"
URL = f"hf://{REPO}"


class HubUploads(Uploads):
    """One host whose entries go to a repository of a peer.

    Nothing is gathered unless a variable says so: whatever waits is committed at once.
    """

    def __init__(self, path: Path, hub: Peer, token: str = "hf_alice_write") -> None:
        self.path = path
        self.store = make_store(path / "cache" / f"store-{os.geteuid()}")
        self.hub = hub
        variables = {
            **hub.environ(""),
            "HOME": str(path),
            "HF_HOME": str(path / "huggingface"),
            "PATH": "/usr/bin:/bin",
            "NEFFCACHE_DIR": str(path / "cache"),
            "NEFFCACHE_CONFIG": "/dev/null",
            "NEFFCACHE_REMOTE_TIMEOUT": "1",
            "NEFFCACHE_HUB_GATHER": "0",
            "NEFFCACHE_HUB_COMMITS": "1000",
            "NEFFCACHE_HUB_NO_XET": "1",
            "HF_XET_CLIENT_RETRY_BASE_DELAY": "10ms",
        }
        self.environ = {name.encode(): text.encode() for name, text in variables.items()}
        self.log_in(token)

    def set(self, **variables: str) -> None:
        """Add settings of ours, by their names without NEFFCACHE_."""
        for name, text in variables.items():
            self.environ[f"NEFFCACHE_{name.upper()}".encode()] = text.encode()

    def log_in(self, token: str) -> None:
        """What `hf auth login` does: this user's token from now on."""
        file = self.path / "huggingface" / "token"
        file.parent.mkdir(exist_ok=True)
        file.write_text(token)

    def queue(self, words: Sequence[str], data: bytes = b"neff") -> list[queue.Marker]:
        """Keep an entry for each word and queue it, without starting anybody."""
        made = []
        for word in words:
            put(self.store, key_of(word), data + word.encode())
            specs = [remote.parse(URL)]
            made += queue.enqueue(self.store, key_of(word), specs, self.environ)
        return made

    def flush(self, timeout: float | None = 60) -> backlog.Flushed:
        """What `neffcache flush` does."""
        return backlog.flush(self.store, self.environ, timeout)

    def neffcache(self, *argv: str) -> Done:
        """Run a command on this host."""
        environ = {name.decode(): value.decode() for name, value in self.environ.items()}
        return run_neffcache(argv, environ, self.path)

    def bundle(self, word: str) -> bytes:
        """The bundle as it stands in the store."""
        return Path(self.store.entry_path(key_of(word))).read_bytes()

    def arrived(self, words: Sequence[str]) -> bool:
        """Whether all stand in the repository, byte for byte."""
        return all(
            self.hub.read(REPO, bundles.single_name(key_of(word))) == self.bundle(word)
            for word in words
        )

    def commits(self) -> int:
        """How many commits there are beyond the one that each repository starts with."""
        return len(self.hub.commits(REPO)) - 1

    def asked(self, pattern: str) -> int:
        """How many requests named this in their path."""
        return sum(pattern in request.path for request in self.hub.requests())

    def until_asked(self, pattern: str, server: str | None = None) -> None:
        """Wait until such a request has come in, answered or not."""
        until(lambda: [one for one in self.hub.requests(server) if pattern in one.path])

    def reason(self) -> str:
        """What the entries wait for, as commands tell it."""
        return "; ".join(one.reason for one in backlog.pending(self.store, self.environ))

    def stamp(self) -> breaker.Stamp | None:
        """The breaker of the destination."""
        for path in Path(self.store.path, "breakers").glob("write-*"):
            if not path.name.endswith(".probe"):
                return breaker.read(str(path))
        return None


def words(number: int) -> list[str]:
    """So many names of entries."""
    return [str(one) for one in range(number)]
