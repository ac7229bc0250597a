"""Interop: every release of libneuronxla, hooks on: compiled on one host, brought to the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from frameworks import PJRT, XLA, Framework
from hosts import FORWARD, TRAIN, Done, Host
from interop.training import PATIENT, keys
from running import end_all
from waiting import until

# With a way to ask each: PJRT's, and that of NxD and transformers-neuronx.
RELEASES = (
    ("2.0", XLA),
    ("2.1", PJRT),
    ("2.2", PJRT),
    ("2.2", XLA),
    ("next", PJRT),
    ("alien", XLA),
)
# neuron_parallel_compile in front of the scripts of `frameworks`.
PARALLEL = """
import sys
from libneuronxla.neuron_parallel_compile import main
sys.argv = ["neuron_parallel_compile", sys.executable, "-c", *sys.argv[1:]]
sys.exit(main())
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Framework]]:
    """Hosts by name that share a remote; what works for them ends with the test."""
    remote = f"file://{tmp_path / 'remote'}"
    shared = {"NEFFCACHE_REMOTES": remote, "HF_HUB_OFFLINE": "1", "SDKSTANDIN_FAKE": "1"} | PATIENT

    def made(name: str, release: str = "2.2") -> Framework:
        variables = {**shared, "SDKSTANDIN_LIBNEURONXLA": release}
        return Framework(Host(tmp_path / name, variables), ("libneuronxla",))

    yield made
    end_all(tmp_path)


@pytest.mark.parametrize(("release", "script"), RELEASES)
def test_a_release_compiles_on_the_first_host_only(
    make: Callable[..., Framework], tmp_path: Path, release: str, script: str
) -> None:
    first, second = make("first", release), make("second", release)
    one = first.answer(script, TRAIN, "1418137421344453867", "-O1")
    until(lambda: len(keys(tmp_path / "remote")) == 1)
    assert second.answer(script, TRAIN, "1418137421344453867", "-O1") == one
    assert (first.host.compiles, second.host.compiles) == (1, 0)
    assert second.host.outcomes() == ["hit_remote"]
    (entry,) = second.native_entries()
    assert (entry / "model.neff").exists()


def _last(done: Done) -> dict[str, int]:
    assert done.status == 0, done.err
    made = json.loads(done.out.splitlines()[-1])
    assert isinstance(made, dict)
    return made


def test_parallel_compilation_extracts_untouched_and_then_compiles_on_the_first_host_only(
    make: Callable[..., Framework], tmp_path: Path
) -> None:
    first, second = make("first"), make("second")
    extract = {"NEURON_EXTRACT_GRAPHS_ONLY": "1"}
    for framework in (first, second):
        made = framework.answer(XLA, FORWARD, "0b", variables=extract)
        assert made["bytes"] == 0
        assert framework.host.journal() == []
        assert _last(framework.run(PARALLEL, XLA, TRAIN, "0a"))["compiled"] == 2
        until(lambda: len(keys(tmp_path / "remote")) == 2)
    assert (first.host.compiles, second.host.compiles) == (2, 0)
    # What lies there is what the training itself then finds: nobody is asked.
    before = second.host.journal()
    second.answer(XLA, TRAIN, "0a")
    assert second.host.journal() == before
