"""Many callers at once: one compile per key, and whatever is kept is right."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults.copies import break_room
from faults.making import WRAPPER, comes_from, command, double, write_graph
from hosts import CONV, FORWARD, GRAPHS, TRAIN, Done, Host, finish
from waiting import until

CALLERS = 16
CPUS = len(os.sched_getaffinity(0))
FAILS = "echo + >>{log}; sleep 0.15; echo - >>{log}; exit 70"
NO_LOCKS = 'def _flock(_fd, _how=0):\n    raise NoLocks("on purpose")'


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Some graph."""
    return write_graph(tmp_path / "graph.mlir", "wanted")


def _all(processes: Sequence[subprocess.Popen[bytes]]) -> list[Done]:
    return [finish(process) for process in processes]


def _locks(host: Host) -> list[str]:
    return sorted(path.name for path in (host.store / "locks").iterdir())


def test_many_callers_of_one_graph_compile_once(host: Host, tmp_path: Path, graph: Path) -> None:
    places = [tmp_path / f"rank{number}" for number in range(CALLERS)]
    variables = {"SDKSTANDIN_SLEEP": "0.5"}
    argv = command(graph, "out.neff")
    done = _all([host.start(place, *argv, variables=variables) for place in places])
    assert {one.status for one in done} == {0}
    assert all(comes_from(place / "out.neff", graph) for place in places)
    assert host.compiles == 1
    assert sorted(set(host.outcomes()) - {"hit_local"}) == ["compiled", "hit_waited"]
    assert len(host.outcomes()) == CALLERS
    assert _locks(host) == []


