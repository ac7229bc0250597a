"""Graphs: whatever NEFF a program is served computes that program's own numbers, as JAX does."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphs import random_programs as programs
from graphs.random_programs import Program
from graphs.served import Cache
from hosts import Host, finish
from neuronxcc import run
from test_sdk.numbers import same

LONG = bool(os.environ.get("LONG_TESTS"))
# Programs in this process; every one has a mutant, which is a program as well.
COUNT = 400 if LONG else 100
BATCH = 10
THROUGH_THE_SHIM = 40 if LONG else 10
LEVELS = ("strict", "canonical")
# The stand-in leaves it to the end of its process to close its log.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


def _pair(seed: int) -> tuple[Program, Program]:
    rng = random.Random(seed)
    program = programs.make(rng)
    return program, programs.mutant(program, rng)


def _expected(program: Program, arrays: list[Any]) -> Any:
    """JAX's own numbers, operation by operation: nothing is compiled as a whole."""
    found = np.asarray(programs.apply(program, *arrays))
    assert np.isfinite(found).all()
    return found


def _agree(found: Any, expected: Any) -> bool:
    """Whether numbers are the same but for rounding; a NaN never is."""
    scale = max(1.0, float(np.abs(expected).max()))
    return same(found, expected, rtol=1e-4, atol=1e-4 * scale)


def _check(neff: Path, program: Program, seed: int) -> None:
    arrays = programs.inputs(random.Random(seed))
    (found,) = run.execute(str(neff), arrays)
    assert _agree(found, _expected(program, arrays))


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cache]:
    """One store a level for all programs of this module."""
    root = tmp_path_factory.mktemp("caches")
    return {level: Cache(root / level, level) for level in LEVELS}


@pytest.mark.parametrize("first", range(0, COUNT, BATCH))
def test_a_served_neff_computes_its_programs_numbers(caches: dict[str, Cache], first: int) -> None:
    """Whether it was compiled for this program or for one that had the same key."""
    for seed in range(first, first + BATCH):
        cache = caches[LEVELS[seed % 2]]
        program, mutant = _pair(seed)
        graph = programs.graph(program)
        neff, _outcome, key = cache.serve(graph)
        _check(neff, program, seed)
        moved = programs.graph(program, lines=seed + 1)
        assert moved != graph
        compiled = neff.read_bytes()
        neff, outcome, again = cache.serve(moved)
        assert (outcome, again) == ("hit_local", key)
        assert neff.read_bytes() == compiled
        neff, _outcome, _key = cache.serve(programs.graph(mutant))
        _check(neff, mutant, seed)


def test_programs_and_mutants_are_different_programs() -> None:
    """Else nothing above could fail."""
    pairs = [_pair(seed) for seed in range(COUNT)]
    assert len({program for pair in pairs for program in pair}) > 1.95 * COUNT
    different = 0
    for seed, (program, mutant) in enumerate(pairs[:40]):
        arrays = programs.inputs(random.Random(seed))
        one, other = (_expected(each, arrays) for each in (program, mutant))
        different += not _agree(one, other)
    assert different > 20


def test_every_operation_occurs() -> None:
    found = {step.op for seed in range(COUNT) for step in _pair(seed)[0]}
    assert found == set(programs.OPS)


def test_one_graph_never_has_anothers_numbers_unseen(tmp_path: Path) -> None:
    """The comparison itself: a NEFF of a mutant is told from its program's."""
    cache = Cache(tmp_path / "cache", "strict")
    program = (programs.Step("scale", 0, 1.5, 0), programs.Step("tanh", 0, 0.0, 0))
    mutant = (programs.Step("scale", 0, 1.75, 0), programs.Step("tanh", 0, 0.0, 0))
    neff, _outcome, _key = cache.serve(programs.graph(mutant))
    with pytest.raises(AssertionError):
        _check(neff, program, 0)


def test_a_nan_agrees_with_nothing() -> None:
    nan = np.asarray([[np.nan]], np.float32)
    assert not _agree(nan, nan)


def _batches(seeds: range) -> Iterator[range]:
    """As many at once as a host compiles side by side."""
    for start in range(seeds.start, seeds.stop, 2):
        yield range(start, min(start + 2, seeds.stop))


def _call(host: Host, cwd: Path, name: str, graph: bytes) -> tuple[Path, Any]:
    path = cwd / f"{name}.hlo_module.pb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph)
    words = ("compile", "--framework=XLA", str(path), "--target=trn1", "--auto-cast=none")
    output = cwd / name / "out.neff"
    return output, host.start(cwd / name, *words, "--output", "out.neff")


def test_the_same_holds_for_the_installed_shim(true_host: Host, tmp_path: Path) -> None:
    for batch in _batches(range(1000, 1000 + THROUGH_THE_SHIM)):
        started = []
        for seed in batch:
            for name, program in zip(("program", "mutant"), _pair(seed), strict=True):
                graph = programs.graph(program)
                started.append((seed, program, _call(true_host, tmp_path / str(seed), name, graph)))
        for seed, program, (output, process) in started:
            assert finish(process).status == 0
            _check(output, program, seed)
    compiles = true_host.compiles
    for seed in range(1000, 1000 + THROUGH_THE_SHIM):
        program = _pair(seed)[0]
        moved = programs.graph(program, lines=seed)
        output, process = _call(true_host, tmp_path / str(seed), "moved", moved)
        assert finish(process).status == 0
        _check(output, program, seed)
    assert true_host.compiles == compiles
    assert true_host.outcomes()[-THROUGH_THE_SHIM:] == ["hit_local"] * THROUGH_THE_SHIM
