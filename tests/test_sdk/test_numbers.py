"""The numbers: what a NEFF computes is what its graph, flags and ranks say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from neuronxcc import neff, run, xla
from test_sdk import graphs
from test_sdk.compiler import Compiler
from test_sdk.numbers import same

A = np.arange(6, dtype=np.float32).reshape(2, 3)
B = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
_RANDOM = np.random.default_rng(7)
X = _RANDOM.standard_normal((4, 8)).astype(np.float32)
W = _RANDOM.standard_normal((8, 2)).astype(np.float32)


def _digest(path: Path) -> str:
    return str(neff.info(str(path))["optimized_hlo_sha256"])


def _outputs(cc: Compiler, folder: Path, graph: str, *arrays: Any) -> list[Any]:
    return run.execute(str(cc.compile(graphs.write(folder / "in.mlir", graph))), list(arrays))


@pytest.mark.parametrize("form", ["text", "proto", "bytecode", "portable"])
def test_every_input_form(cc: Compiler, tmp_path: Path, form: str) -> None:
    proto = graphs.hlo(graphs.ADD)
    mlir = xla.heavy()[1].mlir
    bytecode = mlir.hlo_to_stablehlo(proto)
    portable = mlir.serialize_portable_artifact(bytecode, "1.0.0")
    content = {"text": graphs.ADD, "proto": proto, "bytecode": bytecode, "portable": portable}[form]
    path = cc.compile(graphs.write(tmp_path / "any.suffix", content))
    assert same(run.execute(str(path), [A, B]), [A + B])


def test_bfloat16_survives_the_files(cc: Compiler, tmp_path: Path) -> None:
    path = cc.compile(graphs.write(tmp_path / "in.mlir", graphs.BF16))
    left, right = A.astype(ml_dtypes.bfloat16), B.astype(ml_dtypes.bfloat16)
    run.save(str(tmp_path / "in.npz"), [left, right])
    done = cc.neff_run(path, tmp_path / "in.npz", "--out", tmp_path / "out.npz")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == neff.info(str(path))
    assert same(run.load(str(tmp_path / "out.npz")), [left + right])


def test_neff_run_by_itself(cc: Compiler, tmp_path: Path) -> None:
    path = cc.compile(graphs.write(tmp_path / "in.mlir", graphs.ADD))
    assert json.loads(cc.neff_run("--info", path).stdout)["name"] == "in.mlir"
    run.save(str(tmp_path / "in.npz"), [A])
    assert "2 inputs are needed" in cc.neff_run(path, tmp_path / "in.npz").stderr
    run.save(str(tmp_path / "in.npz"), [A, B.astype(np.float64)])
    assert "input 1 must be float32" in cc.neff_run(path, tmp_path / "in.npz").stderr
    run.save(str(tmp_path / "in.npz"), [A, B])
    assert cc.neff_run(path, tmp_path / "in.npz").returncode == 0
    assert same(run.load(str(cc.cwd / "outputs.npz")), [A + B])
    assert cc.neff_run().returncode == 2


def test_auto_cast_shows(cc: Compiler, tmp_path: Path) -> None:
    graph = graphs.write(tmp_path / "in.mlir", graphs.DOT)
    exact = np.tanh(X @ W)
    errors = []
    for flags in ("--auto-cast=none", "", "--auto-cast-type=fp8_e4m3", "--auto-cast=all"):
        (found,) = run.execute(str(cc.compile(graph, *flags.split())), [X, W])
        errors.append(float(np.abs(found - exact).max()))
    none, bf16, fp8, everything = errors
    assert none < 1e-6 < bf16 < fp8
    assert bf16 != everything > 1e-6


def test_the_digest_follows_the_program(cc: Compiler, tmp_path: Path) -> None:
    same_graph = [
        cc.compile(graphs.write(tmp_path / f"{name}.mlir", text))
        for name, text in {"one": graphs.ADD, "two": graphs.ADD, "names": graphs.RENAMED}.items()
    ]
    assert len({_digest(path) for path in same_graph}) == 1
    assert len({path.read_bytes() for path in same_graph}) == 3
    other = cc.compile(graphs.write(tmp_path / "other.mlir", graphs.MULTIPLY))
    assert _digest(other) != _digest(same_graph[0])


def test_a_constant_changes_the_digest(cc: Compiler, tmp_path: Path) -> None:
    text = """module @c {{ func.func public @main() -> tensor<20xf32> {{
      %0 = stablehlo.constant dense<{0}> : tensor<20xf32>
      return %0 : tensor<20xf32> }} }}"""
    lists = [[float(i) for i in range(20)] for _ in range(2)]
    lists[1][13] = 0.5
    paths = [
        cc.compile(graphs.write(tmp_path / f"{at}.mlir", text.format(numbers)))
        for at, numbers in enumerate(lists)
    ]
    assert _digest(paths[0]) != _digest(paths[1])
    assert same(run.execute(str(paths[1]), []), [np.array(lists[1], np.float32)])


def test_the_size_of_the_world_shows(cc: Compiler, tmp_path: Path) -> None:
    a = np.array([1, 2, 3], np.float32)
    for ranks in (8, 32):
        assert same(_outputs(cc, tmp_path, graphs.all_reduce(ranks), a), [a * ranks])


def test_gather_and_scatter(cc: Compiler, tmp_path: Path) -> None:
    a = np.array([1, 2], np.float32)
    found = _outputs(cc, tmp_path, graphs.gather_and_scatter(4), a)
    assert same(found, [a * 4, np.tile(a, 4)])


def test_agrees_with_jax(cc: Compiler, tmp_path: Path) -> None:
    jax = pytest.importorskip("jax")

    def step(x: Any, w: Any) -> Any:
        return jax.numpy.sum(jax.numpy.tanh(x @ w) ** 2)

    value_and_grad = jax.jit(jax.value_and_grad(step, argnums=1))
    text = value_and_grad.lower(X, W).as_text()
    graph = graphs.write(tmp_path / "in.pb", graphs.hlo(text))
    found = run.execute(str(cc.compile(graph, "--auto-cast=none")), [X, W])
    value, gradient = value_and_grad(X, W)
    assert same(found, [np.asarray(value), np.asarray(gradient)], rtol=1e-5, atol=1e-6)


def test_a_nan_is_never_the_same() -> None:
    bad = np.array([1, np.nan], np.float32)
    assert same(A, A.copy())
    assert not same(bad, bad)
    assert not same(bad.astype(ml_dtypes.bfloat16), bad.astype(ml_dtypes.bfloat16))
    assert not same([A, bad], [A, bad], rtol=1.0)
    assert not same(A, A.astype(np.float64))
    assert not same([A], [A, A])
    assert not same(A, A + 1)


def test_the_environment_is_seen_but_never_stops_xla(cc: Compiler, tmp_path: Path) -> None:
    env = {"XLA_FLAGS": "--xla_neuron_only=1 --xla_dump_to=x", "NEURON_FSDP": "1"}
    path = cc.compile(graphs.write(tmp_path / "in.mlir", graphs.ADD), env=env)
    seen = {"XLA_FLAGS": "--xla_neuron_only=1", "NEURON_FSDP": "1"}
    assert neff.info(str(path))["environment"] == seen
