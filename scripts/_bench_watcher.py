"""Bench: what a watcher costs while nothing happens, and how it takes many entries at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import _bench_figures as figures
from _bench_figures import Figure
from _bench_lab import Lab, LabError
from neffcache import config, processes, watched, watching
from neffcache.store import local
from neffcache.sync import watcher

NAME = "watcher"
_VERSION = "neuronxcc-2.21.33363.0+82129205"
# Does nothing, as often as a watcher looks.
_ASLEEP = "import time\nwhile True: time.sleep(1)\n"
_DEADLINE = 120.0
# After the last change directories are listed again for a while.
_SETTLE = 12.0


@dataclass(frozen=True)
class Size:
    """How many entries there are, and for how many seconds nothing happens."""

    entries: int
    idle: float


FULL = Size(entries=10_000, idle=60.0)
QUICK = Size(entries=64, idle=3.0)


def rows(lab: Lab, quick: bool) -> Iterator[Figure]:
    """A watcher that has noticed many entries at once, then an idle span beside a bare sleeper."""
    size = QUICK if quick else FULL
    root = lab.work("native")
    _fill(root, lab.neff("watched", 20_000), size.entries)
    environ = {name.encode(): text.encode() for name, text in lab.variables.items()}
    environ |= {
        b"NEFFCACHE_REMOTES": b"hf://bench/cache",
        b"NEFFCACHE_UPLOAD": b"off",
        b"NEFFCACHE_CONFIG": b"/dev/null",
    }
    settings = config.load(environ)
    watch = watching.of(local.open_store(settings), settings, environ)
    watching.join(watch)
    asleep = subprocess.Popen([sys.executable, "-I", "-S", "-c", _ASLEEP])
    try:
        watching.add_root(watch, str(root), watching.NATIVE)
        began = time.monotonic()
        watching.start(watch, environ)
        _until(lambda: watched.read(watch.directory).queued == size.entries)
        took = time.monotonic() - began
        pid = _pid(watch.store.path)
        time.sleep(0 if quick else _SETTLE)
        yield from _idle(size, pid, asleep.pid)
        what = f"peak memory of the watcher, {size.entries} entries"
        yield figures.largest(NAME, what, [_peak(pid)], "MB", 60)
        what = f"{size.entries} entries that are there at its start, until all are queued"
        yield figures.counted(NAME, what, took, "s")
    finally:
        asleep.kill()
        asleep.wait()
        watching.leave(watch)
        _until(lambda: not watching.is_served(watch))


def _idle(size: Size, pid: int, other: int) -> Iterator[Figure]:
    before = _cpu(pid), _cpu(other), time.monotonic()
    time.sleep(size.idle)
    span = time.monotonic() - before[2]
    ours = 100 * (_cpu(pid) - before[0]) / span
    bare = 100 * (_cpu(other) - before[1]) / span
    what = f"CPU time of an idle watcher, {size.entries} entries"
    yield figures.largest(NAME, what, [ours], "%", 0.1)
    yield figures.counted(NAME, "CPU time of a Python that wakes as often", bare, "%")


def _fill(root: Path, neff: Path, count: int) -> None:
    """So many whole entries; their files are one and the same."""
    for number in range(count):
        entry = root / _VERSION / f"MODULE_{number}+e30acd3a"
        entry.mkdir(parents=True)
        os.link(neff, entry / "model.neff")
        (entry / "model.done").touch()


def _pid(store: str) -> int:
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            name = (entry / "comm").read_text().strip()
        except OSError:
            continue
        if entry.name.isdigit() and store.encode() in words and name == watcher.NAME:
            return int(entry.name)
    raise LabError("the watcher has gone")


def _cpu(pid: int) -> float:
    """Seconds that all threads of a process have run, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def _peak(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not done():
        processes.reap_abandoned()
        if time.monotonic() > deadline:
            raise LabError("the watcher does not get there")
        time.sleep(0.05)
