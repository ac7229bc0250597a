"""Story: the NEFF of a hit computes what a fresh compile of the same graph computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hosts import REAL_COMPILER, TRAIN, Host, neff_info, neff_run
from neuronxcc.run import load, save
from story.caller import Caller
from test_sdk.numbers import same


def _inputs(neff: Path, path: Path) -> Path:
    random = np.random.default_rng(3)
    stated = neff_info(neff)["inputs"]
    assert isinstance(stated, list)
    save(str(path), [_array(random, shape["dtype"], shape["shape"]) for shape in stated])
    return path


def _array(random: np.random.Generator, dtype: str, shape: list[int]) -> np.ndarray[Any, Any]:
    if dtype.startswith("float"):
        return random.standard_normal(shape).astype(dtype)
    return random.integers(0, 2, shape).astype(dtype)


def test_hit_gives_the_numbers_of_a_fresh_compile(true_host: Host, tmp_path: Path) -> None:
    names = ("fresh", "miss", "hit")
    fresh, miss, hit = (tmp_path / name for name in names)
    fresh.mkdir()
    line = f"compile --framework=XLA {TRAIN} --output out.neff --target=trn1".split()
    plain = Caller().start([str(REAL_COMPILER), *line], true_host.environ(), fresh)
    plain.communicate(timeout=60)
    assert plain.returncode == 0
    for cwd in (miss, hit):
        assert true_host.compile(cwd, TRAIN).status == 0
    assert true_host.outcomes() == ["compiled", "hit_local"]
    inputs = _inputs(fresh / "out.neff", tmp_path / "inputs.npz")
    outputs = []
    for cwd in (fresh, hit):
        done = neff_run(cwd / "out.neff", inputs, cwd / "outputs.npz")
        assert done.status == 0, done.err
        outputs.append(load(str(cwd / "outputs.npz")))
    assert outputs[0]
    assert same(outputs[0], outputs[1])
    assert neff_info(fresh / "out.neff") == neff_info(hit / "out.neff")
