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
    """Kill what still works for a path, also what is only just starting, until none is left."""

    def none_left() -> bool:
        found = working_for(path)
        for pid in found:
            kill(pid)
        return not found

    until(none_left)


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


def probers(path: Path | str) -> list[int]:
    """The processes that ask failed remotes again on behalf of stores below a path."""
    return [pid for pid in working_for(path) if b"neffcache.cache.prober" in _words(pid)]


def end_probers(path: Path | str) -> None:
    """Kill them, also those that are only just starting, until none is left."""

    def none_left() -> bool:
        found = probers(path)
        for pid in found:
            kill(pid)
        return not found

    until(none_left)


def _words(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
