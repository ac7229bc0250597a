"""What a compiler process saw of its caller, one labelled fact each."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

_PIPE = re.compile(r"(pipe|socket):\[\d+\]")
_WHOLE = ("cwd", "session", "process_group", "nice", "cpus", "parent_comm", "umask")
# Python ignores these whatever they were: a compiler that is sh at first tells of them.
_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
Facts = dict[str, object]


def read(dump: Path) -> Facts:
    """The facts of one run; {} when the compiler did not run."""
    facts: Facts = {}
    status = dump.with_name(dump.name + ".status")
    for path, reader in ((dump, _json), (status, _status)):
        if path.exists():
            facts.update(reader(path))
            path.unlink()
    return facts


def differences(one: Facts, other: Facts) -> set[str]:
    """The labels of the facts that differ."""
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


def _status(path: Path) -> Iterator[tuple[str, object]]:
    lines = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
    mask = int(lines["SigIgn"], 16)
    for number in _BY_PYTHON:
        yield f"ignored {number.name}", bool(mask >> (number - 1) & 1)


def _json(path: Path) -> Iterator[tuple[str, object]]:
    stated = json.loads(path.read_text())
    for name in _WHOLE:
        yield name, stated[name]
    for name, *value in stated["environ_exec"]:
        yield f"environ {name}", value
    for label in ("ignored", "blocked"):
        for name in stated["signals"][label]:
            yield f"{label} {name}", True
    for name, pair in stated["rlimits"].items():
        yield f"limit {name}", pair
    for number, target in stated["descriptors"].items():
        yield f"descriptor {number}", _PIPE.sub(r"\1", target)
    for number, word in enumerate(stated["argv"]):
        yield f"argument {number}", word
