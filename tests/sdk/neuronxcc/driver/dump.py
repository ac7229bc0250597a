"""SDKSTANDIN_DUMP: what the compiler process saw when it started, as JSON."""

from __future__ import annotations

import json
import os
import resource
import signal

# What Python did before any line of ours ran; the `probe` form of tests/test_sdk shows the rest.
PYTHON_CHANGES = [
    "SIGPIPE and SIGXFSZ are ignored, whatever they were",
    "SIGINT is caught unless it was ignored",
    "LC_CTYPE may appear in `environ` (not in `environ_exec`) when the locale was C",
    "descriptors 0 to 2 stay closed if they were closed; others are untouched",
]
_LIMITS = [name for name in dir(resource) if name.startswith("RLIMIT_")]


def write(path: str) -> None:
    """Write the dump to a file; the file's own descriptor is not in it."""
    seen = collect()
    with open(path, "w", encoding="ascii") as file:
        json.dump(seen, file, indent=1)


def collect() -> dict[str, object]:
    """Everything a parent hands to a child; os.fsencode turns its text into the bytes."""
    status = _status("self")
    return {
        "argv": _strings("cmdline"),
        "environ_exec": [entry.split("=", 1) for entry in _strings("environ")],
        "environ": [[name, value] for name, value in os.environ.items()],
        "cwd": os.getcwd(),
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "process_group": os.getpgrp(),
        "session": os.getsid(0),
        "umask": int(status.get("Umask", "0"), 8),
        "comm": status.get("Name", ""),
        "parent_comm": _status(str(os.getppid())).get("Name", ""),
        "signals": {
            "ignored": _signals(status["SigIgn"]),
            "blocked": _signals(status["SigBlk"]),
            "caught": _signals(status["SigCgt"]),
        },
        "descriptors": _descriptors(),
        "rlimits": {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS},
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "cpus": sorted(os.sched_getaffinity(0)),
        "python_changes": PYTHON_CHANGES,
    }


def _strings(name: str) -> list[str]:
    with open(f"/proc/self/{name}", "rb") as file:
        return [os.fsdecode(part) for part in file.read().split(b"\0")[:-1]]


def _status(process: str) -> dict[str, str]:
    try:
        with open(f"/proc/{process}/status", encoding="utf-8", errors="replace") as file:
            pairs = (line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            return {name: value.strip() for name, value in pairs}
    except OSError:
        return {}


def _signals(mask: str) -> list[str]:
    bits = int(mask, 16)
    return [_name(number) for number in range(1, 65) if bits >> (number - 1) & 1]


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def _descriptors() -> dict[str, str]:
    found: dict[str, str] = {}
    for number in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # the descriptor that did the listing
    return found
