"""Compilers that fail, die, or say that they succeeded: what they leave is never kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.making import comes_from, double, write_graph
from hosts import Host

FAILURES = {
    "exit70": (70, "compile_failed"),
    "exit1": (1, "compile_failed"),
    "sig9": (-9, "compile_killed"),
    "sig11": (-11, "compile_killed"),
    "sig6": (-6, "compile_killed"),
    "mid-sig9": (-9, "compile_killed"),
    "none": (0, "neff_not_written"),
    "truncated": (0, "neff_incomplete"),
    "garbage": (0, "neff_incomplete"),
}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Some graph."""
    return write_graph(tmp_path / "graph.mlir", "plain")


@pytest.mark.parametrize("fail", FAILURES)
def test_failure_is_passed_on_and_never_kept(
    host: Host, tmp_path: Path, graph: Path, fail: str
) -> None:
    status, outcome = FAILURES[fail]
    variables = {"SDKSTANDIN_FAIL": fail}
    assert host.compile(tmp_path / "work", graph, variables=variables).status == status
    assert host.outcomes() == [outcome]
    assert host.entries() == []


@pytest.mark.parametrize("fail", ["exit70", "sig9", "none", "truncated"])
def test_failure_is_never_replayed(host: Host, tmp_path: Path, graph: Path, fail: str) -> None:
    host.compile(tmp_path / "work", graph, variables={"SDKSTANDIN_FAIL": fail})
    assert host.compile(tmp_path / "work", graph).status == 0
    assert comes_from(tmp_path / "work" / "out.neff", graph)
    assert host.compiles == 2
    assert host.outcomes()[-1] == "compiled"


@pytest.mark.parametrize("fail", ["exit70", "none"])
def test_neff_from_before_is_not_taken_for_the_result(
    host: Host, tmp_path: Path, graph: Path, fail: str
) -> None:
    other = write_graph(tmp_path / "other.mlir", "other")
    host.compile(tmp_path / "work", other)
    host.compile(tmp_path / "work", graph, variables={"SDKSTANDIN_FAIL": fail})
    assert comes_from(tmp_path / "work" / "out.neff", other)
    assert host.outcomes()[-1] == FAILURES[fail][1]
    assert len(host.entries()) == 1


def test_neff_that_the_compile_removed_is_not_kept(host: Host, tmp_path: Path, graph: Path) -> None:
    variables = double(host, '"$REAL" "$@" || exit; rm out.neff')
    assert host.compile(tmp_path / "work", graph, variables=variables).status == 0
    assert host.outcomes() == ["neff_not_written"]


def test_output_that_became_a_link_is_kept_by_its_content(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    body = '"$REAL" "$@" || exit; mv out.neff real.neff; ln -s real.neff out.neff'
    for name in ("one", "two"):
        done = host.compile(tmp_path / name, graph, variables=double(host, body))
        assert done.status == 0
        assert comes_from(tmp_path / name / "out.neff", graph)
    assert host.outcomes() == ["compiled", "hit_local"]


@pytest.mark.parametrize("kind", ["pipe", "directory"])
def test_output_that_became_something_odd_is_not_kept(
    host: Host, tmp_path: Path, graph: Path, kind: str
) -> None:
    make = {"pipe": "mkfifo", "directory": "mkdir"}[kind]
    variables = double(host, f'"$REAL" "$@" || exit; rm out.neff; {make} out.neff')
    assert host.compile(tmp_path / "work", graph, variables=variables).status == 0
    assert host.entries() == []
    assert host.outcomes() != ["compiled"]
