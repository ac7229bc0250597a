"""Processes of the product that a test has to find, stop or see end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from waiting import until


def working_for(path: Path | str, name: str = "") -> list[int]:
    """Living processes whose command line names a path (and that are called `name`)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            called = (entry / "comm").read_text().strip()
        except OSError:
            continue
        if str(path) in line and "neffcache/start.py" in line and name in ("", called):
            found.append(int(entry.name))
    return found


def end_all(path: Path | str) -> None:
    """Kill what still works for a path, one by one, and wait until it is gone."""
    for pid in working_for(path):
        kill(pid)
    until(lambda: not working_for(path))


def kill(pid: int) -> None:
    """SIGKILL, unless it has ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def is_alive(pid: int) -> bool:
    """Whether it runs: a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def environ_of(pid: int) -> list[bytes]:
    """The NAME=value pairs a process was started with."""
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
