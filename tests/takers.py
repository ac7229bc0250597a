"""Locks of libneuronxla's cache as tests leave them, and what the store knows of their takers."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from neffcache import holders
from neffcache.native import names
from neffcache.store.local import Store

HEAD, LINE = 512, 192
MODULE = "neuronxcc-2.21.33363.0+82129205/MODULE_1418137421344453867+e30acd3a"


@dataclass(frozen=True)
class Taker:
    """A process as a file below `holders/` names it."""

    pid: int
    start: int
    pids: str
    clock: str
    boot: str

    def but(self, **changes: object) -> Taker:
        """The same with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the names are the fields'


def this_process() -> Taker:
    """The one that runs this test."""
    found = holders.here()
    assert found is not None
    return Taker(found.pid, found.start, found.pids, found.clock, found.boot)


def of(pid: int) -> Taker:
    """A process of this PID namespace that lives now."""
    return this_process().but(pid=pid, start=holders.started(pid))


def ended() -> Taker:
    """One that has ended; should another have its number by now, its start tells them apart."""
    child = subprocess.Popen(["true"])
    child.wait()
    return this_process().but(pid=child.pid, start=1)


@contextmanager
def living() -> Iterator[subprocess.Popen[str]]:
    """A process that lives until it is ended."""
    made = subprocess.Popen(
        [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert made.stdout is not None
    made.stdout.readline()
    try:
        yield made
    finally:
        made.kill()
        made.communicate()


def lock(root: Path, module: str = MODULE) -> Path:
    """A lock, just taken by somebody."""
    path = root / module / f"{names.HLO}{names.LOCK}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o644, exist_ok=False)
    return path


def say(store: Store, taker: Taker, *taken: Path) -> Path:
    """Write down that a process took these locks, as its own file says it: the file."""
    text = f"neffcache-holder 1\nprocess {taker.pid} {taker.start}\n"
    text += f"namespace {taker.pids} {taker.clock}\nboot {taker.boot}\n"
    data = _padded(f"{text}end {_digest(text)}", HEAD)
    for path in taken:
        found = path.lstat()
        name = _digest("/".join(path.parts[-3:]))[:32]
        line = f"held {found.st_dev} {found.st_ino} {found.st_ctime_ns} {name}"
        data += _padded(f"{line} {_digest(line)[:16]}", LINE)
    directory = Path(store.path) / "holders"
    directory.mkdir(mode=0o700, exist_ok=True)
    made = directory / f"{taker.pid}-{os.urandom(4).hex()}"
    made.write_bytes(data)
    return made


def _padded(text: str, size: int) -> bytes:
    return text.encode().ljust(size - 1) + b"\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
