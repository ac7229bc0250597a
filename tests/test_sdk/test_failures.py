"""Failures that the input causes: status 70 and a code, or 2 for a wrong command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from test_sdk import graphs
from test_sdk.compiler import Compiler

BROKEN = {
    "empty": b"",
    "noise": bytes(range(7, 200)),
    "text": b"hello",
    "cut": graphs.hlo(graphs.ADD)[:-40],
    "broken StableHLO": b"module { func.func @main() -> tensor<f32> { return } }",
    "cut bytecode": b"ML\xefR\rMLIR",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_graph(cc: Compiler, tmp_path: Path, name: str) -> None:
    graph = graphs.write(tmp_path / "in.pb", BROKEN[name])
    done = cc("compile", "--framework=XLA", graph, "--target=trn1")
    assert done.returncode == 70, done.stdout
    assert "[NCC_" in done.stderr
    assert os.listdir(cc.cwd) == ["log-neuron-cc.txt"]


def test_a_missing_graph(cc: Compiler) -> None:
    done = cc("compile", "--framework=XLA", "none.pb", "--target=trn1")
    assert done.returncode == 70
    assert "[NCC_EUOC002]" in done.stderr


def test_wrong_command_lines(cc: Compiler) -> None:
    for words in (["compile"], ["compile", "a", "b"], ["--unknown"], [], ["link", "x"]):
        done = cc(*words)
        assert done.returncode == 2
        assert done.stderr.startswith("usage:")
    assert os.listdir(cc.cwd) == []


def test_an_output_that_cannot_be_written(cc: Compiler, tmp_path: Path) -> None:
    graph = graphs.write(tmp_path / "in.pb", graphs.hlo(graphs.ADD))
    done = cc("compile", "--framework=XLA", graph, "--output=none/x.neff", "--target=trn1")
    assert done.returncode == 70
    assert os.listdir(cc.cwd) == ["log-neuron-cc.txt"]


def test_a_collective_of_an_unknown_kind(cc: Compiler, tmp_path: Path) -> None:
    text = graphs.kernel_call("x").replace("AwsNeuronCustomNativeKernel", "AwsNeuronStrange")
    graph = graphs.write(tmp_path / "in.mlir", text)
    done = cc("compile", "--framework=XLA", graph, "--target=trn1")
    assert done.returncode == 70
    assert "AwsNeuronStrange" in done.stderr


def test_a_work_directory_that_cannot_be_written(cc: Compiler, tmp_path: Path) -> None:
    graph = graphs.write(tmp_path / "in.pb", graphs.hlo(graphs.ADD))
    (cc.cwd / "log-neuron-cc.txt").mkdir()
    done = cc("compile", "--framework=XLA", graph, "--target=trn1")
    assert done.returncode == 70
    assert "[NCC_EUOC001]" in done.stderr
