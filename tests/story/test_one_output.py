"""Several writers of one output: whatever is kept is right for its key."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from faults.copies import break_room
from faults.making import comes_from, command, double, write_graph
from hosts import Host, finish
from waiting import until

# Compiles when it is let go, and says that it has been started.
HELD = 'touch {name}.started; until [ -e {name}.go ]; do sleep 0.02; done; exec "$REAL" "$@"'
# Compiles at once, but ends only when it is let go.
LINGERS = '"$REAL" "$@" || exit; touch {name}.wrote; until [ -e {name}.go ]; do sleep 0.02; done'
NO_LOCKS = 'def _flock(_fd, _how=0):\n    raise NoLocks("on purpose")'


class Contest:
    """Compiles of different graphs to one output, each held where a test wants it."""

    def __init__(self, host: Host, tmp_path: Path) -> None:
        self.host = host
        self.tmp_path = tmp_path
        self.output = tmp_path / "same" / "out.neff"
        self.output.parent.mkdir()

    def graph(self, name: str) -> Path:
        """The graph that a competitor compiles."""
        return write_graph(self.tmp_path / f"{name}.mlir", name)

    def start(self, name: str, body: str, signed: str) -> subprocess.Popen[bytes]:
        """Start a compile, and wait until its compiler has come as far as it comes alone."""
        variables = double(self.host, body.format(name=self.tmp_path / name))
        argv = command(self.graph(name), self.output)
        process = self.host.start(self.tmp_path / f"{name}-cwd", *argv, variables=variables)
        until((self.tmp_path / f"{name}.{signed}").exists)
        return process

    def let_go(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Let a compile end."""
        (self.tmp_path / f"{name}.go").touch()
        assert finish(process).status == 0

    def assert_right(self, *names: str) -> None:
        """What is stored now is right for its key: a further call of each gets its own."""
        variables = double(self.host, 'exec "$REAL" "$@"')
        for name in names:
            graph = self.graph(name)
            done = self.host.compile(self.tmp_path / f"{name}-later", graph, variables=variables)
            assert done.status == 0
            assert comes_from(self.tmp_path / f"{name}-later" / "out.neff", graph)


@pytest.fixture
def contest(host: Host, tmp_path: Path) -> Contest:
    """One output, many writers."""
    return Contest(host, tmp_path)


def test_two_compiles_to_one_output_are_not_kept(contest: Contest) -> None:
    """The first has written; the second writes over it; then the first looks at the output."""
    first = contest.start("first", LINGERS, "wrote")
    second = contest.start("second", LINGERS, "wrote")
    contest.let_go("first", first)
    contest.let_go("second", second)
    assert contest.host.outcomes() == ["output_contended", "output_contended"]
    assert contest.host.entries() == []
    contest.assert_right("first", "second")


def test_chain_of_compiles_to_one_output_is_not_kept(contest: Contest) -> None:
    """The third starts after the first has gone, but while the second still is to write."""
    first = contest.start("first", HELD, "started")
    second = contest.start("second", HELD, "started")
    contest.let_go("first", first)
    third = contest.start("third", LINGERS, "wrote")
    contest.let_go("second", second)
    assert comes_from(contest.output, contest.graph("second"))
    contest.let_go("third", third)
    assert contest.host.outcomes() == ["output_contended"] * 3
    contest.assert_right("first", "second", "third")


def test_hit_over_the_output_of_a_running_compile_is_not_kept_as_its_result(
    contest: Contest,
) -> None:
    host = contest.host
    variables = double(host, 'exec "$REAL" "$@"')
    stored = contest.graph("stored")
    host.compile(contest.tmp_path / "stored-cwd", stored, variables=variables)
    process = contest.start("running", LINGERS, "wrote")
    done = host.cc(contest.tmp_path, *command(stored, contest.output), variables=variables)
    assert done.status == 0
    contest.let_go("running", process)
    assert host.outcomes() == ["compiled", "hit_local", "output_contended"]
    assert comes_from(contest.output, stored)
    contest.assert_right("running", "stored")


def test_output_cut_short_while_it_is_kept_is_no_fault_of_the_store(contest: Contest) -> None:
    """Another compile opens it for writing, which empties it, in the middle of our copying."""
    lie = "def _pour(*_args):\n    raise OSError(5, 'became shorter while it was read')"
    break_room(contest.host, "entry.build", f"{lie}\n\n\n_copy = _pour")
    first = contest.start("first", LINGERS, "wrote")
    second = contest.start("second", LINGERS, "wrote")
    contest.let_go("first", first)
    contest.let_go("second", second)
    assert contest.host.outcomes() == ["output_contended"] * 2


def test_killed_compile_does_not_taint_its_output_for_ever(contest: Contest) -> None:
    process = contest.start("first", HELD, "started")
    process.kill()
    finish(process)
    second = contest.start("second", LINGERS, "wrote")
    contest.let_go("second", second)
    assert contest.host.outcomes() == ["compiled"]


def test_without_working_locks_two_compiles_to_one_output_are_not_kept(contest: Contest) -> None:
    break_room(contest.host, "locks", NO_LOCKS)
    first = contest.start("first", LINGERS, "wrote")
    second = contest.start("second", LINGERS, "wrote")
    contest.let_go("first", first)
    third = contest.start("third", LINGERS, "wrote")
    contest.let_go("second", second)
    contest.let_go("third", third)
    assert contest.host.outcomes() == ["output_contended"] * 3
