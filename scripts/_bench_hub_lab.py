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
from neffcache import files
from neffcache.cli import head

ROOT = Path(__file__).resolve().parent.parent
STREAM = Path(__file__).with_name("_bench_stream.py")
START = Path(files.__file__).with_name("start.py")
sys.path.append(str(ROOT / "tests"))
REPO, TOKEN = "alice/cache", "hf_alice_write"
# As in _bench_cases; what the helper writes comes first.
_PEAK = """\
import posix, sys
pid = posix.posix_spawn(sys.argv[1], sys.argv[1:], posix.environ)
_, status, usage = posix.wait4(pid, 0)
print(status, usage.ru_maxrss)
"""

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


class Download:
    """The product's fetch helper as the shim starts it."""

    def __init__(self, place: Site, key: str, target: Path) -> None:
        url = f"{place.url}?endpoint={place.peer.url}"
        found = head.packages(place.lab.shim.read_text())
        option = ["-X", f"neffcache={found}"] if found else []
        self._line = [place.lab.python, "-I", "-S", *option, str(START)]
        self._line += ["neffcache.cache.helper", key, url, str(target)]
        self._environ = place.lab.variables | place.peer.environ(TOKEN)
        self._target = target

    def __call__(self) -> float:
        """Seconds from its start to its end."""
        return self._run(self._line)[0]

    def peak(self) -> list[float]:
        """The most memory that it ever had, in MB."""
        status, peak = self._run([self._line[0], "-I", "-S", "-c", _PEAK, *self._line])[1][-2:]
        return [int(peak) / 1024 if status == "0" else float("inf")]

    def _run(self, line: list[str]) -> tuple[float, list[str]]:
        self._target.write_bytes(b"")
        began = time.perf_counter()
        # Its standard input is a pipe that stays open: it ends when its caller does.
        with subprocess.Popen(
            line,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            told = process.stdout.read().split()
            process.wait()
            seconds = time.perf_counter() - began
        if "done" not in told:
            raise LabError(f"the fetch helper failed: {' '.join(told)}")
        return seconds, told


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
