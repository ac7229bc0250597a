"""Story: a graph that names a kernel: the file's content is in the key, its place is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from faults.making import double
from hosts import Host, neff_info
from neuronxcc import run
from test_sdk import graphs
from test_sdk.numbers import same

A = np.arange(6, dtype=np.float32).reshape(2, 3)
LEVELS = ("raw", "strict", "canonical")


def _graph(path: Path, kernel: Path | str) -> Path:
    return graphs.write(path, graphs.hlo(graphs.kernel_call(str(kernel))))


def _kernel(path: Path, content: str = "one") -> Path:
    return graphs.write(path, content)


def _made_of(cwd: Path) -> object:
    """The digest of the kernel that a NEFF was made with."""
    return neff_info(cwd / "out.neff")["kernel_sha256"]


def _keys(host: Host) -> list[object]:
    return [record["key"] for record in host.journal()]


@pytest.mark.parametrize("level", LEVELS)
def test_a_kernel_edited_in_place_is_another_graph(host: Host, tmp_path: Path, level: str) -> None:
    """The wrong hit of the field: the graph's bytes are the same, and so is the kernel's path."""
    kernel = _kernel(tmp_path / "cache" / "k.klir")
    graph = _graph(tmp_path / "in.pb", kernel)
    host.variables["NEFFCACHE_KEY_LEVEL"] = level
    made = []
    for number, content in enumerate(("one", "two", "one", "two")):
        kernel.write_text(content)
        assert host.compile(tmp_path / str(number), graph).status == 0
        made.append(_made_of(tmp_path / str(number)))
    assert made[0] != made[1]
    assert made[2:] == made[:2]
    assert host.outcomes() == ["compiled", "compiled", "hit_local", "hit_local"]


def test_an_edited_kernel_computes_what_it_says_now(true_host: Host, tmp_path: Path) -> None:
    kernel = _kernel(tmp_path / "cache" / "k.klir")
    graph = _graph(tmp_path / "in.pb", kernel)
    for scale in (3, 5, 3):
        kernel.write_text(json.dumps({"scale": scale}))
        assert true_host.compile(tmp_path / "work", graph).status == 0
        assert same(run.execute(str(tmp_path / "work" / "out.neff"), [A]), [A * scale])
    assert true_host.outcomes() == ["compiled", "compiled", "hit_local"]


@pytest.mark.parametrize("level", LEVELS[1:])
def test_a_kernel_at_another_path_is_the_same_kernel(
    host: Host, tmp_path: Path, level: str
) -> None:
    """Each process writes its kernels below a random directory."""
    host.variables["NEFFCACHE_KEY_LEVEL"] = level
    for name in ("x4f2", "a-much-longer-name"):
        kernel = _kernel(tmp_path / name / "k.klir")
        host.compile(tmp_path / "work", _graph(tmp_path / f"{name}.pb", kernel))
    assert host.outcomes() == ["compiled", "hit_local"]


def test_a_kernel_that_is_gone_is_left_to_the_compiler(host: Host, tmp_path: Path) -> None:
    kernel = _kernel(tmp_path / "cache" / "k.klir")
    graph = _graph(tmp_path / "in.pb", kernel)
    host.compile(tmp_path / "work", graph)
    kernel.unlink()
    done = host.compile(tmp_path / "work", graph)
    assert done.status == 70
    assert "[NCC_EVRF059]" in done.err
    assert host.outcomes() == ["compiled", "graph_custom_code"]
    assert str(kernel) in str(host.journal()[-1]["detail"])


def test_a_kernel_is_found_below_the_working_directory(host: Host, tmp_path: Path) -> None:
    """The compiler looks there when nothing is at the path, under the last directory's name."""
    graph = _graph(tmp_path / "in.pb", "/none/cache/k.klir")
    made = []
    for cwd, content in (("one", "one"), ("two", "two"), ("three", "one")):
        _kernel(tmp_path / cwd / "cache" / "k.klir", content)
        assert host.compile(tmp_path / cwd, graph).status == 0
        made.append(_made_of(tmp_path / cwd))
    assert made[0] == made[2] != made[1]
    assert host.outcomes() == ["compiled", "compiled", "hit_local"]


