"""Bench: a hit that the hook gives inside the caller's process, beside the same by the shim."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import _bench_figures as figures
from _bench_figures import Figure
from _bench_lab import Lab, LabError

NAME = "hooks"
_GRAPH = Path(__file__).resolve().parent.parent / "tests/data/hlo/tx_llama_train.hlo.pb"  # 111 KB
# Words: how often, then the compile. Prints seconds a line: by the hook, then by the shim.
_CALLS = """\
import os, subprocess, sys, time
import neffcache_hooks
neffcache_hooks.enable()
import libneuronxla
def timed(module, line):
    for name in os.listdir():
        os.unlink(name)
    began = time.perf_counter()
    module.run(line, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began
for turn in range(-3, int(sys.argv[1])):
    took = [timed(module, sys.argv[2:]) for module in (libneuronxla.subprocess, subprocess)]
    if turn >= 0:
        print(*took)
"""


def rows(lab: Lab, runs: int) -> Iterator[Figure]:
    """One process that makes both calls in turns."""
    graph = lab.root / "calls.hlo_module.pb"
    shutil.copyfile(_GRAPH, graph)
    lab.fill(graph, lab.neff("calls", 300_000))
    library = lab.work("library") / "libneuronxla.py"
    library.write_text("import subprocess\n")
    given = {"PYTHONPATH": str(library.parent), "NEFFCACHE_LOG": str(lab.root / "calls.log")}
    command = [sys.executable, "-c", _CALLS, str(runs), *lab.compile(graph)]
    done = subprocess.run(
        command,
        env={**lab.variables, **given},
        cwd=lab.work("work"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError(f"the program that calls failed: {done.stderr.strip()[-200:]}")
    if (lab.root / "calls.log").read_text().count('"door":"hook"') != runs + 3:
        raise LabError("not every call was answered by the hook")
    found = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    ours, other = ([row[column] for row in found] for column in (0, 1))
    what = "hit on a 111 KB graph in the process / by the shim"
    yield figures.ratio(NAME, what, ours, other, 0.3)
