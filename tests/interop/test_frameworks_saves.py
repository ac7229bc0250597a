"""Interop: Trainer and torch.save: compiles leave the host at a save, also when one is cut off."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from frameworks import Framework
from hosts import Host, finish
from hub import clients
from interop.training import COMMON, DYING, PATIENT, RUN, TRAINER, Training, keys, write
from running import end_all
from waiting import until

pytestmark = [
    pytest.mark.skipif(bool(clients.why_not()), reason=clients.why_not()),
    # The environment is made by the first of them.
    pytest.mark.timeout(1800),
]


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return tmp_path / "remote"


@pytest.fixture
def training(tmp_path: Path, optimum_python: Path, remote: Path) -> Iterator[Training]:
    """A host; accelerate is there, and torch_xla is not: it would be taken for a device."""
    variables = {"NEFFCACHE_REMOTES": f"file://{remote}", "HF_HUB_OFFLINE": "1"}
    host = Host(tmp_path / "host", {"JAX_PLATFORMS": "cpu", **PATIENT, **variables})
    paths = (clients.beside("optimum", "trainer"),)
    yield Training(Framework(host, ("libneuronxla",), python=optimum_python, paths=paths))
    end_all(host.root)


def test_the_trainers_save_has_uploads_made_while_it_trains_on(
    training: Training, tmp_path: Path, remote: Path
) -> None:
    script, gates = write(tmp_path / "train.py", COMMON, TRAINER), tmp_path / "gates"
    gates.mkdir()
    (gates / "go-1").touch()
    process = training.start(training.framework.python, script, tmp_path / "out", gates)
    try:
        until(lambda: (gates / "at-2").exists() or process.poll() is not None, 120)
        assert training.framework.host.compiles == 1
        assert keys(remote) == set()
        (gates / "go-2").touch()
        # It has saved after step 2, and stands in step 3.
        until(lambda: keys(remote) or process.poll() is not None, 60)
        assert process.poll() is None
        assert (tmp_path / "out" / "checkpoint-2").is_dir()
        (gates / "go-3").touch()
    finally:
        if process.poll() is None and not (gates / "go-3").exists():
            process.kill()
        done = finish(process)
    assert done.status == 0, done.err
    assert done.out.splitlines()[-1] == '{"steps": 3}'
    assert len(keys(remote)) == 1


@pytest.mark.parametrize("prefix", [(), RUN], ids=["hooks alone", "run"])
def test_a_death_in_the_middle_of_a_save_loses_no_compile(
    training: Training, tmp_path: Path, remote: Path, prefix: tuple[str, ...]
) -> None:
    script, saved = write(tmp_path / "train.py", COMMON, DYING), tmp_path / "saved.pt"
    done = Training(training.framework, prefix).run(training.framework.python, script, saved)
    assert done.status == -signal.SIGKILL, done.err
    assert saved.exists()
    assert training.framework.host.compiles == 1
    if prefix:  # it has waited for the uploads
        assert len(keys(remote)) == 1
    until(lambda: len(keys(remote)) == 1)