def test_the_kernel_at_its_path_comes_before_the_one_beside(host: Host, tmp_path: Path) -> None:
    graph = _graph(tmp_path / "in.pb", tmp_path / "cache" / "k.klir")
    _kernel(tmp_path / "work" / "cache" / "k.klir", "beside")
    host.compile(tmp_path / "work", graph)
    _kernel(tmp_path / "cache" / "k.klir", "at its path")
    host.compile(tmp_path / "work", graph)
    assert host.outcomes() == ["compiled", "compiled"]


def test_files_that_a_kernel_names_count(host: Host, tmp_path: Path) -> None:
    """By their path, beside it, and named in one that it names."""
    shared = _kernel(tmp_path / "data" / "shared.npy", "1")
    _kernel(tmp_path / "cache" / "beside.npy", "1")
    _kernel(tmp_path / "data" / "deep.bin", "1")
    _kernel(tmp_path / "data" / "list.json", '{"more": "deep.bin"}')
    stated = {"constants": [str(shared), "beside.npy"], "list": str(tmp_path / "data/list.json")}
    kernel = _kernel(tmp_path / "cache" / "k.klir", json.dumps(stated))
    graph = _graph(tmp_path / "in.pb", kernel)
    host.compile(tmp_path / "work", graph)
    for name in ("data/shared.npy", "cache/beside.npy", "data/deep.bin"):
        for content in ("2", "1"):
            (tmp_path / name).write_text(content)
            host.compile(tmp_path / "work", graph)
    assert host.outcomes() == ["compiled", *["compiled", "hit_local"] * 3]
    assert len(set(_keys(host))) == 4


CHANGES = {
    "edited": 'echo two >"{k}"',
    "edited and put back": 'cp "{k}" kept; echo two >"{k}"; cat kept >"{k}"',
    "removed": 'rm "{k}"',
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("before", [True, False], ids=["before the compile", "after it"])
def test_a_kernel_that_changes_meanwhile_keeps_nothing(
    host: Host, tmp_path: Path, change: str, before: bool
) -> None:
    kernel = _kernel(tmp_path / "cache" / "k.klir")
    graph = _graph(tmp_path / "in.pb", kernel)
    changed = CHANGES[change].format(k=kernel)
    if before and change == "removed":  # a compile needs one
        changed = f'mv "{kernel}" kept; cat kept >"{kernel}"'
    body = f'{changed}; exec "$REAL" "$@"' if before else f'"$REAL" "$@" || exit; {changed}'
    assert host.compile(tmp_path / "work", graph, variables=double(host, body)).status == 0
    assert host.outcomes() == ["inputs_changed"]
    assert host.entries() == []


def test_a_marker_that_names_no_file_is_no_kernel(host: Host, tmp_path: Path) -> None:
    text = graphs.kernel_call("/k").replace("AwsNeuronCustomNativeKernel", "AwsNeuronModuleMarker")
    config = text.partition('backend_config = "')[2].partition('"')[0]
    graph = graphs.write(tmp_path / "in.pb", graphs.hlo(text.replace(config, "")))
    for _ in range(2):
        assert host.compile(tmp_path / "work", graph).status == 0
    assert host.outcomes() == ["compiled", "hit_local"]


def test_a_call_of_an_unknown_kind_that_names_a_file_is_refused(host: Host, tmp_path: Path) -> None:
    text = graphs.kernel_call("/k").replace("AwsNeuronCustomNativeKernel", "SomebodysOwn")
    graph = graphs.write(tmp_path / "in.pb", graphs.hlo(text))
    host.compile(tmp_path / "work", graph)
    assert host.outcomes() == ["graph_custom_code"]
