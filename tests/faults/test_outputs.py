"""Outputs that are not plain files in existing directories, and the plain ones that look odd."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from faults.making import comes_from, command, real_compile, write_graph
from hosts import Host


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Some graph."""
    return write_graph(tmp_path / "graph.mlir", "plain")


def _stored(host: Host, tmp_path: Path, graph: Path) -> None:
    """Put the graph's entry in the store, so that nothing but its output can prevent a hit."""
    assert host.compile(tmp_path / "stored", graph).status == 0
    assert host.outcomes() == ["compiled"]


def test_relative_output_lies_in_the_working_directory(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    _stored(host, tmp_path, graph)
    (tmp_path / "work" / "below").mkdir(parents=True)
    assert host.compile(tmp_path / "work", graph, output="below/../below/x.neff").status == 0
    assert comes_from(tmp_path / "work" / "below" / "x.neff", graph)
    assert host.outcomes()[-1] == "hit_local"


def test_output_without_an_option_is_file_neff(host: Host, tmp_path: Path, graph: Path) -> None:
    argv = ["compile", "--framework=XLA", str(graph), "--target=trn1"]
    for name in ("one", "two"):
        assert host.cc(tmp_path / name, *argv).status == 0
        assert comes_from(tmp_path / name / "file.neff", graph)
    assert host.outcomes() == ["compiled", "hit_local"]


@pytest.mark.parametrize("kind", ["link", "dangling link", "directory", "device"])
def test_special_output_is_left_to_the_compiler(
    host: Host, tmp_path: Path, graph: Path, kind: str
) -> None:
    _stored(host, tmp_path, graph)
    trees = []
    for name in ("real", "work"):
        cwd = tmp_path / name
        cwd.mkdir()
        output = cwd / "out.neff"
        if kind == "directory":
            output.mkdir()
        else:
            (cwd / "target.neff").write_bytes(b"old") if kind == "link" else None
            output.symlink_to({"device": "/dev/null"}.get(kind, "target.neff"))
        argv = command(graph, "/dev/null" if kind == "device" else output)
        status = real_compile(host, cwd, argv) if name == "real" else host.cc(cwd, *argv).status
        trees.append((status, sorted(path.name for path in cwd.iterdir()), output.is_symlink()))
    assert trees[0] == trees[1]
    assert host.outcomes()[-1] == "output_special"
    assert (tmp_path / "work" / "target.neff").exists() == ("link" in kind)


def test_pipe_as_output_is_fed_by_the_compiler(host: Host, tmp_path: Path, graph: Path) -> None:
    _stored(host, tmp_path, graph)
    work = tmp_path / "work"
    work.mkdir()
    os.mkfifo(work / "out.neff")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((work / "out.neff").read_bytes()))
    reader.start()
    assert host.compile(work, graph).status == 0
    reader.join()
    (work / "copy.neff").write_bytes(received[0])
    assert comes_from(work / "copy.neff", graph)
    assert host.outcomes()[-1] == "output_special"


@pytest.mark.parametrize("output", ["missing/out.neff", "graph.mlir/out.neff"])
def test_output_in_no_directory_ends_as_without_us(
    host: Host, tmp_path: Path, graph: Path, output: str
) -> None:
    _stored(host, tmp_path, graph)
    argv = command(graph, tmp_path / output)
    status = real_compile(host, tmp_path / "real", argv)
    assert host.cc(tmp_path / "work", *argv).status == status != 0
    assert host.outcomes()[-1] == "output_unreachable"
    assert not (tmp_path / "missing").exists()


def test_log_in_no_directory_ends_as_without_us(host: Host, tmp_path: Path, graph: Path) -> None:
    _stored(host, tmp_path, graph)
    argv = command(graph, "out.neff", "--logfile=missing/log.txt")
    status = real_compile(host, tmp_path / "real", argv)
    assert host.cc(tmp_path / "work", *argv).status == status != 0
    assert host.outcomes()[-1] == "output_unreachable"


def test_log_may_go_to_a_device(host: Host, tmp_path: Path, graph: Path) -> None:
    _stored(host, tmp_path, graph)
    assert host.compile(tmp_path / "work", graph, "--logfile=/dev/null").status == 0
    assert host.outcomes()[-1] == "hit_local"


def test_hit_replaces_the_content_and_keeps_the_mode(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    _stored(host, tmp_path, graph)
    work = tmp_path / "work"
    work.mkdir()
    (work / "out.neff").write_bytes(b"old")
    (work / "out.neff").chmod(0o640)
    assert host.compile(work, graph).status == 0
    assert comes_from(work / "out.neff", graph)
    assert (work / "out.neff").stat().st_mode & 0o7777 == 0o640
    assert host.outcomes()[-1] == "hit_local"


def test_hit_leaves_nothing_but_what_the_compiler_leaves(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    _stored(host, tmp_path, graph)
    assert host.compile(tmp_path / "work", graph).status == 0
    left = [sorted(p.name for p in (tmp_path / name).iterdir()) for name in ("stored", "work")]
    assert left[0] == left[1]


def test_working_directory_that_is_gone_is_left_to_the_compiler(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    """A relative output has no place then; above all it is not below the root."""
    _stored(host, tmp_path, graph)
    gone = tmp_path / "gone"
    gone.mkdir()
    name = f"neffcache-test-{tmp_path.name}.neff"
    argv = [str(host.shims / "neuronx-cc"), *command(graph, name)]
    done = subprocess.run(
        ["sh", "-c", f'rmdir "{gone}"; exec "$0" "$@"', *argv],
        cwd=gone, env=host.environ(), check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert not Path("/", name).exists()
    assert "hit_local" not in host.outcomes()


def test_output_directory_that_is_full_ends_as_without_us(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    """A hit that cannot be written falls through, and the compiler says what is wrong."""
    _stored(host, tmp_path, graph)
    argv = command(graph, "/dev/full")
    status = real_compile(host, tmp_path / "real", argv)
    assert host.cc(tmp_path / "work", *argv).status == status != 0


def test_entry_is_no_link_to_an_output(host: Host, tmp_path: Path, graph: Path) -> None:
    """A later compile writes in place: it must not reach the store, nor another caller's copy."""
    _stored(host, tmp_path, graph)
    for name in ("one", "two"):
        host.compile(tmp_path / name, graph)
    with (tmp_path / "one" / "out.neff").open("r+b") as file:
        file.write(bytes(4096))
    host.compile(tmp_path / "three", graph)
    assert comes_from(tmp_path / "two" / "out.neff", graph)
    assert comes_from(tmp_path / "three" / "out.neff", graph)
