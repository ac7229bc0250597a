"""Bench: what is measured, group by group; the targets are those of the project's figures."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import _bench_calls
import _bench_figures as figures
import _bench_hooks
import _bench_hub
import _bench_objects
import _bench_watcher
from _bench_figures import Figure, interleave
from _bench_graphs import rows
from _bench_lab import MB, OUTPUT, Lab, LabError, need_space

CALLERS = 64
_WHOLE = 10.0
# Starts a program and prints the largest size it ever had. Not done by the bench itself: a child
# inherits the mark of the process that made it, and this one is smaller than any hit.
_PEAK = """\
import posix, sys
pid = posix.posix_spawn(sys.argv[1], sys.argv[1:], posix.environ)
_, status, usage = posix.wait4(pid, 0)
print(status, usage.ru_maxrss)
"""


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure."""

    runs: int
    rounds: int
    memory_mb: int


FULL = Size(runs=60, rounds=9, memory_mb=1024)
QUICK = Size(runs=7, rounds=1, memory_mb=96)


def hit(lab: Lab, size: Size) -> Iterator[Figure]:
    """A hit of ordinary size against the bare interpreter and against ccache."""
    graph, neff, work = lab.graph("small"), lab.neff("small", 300_000), lab.work("work")
    lab.fill(graph, neff)
    ccache = _ccache(lab)
    bare, ours, *others = interleave(
        [
            lambda: lab.run(lab.bare(), work),
            lambda: lab.run(lab.compile(graph), work),
            *([ccache] if ccache else []),
        ],
        size.runs,
    )
    yield figures.ratio("hit", "hit, 300 KB NEFF / bare interpreter", ours, bare, 2.0)
    for other in others:
        yield figures.ratio("hit", "hit, 300 KB NEFF / ccache direct hit", ours, other)


def large(lab: Lab, size: Size) -> Iterator[Figure]:
    """A hit with a NEFF of 10 MB against the floor program."""
    graph, neff, work = lab.graph("large"), lab.neff("large", 10 * MB), lab.work("work")
    lab.fill(graph, neff)
    floor = lab.floor(graph, neff)
    ours, other = interleave(
        [lambda: lab.run(lab.compile(graph), work), lambda: lab.run(floor, work)], size.runs
    )
    yield figures.ratio("large", "hit, 10 MB NEFF / floor program", ours, other, 1.2)


def miss(lab: Lab, size: Size) -> Iterator[Figure]:
    """What a miss costs beyond its compile."""
    neff, work = lab.neff("miss", 300_000), lab.work("work")
    given = {"BENCH_NEFF": str(neff)}

    def ours() -> float:
        return lab.run(lab.compile(lab.graph("miss")), work, given | lab.named)

    def alone() -> float:
        return lab.run(lab.compile(lab.graph("miss"), lab.quick), work, given)

    lab.compiles()
    series = interleave([ours, alone, lambda: lab.run(lab.bare(), work)], size.runs, warm_up=3)
    if lab.compiles() != 2 * (size.runs + 3):
        raise LabError("a miss was none: the compiler did not run once for each call")
    yield figures.added("miss", series[0], series[1], series[2], 5)
    yield figures.share("miss", series[0], series[1], _WHOLE)


def callers(lab: Lab, size: Size) -> Iterator[Figure]:
    """Many callers at once: of a stored key, then of a new one."""
    works = [lab.work(f"caller-{number}") for number in range(CALLERS)]
    for words, bytes_, target in (("10 MB", 10 * MB, 1.3), ("300 KB", 300_000, None)):
        graph, neff = lab.graph("many"), lab.neff("many", bytes_)
        lab.fill(graph, neff)
        argvs, floors = [lab.compile(graph)] * CALLERS, [lab.floor(graph, neff)] * CALLERS

        def ours(argvs: list[list[str]] = argvs) -> float:
            return lab.run_all(argvs, works)

        def other(floors: list[list[str]] = floors) -> float:
            return lab.run_all(floors, works)

        series = interleave([ours, other], size.rounds, warm_up=1)
        what = f"{CALLERS} hits at once, {words} NEFF / as many floor programs"
        yield figures.ratio("callers", what, series[0], series[1], target)
    yield _new_key(lab, size, works)


