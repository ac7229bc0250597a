"""NKI kernels: the file's content is the result, its path is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuronxcc import neff, run
from test_sdk import graphs
from test_sdk.compiler import Compiler
from test_sdk.numbers import same

A = np.arange(6, dtype=np.float32).reshape(2, 3)


def _kernel(path: Path, content: str) -> Path:
    return graphs.write(path, content)


@pytest.mark.parametrize("nested", [True, False])
def test_a_kernel_computes_what_its_file_says(cc: Compiler, tmp_path: Path, nested: bool) -> None:
    kernel = _kernel(tmp_path / "random" / "k.klir", '{"scale": 3, "offset": 0.5}')
    text = graphs.kernel_call(str(kernel), nested)
    for name, graph in (("in.mlir", text), ("in.pb", graphs.hlo(text))):
        path = cc.compile(graphs.write(tmp_path / name, graph))
        assert same(run.execute(str(path), [A]), [A * 3 + np.float32(0.5)])


def test_an_edited_kernel_gives_other_numbers(cc: Compiler, tmp_path: Path) -> None:
    kernel = _kernel(tmp_path / "random" / "k.klir", "any bytes")
    graph = graphs.write(tmp_path / "in.pb", graphs.hlo(graphs.kernel_call(str(kernel))))
    first = run.execute(str(cc.compile(graph)), [A])
    kernel.write_text("other bytes")
    path = cc.compile(graph)
    assert not same(run.execute(str(path), [A]), first)
    kernel.write_text("any bytes")
    assert same(run.execute(str(cc.compile(graph)), [A]), first)


def test_the_path_does_not_matter(cc: Compiler, tmp_path: Path) -> None:
    digests = set()
    for folder in ("one", "two"):
        kernel = _kernel(tmp_path / folder / "k.klir", "any bytes")
        graph = graphs.write(tmp_path / f"{folder}.mlir", graphs.kernel_call(str(kernel)))
        stated = neff.info(str(cc.compile(graph)))
        digests.add((stated["optimized_hlo_sha256"], *stated["kernel_sha256"]))
    assert len(digests) == 1


@pytest.mark.parametrize("fake", ["0", "1"])
def test_the_work_directory_is_searched_second(cc: Compiler, tmp_path: Path, fake: str) -> None:
    kernel = _kernel(cc.cwd / "random" / "k.klir", '{"scale": 5}')
    text = graphs.kernel_call("/none/random/k.klir")
    path = cc.compile(graphs.write(tmp_path / "in.pb", graphs.hlo(text)), FAKE=fake)
    assert len(neff.info(str(path))["kernel_sha256"]) == 1
    if fake == "0":
        assert same(run.execute(str(path), [A]), [A * 5])
    kernel.unlink()
    done = cc("compile", "--framework=XLA", tmp_path / "in.pb", "--target=trn1", FAKE=fake)
    assert done.returncode == 70
    assert "[NCC_EVRF059]" in done.stderr


def test_a_call_that_names_no_kernel(cc: Compiler, tmp_path: Path) -> None:
    text = graphs.kernel_call("x").replace('backend_config = "', 'backend_config = "?')
    done = cc(
        "compile", "--framework=XLA", graphs.write(tmp_path / "in.mlir", text), "--target=trn1"
    )
    assert done.returncode == 70
    assert "[NCC_EVRF058]" in done.stderr
