"""Bench: what keys of graphs cost, beside a full protobuf descriptor and beside plain SHA-256."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _bench_figures as figures
from _bench_figures import Figure, interleave
from _bench_lab import MB, Lab, LabError, need_space

ROOT = Path(__file__).resolve().parent.parent
_BASE = ROOT / "tests" / "data" / "hlo" / "tx_llama_train.hlo.pb"  # 111 KB, 958 instructions
_SPACE = 700 * MB


@dataclass(frozen=True)
class Row:
    """One comparison: our way and another, the largest good ratio and peak memory (MB).

    "plain" is SHA-256 as the shim does it, "raw" as hashlib does: for small files the shim takes
    the built-in one, as loading the quicker one would cost more.
    """

    graph: str
    ours: str
    other: str
    target: float
    memory: float | None = None


_ROWS = (
    Row("111 KB", "strict", "protobuf", 1.0),
    Row("111 KB", "alias", "plain", 1.15),
    Row("7 MB", "strict", "protobuf", 0.55),
    Row("7 MB", "canonical", "protobuf", 1.3),
    Row("7 MB", "alias", "plain", 1.15),
    Row("52 MB", "strict", "protobuf", 0.55, 130),
    Row("52 MB", "alias", "plain", 1.15),
    Row("530 MB constants", "strict", "raw", 1.6, 64),
    Row("530 MB constants", "alias", "plain", 1.15),
)
_QUICK = ("111 KB", "7 MB")


def rows(lab: Lab, runs: int, quick: bool) -> Iterator[Figure]:
    """Every row of the table; in a quick run only those of small graphs."""
    need_space(lab.root, _SPACE)
    graphs: dict[str, Path] = {}
    for row in _ROWS:
        if quick and row.graph not in _QUICK:
            continue
        if row.graph not in graphs:
            graphs[row.graph] = _make(lab, row.graph)
        yield from _compare(lab, row, graphs[row.graph], runs)


def _compare(lab: Lab, row: Row, graph: Path, runs: int) -> Iterator[Figure]:
    store = lab.root / "store"
    store.mkdir(exist_ok=True)
    peaks: list[float] = []

    def run(how: str) -> float:
        seconds, peak = _one(how, graph, store)
        if how == row.ours:
            peaks.append(peak)
        return seconds

    if row.ours == "alias":
        _age(graph)
        run("alias")  # the first time walks, and remembers
    ours, other = interleave([lambda: run(row.ours), lambda: run(row.other)], runs, warm_up=1)
    what = f"{row.graph}, {row.ours} / {row.other}"
    yield figures.ratio("graphs", what, ours, other, row.target)
    if row.memory is not None:
        peak = max(peaks) / MB
        yield Figure("graphs", f"{row.graph}, {row.ours}: peak memory", peak, peak, peak, "MB",
                     row.memory)  # fmt: skip


def _age(graph: Path) -> None:
    """Wait until the graph's time of change is certain: a young one makes no large alias."""
    while time.time() - os.stat(graph).st_ctime < 2.5:
        time.sleep(0.1)


def _one(how: str, graph: Path, store: Path) -> tuple[float, float]:
    script = Path(__file__).with_name("_bench_keying.py")
    # Ours as in the shim; protobuf needs its site-packages.
    flags = [] if how == "protobuf" else ["-I", "-S"]
    command = [sys.executable, *flags, str(script), how, str(graph), str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{how} of {graph.name}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def _make(lab: Lab, name: str) -> Path:
    """A graph of the named size, made of many copies of a real one's computations."""
    path = lab.root / f"{name.split(maxsplit=1)[0]}.hlo.pb"
    if name == "111 KB":
        path.write_bytes(_BASE.read_bytes())
        return path
    copies, constants = {"7 MB": (58, 0), "52 MB": (420, 0)}.get(name, (0, 8))
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); "
    program += f"import _bench_graphs as b; b.grow({str(path)!r}, {copies}, {constants})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"{name}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return path


def grow(path: str, copies: int, constants: int) -> None:
    """Write the base graph with further copies of its computations, and with large constants."""
    sys.path.insert(0, str(ROOT / "tests"))
    from graphs import schema

    module = schema.message("xla.HloModuleProto").FromString(_BASE.read_bytes())
    base = list(module.computations)
    step = 1 + max(i.id for c in base for i in c.instructions) + max(c.id for c in base)
    for number in range(1, copies):
        for computation in base:
            _shift(module.computations.add(), computation, number * step)
    for number in range(constants):
        made = base[-1].instructions.add()
        made.name, made.opcode, made.id = f"constant.{number}", "constant", 10**6 + number
        made.literal.u8s = os.urandom(66 * MB)
    Path(path).write_bytes(module.SerializeToString())


def _shift(made: Any, computation: Any, by: int) -> None:
    """A copy whose ids are moved out of the way of all others."""
    made.CopyFrom(computation)
    made.id += by
    made.root_id += by
    made.name += f".{by}"
    for instruction in made.instructions:
        instruction.id += by
        instruction.name += f".{by}"
        for name in ("operand_ids", "control_predecessor_ids", "called_computation_ids"):
            moved = [one + by for one in getattr(instruction, name)]
            del getattr(instruction, name)[:]
            getattr(instruction, name).extend(moved)
