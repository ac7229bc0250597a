"""Bench: what the hooks cost a Python that they have nothing to do in, and one that saves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import _bench_figures as figures
import _bench_lookup
from _bench_figures import Figure
from _bench_lab import Lab, LabError

NAME = "hooks"
_ROOT = Path(__file__).resolve().parent.parent
_LINE = "neffcache-hooks.pth"
# Prints microseconds a line: of a request, of creating and closing a file, of one too soon.
_SAVES = """\
import os, sys, time
from neffcache_hooks import saving, world
here = world.current()
watch = here.watch()
os.makedirs(watch.directory)
plain = watch.directory + "/plain"
def timed(work):
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1000
def touch():
    os.close(os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
for _ in range(int(sys.argv[1])):
    saving._asked.clear()
    print(timed(saving.request), timed(touch), timed(saving.request))
if not os.path.exists(watch.directory + "/save"):
    sys.exit("no request was made")
"""


def rows(lab: Lab, runs: int) -> Iterator[Figure]:
    """Starts of three environments that differ in our line alone, then a save's request."""
    work = lab.work("work")
    without = _environment(lab.root / "without", installed=False)
    with_us = _environment(lab.root / "with", installed=True)
    argvs = [[str(python), "-c", "pass"] for python in (without, with_us, with_us)]
    given = [{}, {}, {"NEFFCACHE_HOOKS": "1"}]
    bare, off, on = figures.interleave(
        [
            lambda argv=argv, more=more: _busy(lab, argv, work, more)  # type: ignore[misc]  # bound now
            for argv, more in zip(argvs, given, strict=True)
        ],
        runs,
    )
    yield _more("start of an interpreter, hooks installed and off", off, bare, 0.3)
    yield _more("start of an interpreter, hooks on, no target imported", on, bare, 3.0)
    yield from _saves(lab, runs)
    yield from _bench_lookup.rows(lab, runs)


def _busy(lab: Lab, argv: Sequence[str], work: Path, given: Mapping[str, str]) -> float:
    """Seconds of processor time of a program: a tenth of a millisecond drowns in those of a wall.

    A start waits for nothing, so that on an idle machine the two are the same.
    """
    _pid, status, usage = os.wait4(lab.start(argv, work, given), 0)
    if status:
        raise LabError(f"{' '.join(argv)} failed")
    return usage.ru_utime + usage.ru_stime


def _more(what: str, ours: Sequence[float], bare: Sequence[float], target: float) -> Figure:
    """Milliseconds that a start takes longer than one without us."""
    singles = [1000 * (mine - other) for mine, other in zip(ours, bare, strict=True)]
    low, high = figures.quartiles(singles)
    value = 1000 * (median(ours) - median(bare))
    shown = {"ours": figures.milliseconds(ours), "without us": figures.milliseconds(bare)}
    return Figure(
        NAME, f"added to the {what} (processor)", value, low, high, "ms", target, medians=shown
    )


def _saves(lab: Lab, runs: int) -> Iterator[Figure]:
    command = [sys.executable, "-c", _SAVES, str(10 * runs)]
    done = subprocess.run(command, env=lab.variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"the program that saves failed: {done.stderr.strip()[-200:]}")
    found = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    asked, touched, soon = ([row[column] for row in found] for column in range(3))
    yield _each("a request at a save", asked, 100)
    yield _each("a file created and closed", touched)
    yield _each("a request less than a second after another", soon)


def _each(what: str, values: Sequence[float], target: float | None = None) -> Figure:
    low, high = figures.quartiles(values)
    return Figure(NAME, what, median(values), low, high, "µs", target)


def _environment(root: Path, *, installed: bool) -> Path:
    """A virtual environment as pip leaves it; its interpreter."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(root)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = root / "lib" / version / "site-packages"
    if installed:
        shutil.copy(_ROOT / "hooks" / _LINE, packages)
        for package in ("shim/neffcache", "hooks/neffcache_hooks"):
            shutil.copytree(_ROOT / package, packages / Path(package).name)
    return root / "bin" / "python"
