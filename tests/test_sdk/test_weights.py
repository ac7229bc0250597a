"""`model/` directories: weights become constants, and everything after them moves up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from neuronxcc import neff, run
from neuronxcc.graph.hlo import Module
from neuronxcc.graph.weights import apply
from neuronxcc.graph.wire import Message
from test_sdk import graphs
from test_sdk.compiler import Compiler
from test_sdk.numbers import same

X = np.linspace(-1, 1, 32, dtype=np.float32).reshape(4, 8)
W = np.linspace(0, 2, 16, dtype=np.float32).reshape(8, 2)
STATE = np.array([10, 20, 30], np.float32)


def _model(folder: Path, graph: str, weights: dict[str, Any]) -> Path:
    graphs.write(folder / "graph.hlo", graphs.hlo(graph))
    (folder / "weights").mkdir()
    for name, array in weights.items():
        np.save(folder / "weights" / f"{name}.npy", array)
    named = {name: f"weights/{name}.npy" for name in weights}
    stated = {"model_files": "graph.hlo", "version": "1.0", "weights": named}
    graphs.write(folder / "metadata.json", json.dumps(stated))
    return folder


def test_a_weight_takes_the_last_parameter(cc: Compiler, tmp_path: Path) -> None:
    path = cc.compile(_model(tmp_path / "model", graphs.DOT, {"layer": W}), "--auto-cast=none")
    assert same(run.execute(str(path), [X]), [np.tanh(X @ W)], rtol=1e-6)
    assert neff.info(str(path))["inputs"] == [{"dtype": "float32", "shape": [4, 8]}]


def test_a_weight_is_found_by_name(cc: Compiler, tmp_path: Path) -> None:
    name = Module(graphs.hlo(graphs.DOT)).parameters[0].name
    path = cc.compile(_model(tmp_path / "model", graphs.DOT, {name: X}), "--auto-cast=none")
    assert same(run.execute(str(path), [W]), [np.tanh(X @ W)], rtol=1e-6)


def test_bfloat16_weights(cc: Compiler, tmp_path: Path) -> None:
    left = np.array([[1, 2, 3], [4, 5, 6]]).astype(ml_dtypes.bfloat16)
    right = np.full((2, 3), 0.5).astype(ml_dtypes.bfloat16)
    model = _model(tmp_path / "model", graphs.BF16, {"layer": right.view("V2")})
    assert np.load(model / "weights" / "layer.npy").dtype == np.dtype("V2")
    assert same(run.execute(str(cc.compile(model)), [left]), [left + right])


@pytest.mark.parametrize("dtype", ["i1", "i8", "i32", "i64", "ui8", "ui32", "f16", "f64"])
def test_weights_of_every_type(cc: Compiler, tmp_path: Path, dtype: str) -> None:
    name = {"i1": "bool", "f": "float", "i": "int", "ui": "uint"}
    numpy_name = name.get(dtype) or name[dtype.rstrip("0123456789")] + dtype.lstrip("uif")
    array = np.array([[0, 1, 2], [3, 4, 100]]).astype(numpy_name)
    array = -array if dtype in ("i8", "i32", "i64") else array
    graph = graphs.ADD.replace("f32", dtype).replace("stablehlo.add", "stablehlo.maximum")
    path = cc.compile(_model(tmp_path / "model", graph, {"layer": array}))
    assert same(run.execute(str(path), [array]), [array])


def test_other_weights_give_other_numbers(cc: Compiler, tmp_path: Path) -> None:
    models = [_model(tmp_path / f"m{n}", graphs.DOT, {"layer": W * n}) for n in (1, 2)]
    digests = [neff.info(str(cc.compile(model))) for model in models]
    for name in ("graph_sha256", "optimized_hlo_sha256"):
        assert digests[0][name] != digests[1][name]


def test_the_alias_follows_its_parameter(cc: Compiler, tmp_path: Path) -> None:
    module = Module(graphs.hlo(graphs.ALIASED))
    name = module.parameters[0].name
    apply(module, {name: STATE})
    (entry,) = Message(module.message.blob(8)).blobs(1)
    assert Message(entry).integer(2) == 0  # it was 1
    path = cc.compile(_model(tmp_path / "model", graphs.ALIASED, {name: STATE * 0 + 2}))
    x = np.array([1, 2, 3], np.float32)
    assert same(run.execute(str(path), [STATE, x]), [x * 2, STATE + x * 2])


def test_an_aliased_weight_loses_its_alias(cc: Compiler, tmp_path: Path) -> None:
    name = Module(graphs.hlo(graphs.ALIASED)).parameters[1].name
    path = cc.compile(_model(tmp_path / "model", graphs.ALIASED, {name: STATE}))
    ones = np.ones(3, np.float32)
    assert same(run.execute(str(path), [ones, ones]), [ones, STATE + ones])


@pytest.mark.parametrize("fault", ["shape", "type", "file", "json", "many"])
def test_a_broken_model(cc: Compiler, tmp_path: Path, fault: str) -> None:
    weights: dict[str, dict[str, Any]] = {
        "shape": {"w": W[:2]},
        "type": {"w": W.astype(np.float64)},
        "many": {"a": W, "b": W, "c": W},
    }
    model = _model(tmp_path / "model", graphs.DOT, weights.get(fault, {"a": W}))
    if fault == "file":
        (model / "weights" / "a.npy").write_bytes(b"no array")
    if fault == "json":
        (model / "metadata.json").write_text("{")
    done = cc("compile", "--framework=XLA", model, "--target=trn1")
    assert done.returncode == 70
    assert "[NCC_IGRA00" in done.stderr
