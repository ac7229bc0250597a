"""What a compiler process saw of its caller, one labelled fact each."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

_PIPE = re.compile(r"(pipe|socket):\[\d+\]")
_WHOLE = ("cwd", "session", "process_group", "nice", "cpus", "parent_comm", "umask")
Facts = dict[str, object]


def read(dump: Path) -> Facts:
    """The facts of one run of the `probe` form; {} when the compiler did not run."""
    facts: Facts = {}
    for path, reader in (
        (dump, _json),
        (dump.with_name(dump.name + ".status"), _status),
        (dump.with_name(dump.name + ".environ"), _environ),
    ):
        if path.exists():
            facts.update(reader(path))
            path.unlink()
    return facts


def differences(one: Facts, other: Facts) -> set[str]:
    """The labels of the facts that differ."""
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


def _environ(path: Path) -> Iterator[tuple[str, object]]:
    for entry in path.read_bytes().split(b"\0")[:-1]:
        name, _, value = entry.partition(b"=")
        yield f"environ {name.decode(errors='backslashreplace')}", value


def _status(path: Path) -> Iterator[tuple[str, object]]:
    """Before Python, which ignores signals of its own."""
    lines = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
    mask = int(lines["SigIgn"], 16)
    for number in signal.valid_signals():
        if mask >> (number - 1) & 1:
            yield f"ignored {_name(number)}", True


def _name(number: int) -> str:
    return next((each.name for each in signal.Signals if each == number), str(number))


def _json(path: Path) -> Iterator[tuple[str, object]]:
    stated = json.loads(path.read_text())
    for name in _WHOLE:
        yield name, stated[name]
    # Not from the probe's own status: sh blocks everything for a moment whenever it forks.
    for name in stated["signals"]["blocked"]:
        yield f"blocked {name}", True
    for name, pair in stated["rlimits"].items():
        yield f"limit {name}", pair
    for number, target in stated["descriptors"].items():
        yield f"descriptor {number}", _PIPE.sub(r"\1", target)
    for number, word in enumerate(stated["argv"]):
        yield f"argument {number}", word
