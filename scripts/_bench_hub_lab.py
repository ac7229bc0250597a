"""Bench: where the Hub is measured: a peer with one repository, those who read it, the floor."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _bench_lab import Lab, LabError

ROOT = Path(__file__).resolve().parent.parent
STREAM = Path(__file__).with_name("_bench_stream.py")
sys.path.append(str(ROOT / "tests"))
REPO, TOKEN = "alice/cache", "hf_alice_write"
if TYPE_CHECKING:
    from hub.peer import Peer


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure: repeats, MB of the large entry, entries pushed, compiles."""

    rounds: int
    large_mb: int
    entries: int
    compiles: int


@dataclass
class Site:
    """A lab and a Hub with one repository."""

    lab: Lab
    peer: Peer
    size: Size

    def variables(self, store: str, mode: str = "rw") -> dict[str, str]:
        """The environment of a user with a store of this name and the repository as remote."""
        place = {"NEFFCACHE_DIR": str(self.lab.root / store), **self.lab.named}
        return {**place, **self.peer.environ(TOKEN), "NEFFCACHE_REMOTES": f"{self.url}?mode={mode}"}

    @property
    def url(self) -> str:
        """The repository as a remote."""
        return f"hf://{REPO}"

    def asked(self, work: Callable[..., object], *arguments: Any) -> float:
        """How many requests some work needs."""
        self.peer.clear()
        work(*arguments)
        return float(len(self.peer.requests()))

    def compile(self, graph: Path, given: dict[str, str]) -> float:
        """Seconds of one call of the shim."""
        return self.lab.run(self.lab.compile(graph), self.lab.work("work"), given)

    def offer(self, name: str, neff: Path, seconds: float = 0.0) -> tuple[Path, str]:
        """A graph whose entry stands on the Hub, and its key."""
        from neffcache.cache import bundles

        graph, sleep = self.lab.graph(name), f"{seconds:g}" if seconds else ""
        store = f"maker-{name}"
        place = {"NEFFCACHE_DIR": str(self.lab.root / store), "BENCH_SLEEP": sleep}
        self.lab.fill(graph, neff, **place, **self.lab.named)
        (bundle,) = (self.lab.root / store).glob("store-*/entries/*/*.tar")
        self.peer.commit(REPO, {bundles.single_name(bundle.stem): bundle.read_bytes()})
        shutil.rmtree(self.lab.root / store)
        return graph, bundle.stem


@contextmanager
def site(lab: Lab, size: Size) -> Iterator[Site]:
    """A Hub, which ends with the measurement, as does every process that still asks it."""
    from hub.peer import Peer
    from running import end_all

    with Peer(lab.root / "peer") as peer:
        peer.create(REPO)
        try:
            yield Site(lab, peer, size)
        finally:
            end_all(lab.root)


class Stream:
    """The same bytes by the floor program."""

    def __init__(self, place: Site, key: str) -> None:
        from neffcache.cache import bundles

        url = f"{place.peer.url}/{REPO}/resolve/main/{bundles.single_name(key)}"
        self._target = place.lab.root / "streamed"
        self._line = [place.lab.python, "-I", "-S", str(STREAM), url, TOKEN, str(self._target)]

    def __call__(self) -> float:
        self._target.unlink(missing_ok=True)
        began = time.perf_counter()
        done = subprocess.run(self._line, stdout=subprocess.PIPE, text=True, check=True)
        seconds = time.perf_counter() - began
        if not done.stdout.startswith("200 "):
            raise LabError(f"the floor program was answered {done.stdout.strip()}")
        return seconds
