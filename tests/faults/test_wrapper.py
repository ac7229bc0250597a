"""wrapped_neff.hlo: where it is put back, and that it is kept with its own NEFF only."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.making import WRAPPER, comes_from, double, write_graph
from hosts import Done, Host

NAME = "wrapped_neff.hlo"


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Some graph."""
    return write_graph(tmp_path / "graph.mlir", "wrapped")


def _holds(wrapper: Path, output: Path) -> bool:
    return output.read_bytes() in wrapper.read_bytes()


def _compile(
    host: Host, cwd: Path, graph: Path, output: str, variables: dict[str, str] | None = None
) -> Done:
    (cwd / output).parent.mkdir(parents=True, exist_ok=True)
    done = host.compile(cwd, graph, WRAPPER, output=output, variables=variables)
    assert done.status == 0, done.err
    return done


def _hit(host: Host, cwd: Path, graph: Path, variables: dict[str, str] | None = None) -> None:
    """A hit whose output lies in another directory than it is started in."""
    _compile(host, cwd, graph, "below/out.neff", variables)
    assert host.outcomes() == ["compiled", "hit_local"]
    assert comes_from(cwd / "below" / "out.neff", graph)


def test_wrapper_in_the_one_directory_comes_back_to_both(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    """Nobody can tell which of the two it belonged to."""
    _compile(host, tmp_path / "one", graph, "out.neff")
    _hit(host, tmp_path / "two", graph)
    output = tmp_path / "two" / "below" / "out.neff"
    assert _holds(tmp_path / "two" / NAME, output)
    assert _holds(tmp_path / "two" / "below" / NAME, output)


def test_wrapper_in_the_working_directory_comes_back_there(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    _compile(host, tmp_path / "one", graph, "below/out.neff")
    _hit(host, tmp_path / "two", graph)
    assert _holds(tmp_path / "two" / NAME, tmp_path / "two" / "below" / "out.neff")
    assert not (tmp_path / "two" / "below" / NAME).exists()


def test_wrapper_beside_the_output_comes_back_there(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    variables = double(host, f'"$REAL" "$@" || exit; mv {NAME} below/')
    _compile(host, tmp_path / "one", graph, "below/out.neff", variables)
    _hit(host, tmp_path / "two", graph, variables)
    assert _holds(tmp_path / "two" / "below" / NAME, tmp_path / "two" / "below" / "out.neff")
    assert not (tmp_path / "two" / NAME).exists()


@pytest.mark.parametrize("given", ["none", "foreign"])
def test_wrapper_that_shows_no_neff_of_this_compile_is_not_kept(
    host: Host, tmp_path: Path, graph: Path, given: str
) -> None:
    _compile(host, tmp_path / "one", graph, "out.neff", {"SDKSTANDIN_WRAPPED": given})
    assert host.outcomes() == ["wrapper_unproven"]
    assert host.entries() == []


def test_wrapper_of_an_earlier_compile_is_not_kept(host: Host, tmp_path: Path, graph: Path) -> None:
    """It even holds a NEFF of the same graph: but this compile did not write it."""
    _compile(host, tmp_path / "one", graph, "out.neff", {"NEFFCACHE_READONLY": "1"})
    assert (tmp_path / "one" / NAME).exists()
    _compile(host, tmp_path / "one", graph, "out.neff", {"SDKSTANDIN_WRAPPED": "none"})
    assert host.outcomes() == ["compiled_readonly", "wrapper_unproven"]


def test_wrapper_in_both_places_is_not_kept(host: Host, tmp_path: Path, graph: Path) -> None:
    """Which one a caller reads cannot be told from one compile."""
    variables = double(host, f'"$REAL" "$@" || exit; cp {NAME} below/')
    _compile(host, tmp_path / "one", graph, "below/out.neff", variables)
    assert host.outcomes() == ["wrapper_unproven"]


def test_wrapper_of_another_graphs_compile_is_not_kept(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    other = write_graph(tmp_path / "other.mlir", "other")
    _compile(host, tmp_path / "other", other, "out.neff")
    variables = double(host, f'"$REAL" "$@" || exit; cp "{tmp_path}/other/{NAME}" .')
    _compile(host, tmp_path / "one", graph, "out.neff", variables)
    assert host.outcomes() == ["compiled", "wrapper_unproven"]


def test_wrapper_whose_neff_differs_at_the_end_is_not_kept(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    """Its header is this NEFF's; only the last byte is not."""
    last = f"seek=$(($(stat -c %s {NAME}) - 1)) conv=notrunc status=none"
    body = f'"$REAL" "$@" || exit; printf X | dd of={NAME} bs=1 {last}'
    _compile(host, tmp_path / "one", graph, "out.neff", double(host, body))
    assert host.outcomes() == ["wrapper_unproven"]


def test_wrapper_that_is_a_link_is_left_to_the_compiler(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    _compile(host, tmp_path / "one", graph, "out.neff")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / NAME).symlink_to("elsewhere.hlo")
    _compile(host, tmp_path / "two", graph, "out.neff")
    assert host.outcomes() == ["compiled", "output_special"]
    assert (tmp_path / "two" / "elsewhere.hlo").exists()


def test_wrapper_is_part_of_the_key(host: Host, tmp_path: Path, graph: Path) -> None:
    host.compile(tmp_path / "one", graph)
    _compile(host, tmp_path / "two", graph, "out.neff")
    assert host.outcomes() == ["compiled", "compiled"]
