"""Killed in the middle: nothing half is served, no lock is left, the next call works."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from faults.making import comes_from, command, write_graph
from hosts import Host
from neffcache.store import keep
from neffcache.store.local import Store
from waiting import until

LARGE = {"SDKSTANDIN_NEFF_MB": "80"}
SLOW = {"SDKSTANDIN_SLEEP": "60"}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Some graph."""
    return write_graph(tmp_path / "graph.mlir", "interrupted")


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _temporaries(host: Host) -> list[Path]:
    return [path for path in host.store.rglob(".neffcache-*") if path.is_file()]


def _assert_works(host: Host, work: Path, graph: Path, *compiles: str) -> None:
    """Two further calls: a compile that is kept, and a hit."""
    for _ in range(2):
        assert host.compile(work, graph).status == 0
        assert comes_from(work / "out.neff", graph)
    assert host.outcomes() == [*compiles, "compiled", "hit_local"]


def test_killed_during_the_compile(host: Host, tmp_path: Path, graph: Path) -> None:
    process = host.start(tmp_path / "work", *command(graph, "out.neff"), variables=SLOW)
    until(lambda: host.compiles == 1)
    _kill(process)
    assert host.entries() == []
    _assert_works(host, tmp_path / "work", graph)


def test_killed_while_the_result_is_kept(host: Host, tmp_path: Path, graph: Path) -> None:
    process = host.start(tmp_path / "work", *command(graph, "out.neff"), variables=LARGE)
    until(lambda: any(path.stat().st_size > 1 << 20 for path in _temporaries(host)))
    _kill(process)
    assert host.entries() == []
    _assert_works(host, tmp_path / "work", graph)


def test_killed_while_an_entry_is_restored(host: Host, tmp_path: Path, graph: Path) -> None:
    work = tmp_path / "work"
    assert host.compile(work, graph, variables=LARGE).status == 0
    (work / "out.neff").unlink()
    process = host.start(work, *command(graph, "out.neff"))
    until(lambda: any(path.name.startswith(".neffcache-") for path in work.iterdir()))
    _kill(process)
    if (work / "out.neff").exists():  # killed a moment too late
        assert comes_from(work / "out.neff", graph)
    assert host.compile(work, graph).status == 0
    assert comes_from(work / "out.neff", graph)
    assert host.compiles == 1


def test_killed_at_any_moment(host: Host, tmp_path: Path, graph: Path) -> None:
    """A little further into a compile each time: no moment leaves anything wrong behind."""
    work = tmp_path / "work"
    for step in range(12):
        process = host.start(
            work, *command(graph, "out.neff"), variables={"NEFFCACHE_RECACHE": "1"}
        )
        try:
            process.wait(timeout=0.012 * step)
        except subprocess.TimeoutExpired:
            pass
        _kill_or_reap(process)
    assert host.compile(work, graph).status == 0
    assert comes_from(work / "out.neff", graph)
    assert host.outcomes()[-1] in ("compiled", "hit_local")
    assert set(host.outcomes()) <= {"compiled", "hit_local"}
    assert host.notes().count("entry_damaged") == 0


def _kill_or_reap(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_torn_journal_line_of_a_killed_call_hurts_nobody(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    host.compile(tmp_path / "work", graph)
    journal = host.store / "journal" / "journal.log"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert host.compile(tmp_path / "work", graph).status == 0
    done = host.neffcache("stats", "--json")
    assert done.status == 0, done.err


def test_young_temporary_of_another_process_is_left_alone(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    host.compile(tmp_path / "work", graph)
    young = host.entries()[0].parent / ".neffcache-1-abcdef"
    young.write_bytes(b"x")
    keep.entries(Store(str(host.store)))
    assert young.exists()


def test_old_temporary_of_a_killed_process_is_cleared(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    host.compile(tmp_path / "work", graph)
    old = host.entries()[0].parent / ".neffcache-1-abcdef"
    old.write_bytes(b"x")
    os.utime(old, (1, 1))
    keep.entries(Store(str(host.store)))
    assert not old.exists()


def test_old_temporary_is_cleared_by_ordinary_compiles(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    """Whenever the store is counted anew, which is once an hour."""
    host.compile(tmp_path / "work", graph)
    old = host.entries()[0].parent / ".neffcache-1-abcdef"
    old.write_bytes(b"x")
    os.utime(old, (1, 1))
    (host.store / "usage").unlink()
    host.compile(tmp_path / "work", write_graph(tmp_path / "other.mlir", "other"))
    assert not old.exists()