def _new_key(lab: Lab, size: Size, works: list[Path]) -> Figure:
    neff = lab.neff("new", 300_000)
    given = {"BENCH_NEFF": str(neff), "BENCH_SLEEP": "0.3", **lab.named}
    counts = []
    for _ in range(min(size.rounds, 5)):
        lab.compiles()
        lab.run_all([lab.compile(lab.graph("new"))] * CALLERS, works, given)
        counts.append(float(lab.compiles()))
        if any((work / OUTPUT).read_bytes() != neff.read_bytes() for work in works):
            raise LabError("a caller of a new key got other bytes than its compiler wrote")
    what = f"{CALLERS} callers of a new key"
    return figures.exactly("callers", what, counts, "compiles", 1)


def memory(lab: Lab, size: Size) -> Iterator[Figure]:
    """The largest size of a hit on a very large NEFF."""
    whole = size.memory_mb * MB
    need_space(lab.root, 4 * whole)
    graph, neff, work = lab.graph("huge"), lab.holed_neff("huge", whole), lab.work("work")
    lab.fill(graph, neff, **lab.named)
    os.chdir(work)
    command = [lab.python, "-I", "-S", "-c", _PEAK, *lab.compile(graph)]
    given = {**lab.variables, **lab.named, "NEFFCACHE_REQUIRE_HIT": "1"}
    done = subprocess.run(command, env=given, stdout=subprocess.PIPE, text=True, check=True)
    status, peak = done.stdout.splitlines()[-1].split()
    if int(status) or (work / OUTPUT).stat().st_size != neff.stat().st_size:
        raise LabError("the hit on a very large NEFF failed")
    what = f"peak memory of a hit, {size.memory_mb} MB NEFF"
    yield figures.largest("memory", what, [int(peak) / 1024], "MB", 64)


def _ccache(lab: Lab) -> Callable[[], float] | None:
    """A direct hit of ccache on a small C file; None where it cannot be had."""
    ccache, compiler = shutil.which("ccache"), shutil.which("cc")
    if not ccache or not compiler:
        print("bench: no ccache and cc on PATH: the hit is not compared with theirs")
        return None
    source = lab.root / "small.c"
    source.write_text("int main(void) { return 0; }\n")
    given = {"CCACHE_DIR": str(lab.root / "ccache")}
    argv = [ccache, compiler, "-c", str(source), "-o", "small.o"]
    work = lab.work("work")
    lab.run(argv, work, given)
    return lambda: lab.run(argv, work, given)


def graphs(lab: Lab, size: Size) -> Iterator[Figure]:
    """Keys of graphs against protobuf's own reader and against plain SHA-256."""
    yield from rows(lab, size.rounds, size.memory_mb == QUICK.memory_mb)


def hub(lab: Lab, size: Size) -> Iterator[Figure]:
    """The Hub as a remote, against a peer on this machine."""
    yield from _bench_hub.rows(lab, size.memory_mb == QUICK.memory_mb)


def objects(lab: Lab, size: Size) -> Iterator[Figure]:
    """Object stores and registries, against real servers on this machine."""
    yield from _bench_objects.rows(lab, size.memory_mb == QUICK.memory_mb)


def hooks(lab: Lab, size: Size) -> Iterator[Figure]:
    """What the hooks cost where they have nothing to do, and at a save."""
    yield from _bench_hooks.rows(lab, 3 * size.runs)
    yield from _bench_calls.rows(lab, size.runs)


def watcher(lab: Lab, size: Size) -> Iterator[Figure]:
    """The process that waits for new entries."""
    yield from _bench_watcher.rows(lab, size.memory_mb == QUICK.memory_mb)


CASES: dict[str, Callable[[Lab, Size], Iterator[Figure]]] = {
    "hit": hit,
    "large": large,
    "miss": miss,
    "callers": callers,
    "memory": memory,
    "graphs": graphs,
    "hub": hub,
    "objects": objects,
    "hooks": hooks,
    "watcher": watcher,
}