def test_many_callers_of_one_graph_and_one_output_compile_once(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    argv = command(graph, "out.neff", WRAPPER)
    variables = {"SDKSTANDIN_SLEEP": "0.3"}
    work = tmp_path / "work"
    done = _all([host.start(work, *argv, variables=variables) for _ in range(CALLERS)])
    assert {one.status for one in done} == {0}
    assert comes_from(work / "out.neff", graph)
    assert (work / "out.neff").read_bytes() in (work / "wrapped_neff.hlo").read_bytes()
    assert host.compiles == 1


def test_many_callers_of_many_graphs_each_get_their_own(host: Host, tmp_path: Path) -> None:
    graphs = [write_graph(tmp_path / f"{n}.mlir", f"graph{n}") for n in range(CALLERS)]
    for outcome in ("compiled", "hit_local"):
        work = tmp_path / outcome
        done = _all([host.start(work, *command(g, f"{g.stem}.neff")) for g in graphs])
        assert {one.status for one in done} == {0}
        assert all(comes_from(work / f"{g.stem}.neff", g) for g in graphs)
        assert host.outcomes()[-CALLERS:] == [outcome] * CALLERS
    assert host.compiles == CALLERS
    assert _locks(host) == []


def test_callers_of_a_failing_graph_compile_side_by_side(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    """Each gets the failure itself; at most one for each CPU, beside the first, at a time."""
    log = tmp_path / "log"
    variables = double(host, FAILS.format(log=log))
    argv = command(graph, "out.neff")
    done = _all([
        host.start(tmp_path / f"rank{n}", *argv, variables=variables) for n in range(CALLERS)
    ])  # fmt: skip
    assert {one.status for one in done} == {70}
    assert host.outcomes() == ["compile_failed"] * CALLERS
    at_once = _levels(log.read_text().split())
    assert len(at_once) == CALLERS
    assert max(at_once) <= CPUS + 1
    if CPUS > 1:
        assert sum(level > 1 for level in at_once) > CALLERS // 4
    assert _locks(host) == []


def _levels(signs: list[str]) -> list[int]:
    """How many ran at each start, itself included."""
    levels, running = [], 0
    for sign in signs:
        running += 1 if sign == "+" else -1
        if sign == "+":
            levels.append(running)
    return levels


@contextmanager
def _holder(host: Host, place: Path, graph: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A compile that would take much longer than the test; killed at the end."""
    argv = command(graph, "out.neff")
    process = host.start(place, *argv, variables={"SDKSTANDIN_SLEEP": "90"})
    try:
        until(lambda: host.compiles == 1)
        yield process
    finally:
        process.kill()
        assert finish(process).status == -signal.SIGKILL


def test_waiter_goes_on_when_the_holder_is_killed(host: Host, tmp_path: Path, graph: Path) -> None:
    with _holder(host, tmp_path / "one", graph):
        waiter = host.start(tmp_path / "two", *command(graph, "out.neff"))
        until(lambda: _is_asleep(waiter.pid))
        assert host.compiles == 1
    assert finish(waiter).status == 0
    assert comes_from(tmp_path / "two" / "out.neff", graph)
    assert host.outcomes() == ["compiled"]


def _is_asleep(pid: int) -> bool:
    """Whether a process is in a sleep of its own choice: our waiting is the only one."""
    call = Path(f"/proc/{pid}/wchan").read_text()
    return any(name in call for name in ("nanosleep", "select", "poll"))  # by Python's version


def test_waiter_compiles_itself_when_it_has_waited_long_enough(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    argv = command(graph, "out.neff")
    with _holder(host, tmp_path / "one", graph):
        done = host.cc(tmp_path / "two", *argv, variables={"NEFFCACHE_WAIT": "0.3"})
    assert done.status == 0
    assert comes_from(tmp_path / "two" / "out.neff", graph)
    assert host.outcomes() == ["compiled"]
    assert host.notes() == ["wait_timeout"]


def test_eight_graphs_with_wrappers_in_one_directory_are_never_mixed_up(
    host: Host, tmp_path: Path
) -> None:
    """All write wrapped_neff.hlo into one place; of different graphs even its head differs."""
    graphs = [*(TRAIN, FORWARD, CONV, GRAPHS / "tx_llama_train.hlo.pb"), *_variants(tmp_path)]
    work = tmp_path / "work"
    done = _all([host.start(work, *command(g, f"{g.stem}.neff", WRAPPER)) for g in graphs])
    assert {one.status for one in done} == {0}
    assert all(comes_from(work / f"{g.stem}.neff", g) for g in graphs)
    assert set(host.outcomes()) <= {"compiled", "wrapper_unproven", "output_contended"}
    alone = Host(tmp_path / "alone", dict(host.variables))
    for graph in graphs:
        pairs = []
        for one in (host, alone):
            place = tmp_path / f"{one.root.name}-{graph.stem}"
            assert one.cc(place, *command(graph, "out.neff", WRAPPER)).status == 0
            assert comes_from(place / "out.neff", graph)
            pairs.append(_without_neff(place))
        assert pairs[0] == pairs[1]


def _variants(tmp_path: Path) -> list[Path]:
    """Further graphs of the same shapes: an unknown field at the end makes them others."""
    made = []
    for number, graph in enumerate((TRAIN, FORWARD, CONV, TRAIN)):
        path = tmp_path / f"variant{number}.pb"
        path.write_bytes(graph.read_bytes() + b"\xfa\x3f\x01" + bytes([65 + number]))
        made.append(path)
    return made


def _without_neff(place: Path) -> bytes:
    wrapper, neff = ((place / n).read_bytes() for n in ("wrapped_neff.hlo", "out.neff"))
    assert neff in wrapper
    return wrapper.replace(neff, b"")


def test_without_working_locks_nobody_waits(host: Host, tmp_path: Path, graph: Path) -> None:
    break_room(host, "locks", NO_LOCKS)
    with _holder(host, tmp_path / "one", graph):
        assert host.compile(tmp_path / "two", graph).status == 0
    assert host.compiles == 2
    assert host.outcomes() == ["compiled"]
    assert host.notes() == ["no_locks"]


def test_lock_files_do_not_pile_up(host: Host, tmp_path: Path) -> None:
    for number in range(5):
        graph = write_graph(tmp_path / f"{number}.mlir", f"graph{number}")
        for fail in ("exit70", "", ""):
            host.compile(tmp_path / "w", graph, WRAPPER, variables={"SDKSTANDIN_FAIL": fail})
    assert _locks(host) == []
