"""Interop: what needs no framework but JAX: its graphs, and workers forked and spawned."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from frameworks import Framework
from hosts import TRAIN, Host
from interop.training import COMMON, JAX, PATIENT, WORKERS, Training, keys, write
from running import end_all
from waiting import until


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Callable[..., Training]]:
    """Hosts by name that share a remote; what works for them ends with the test."""

    def make(name: str, **variables: str) -> Training:
        shared = {"NEFFCACHE_REMOTES": f"file://{tmp_path / 'remote'}", "HF_HUB_OFFLINE": "1"}
        host = Host(tmp_path / name, {"JAX_PLATFORMS": "cpu", **PATIENT, **shared, **variables})
        return Training(Framework(host, ("libneuronxla",)))

    yield make
    end_all(tmp_path)


def test_graphs_of_jax_are_compiled_on_the_first_host_only(
    training: Callable[..., Training], tmp_path: Path
) -> None:
    script = write(tmp_path / "train.py", COMMON, JAX)
    first, second = training("first"), training("second")
    done = first.run(first.framework.python, script)
    assert done.status == 0, done.err
    until(lambda: len(keys(tmp_path / "remote")) == 3)
    again = second.run(second.framework.python, script)
    assert again.status == 0, again.err
    assert again.out == done.out
    assert (first.framework.host.compiles, second.framework.host.compiles) == (3, 0)
    assert set(second.framework.host.outcomes()) == {"hit_remote"}


def test_workers_that_were_forked_and_spawned_are_served_by_hooks(
    training: Callable[..., Training], tmp_path: Path
) -> None:
    host = training("host", SDKSTANDIN_FAKE="1")
    script, top = write(tmp_path / "train.py", WORKERS), tmp_path / "roots"
    done = host.run(host.framework.python, script, TRAIN, top)
    assert done.status == 0, done.err
    assert len(set(json.loads(done.out))) == 1
    assert host.framework.host.compiles == 1
    served = [line for line in host.framework.host.journal() if line["outcome"] == "hit_local"]
    assert [line.get("door") for line in served] == ["hook", "hook"]
    for method in ("fork", "spawn"):
        (entry,) = (top / method).glob("neuronxcc-*/MODULE_*")
        assert (entry / "model.done").exists()
