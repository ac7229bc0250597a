"""Interop: the real torchrun, four workers, two hosts: what one compiles the other never does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from frameworks import Framework
from hosts import Done, Host
from hub import clients
from hub.peer import Peer
from interop.training import COMMON, PATIENT, RANKS, RUN, Training, keys, namespace, write
from running import end_all
from waiting import until

pytestmark = [
    pytest.mark.skipif(bool(clients.why_not()), reason=clients.why_not()),
    # The environment is made by the first of them.
    pytest.mark.timeout(1800),
]
REPO = "alice/cache"
# One graph twice (for PJRT it is wrapped), and one of each worker.
GRAPHS = 6


@pytest.fixture
def cluster(tmp_path: Path, optimum_python: Path) -> Iterator[Callable[..., Training]]:
    """Hosts by name, with nothing in common but the script; their processes end with the test."""
    made: list[Path] = []

    def make(name: str, *prefix: str, **variables: str) -> Training:
        quiet = {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", **PATIENT}
        host = Host(tmp_path / name, {**quiet, **variables})
        made.append(host.root)
        framework = Framework(
            host, ("libneuronxla",), "run" not in prefix, "run" not in prefix, optimum_python
        )
        return Training(framework, prefix)

    try:
        yield make
    finally:
        for root in made:
            end_all(root)


def _answers(done: Done) -> list[dict[str, str]]:
    assert done.status == 0, done.err
    made = json.loads(done.out.splitlines()[-1])
    assert isinstance(made, list)
    assert len(made) == 4
    return made


def test_hooks_alone_compile_on_the_first_host_only(
    cluster: Callable[..., Training], tmp_path: Path
) -> None:
    remote, script = tmp_path / "remote", write(tmp_path / "train.py", COMMON, RANKS)
    variables = {"NEFFCACHE_REMOTES": f"file://{remote}", "HF_HUB_OFFLINE": "1"}
    first = cluster("first", **variables)
    one = _answers(first.torchrun(script, tmp_path / "saved.pt"))
    assert first.framework.host.compiles == GRAPHS
    assert len({answer["own"] for answer in one}) == 4
    # Nobody waits for the uploads: the watcher of the host has them done when all have gone.
    until(lambda: len(keys(remote)) == GRAPHS)
    second = cluster("second", *namespace(), **variables)
    assert _answers(second.torchrun(script, tmp_path / "again.pt")) == one
    assert second.framework.host.compiles == 0
    assert set(second.framework.host.outcomes()) <= {"hit_remote", "hit_local"}


def test_run_uploads_to_the_hub_before_it_ends_as_the_first_process_of_a_container(
    cluster: Callable[..., Training], tmp_path: Path, hub: Peer
) -> None:
    hub.create(REPO)
    script = write(tmp_path / "train.py", COMMON, RANKS)
    variables = {**hub.environ(), "CUSTOM_CACHE_REPO": REPO}
    prefix = (*namespace(), *RUN)
    first = cluster("first", *prefix, **variables)
    done = first.torchrun(script, tmp_path / "saved.pt")
    one = _answers(done)
    assert first.framework.host.compiles == GRAPHS
    assert done.err.splitlines()[-1].startswith("neffcache: ")
    there = hub.paths(REPO)
    assert sum(path.startswith("neffcache/v1/") for path in there) == GRAPHS
    assert sum(path.endswith("/model.neff") for path in there) == GRAPHS
    second = cluster("second", *prefix, **variables)
    assert _answers(second.torchrun(script, tmp_path / "again.pt")) == one
    assert second.framework.host.compiles == 0
    # The library itself found them where it looks: our program was not even started.
    assert set(second.framework.host.outcomes()) == {"hit_native"}
