"""A save asks for a flush by touching one file, and stays the save it was."""

from __future__ import annotations

import inspect
import io
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import neffcache_hooks
from hooks.saver import Job, load
from neffcache import watching
from neffcache_hooks import guard, saving, world

_CALLS: dict[str, Callable[[Any, str], object]] = {
    "torch": lambda library, path: library.save([1], path),
    "torch.serialization": lambda library, path: library.save(obj=[1], f=path),
    "safetensors.torch": lambda library, path: library.save_file({"a": 1}, path),
    "safetensors.numpy": lambda library, path: library.save_file({"a": 1}, filename=path),
    "torch_xla.core.xla_model": lambda library, path: library.save([1], path),
    "neuronx_distributed.trainer": lambda library, path: library.save_checkpoint(path, tag="t"),
    "neuronx_distributed.trainer.checkpoint": lambda library, path: library.save_checkpoint(path),
}


@pytest.mark.parametrize("name", _CALLS)
def test_a_save_asks_for_a_flush(job: Job, name: str) -> None:
    library = load(name)
    assert not job.asked()
    _CALLS[name](library, job.path)
    assert job.asked()


def test_a_save_of_a_whole_model_asks(job: Job) -> None:
    load("safetensors.torch").save_model(None, job.path)
    assert job.asked()


def test_what_a_library_imported_from_another_asks_too(job: Job) -> None:
    torch = load("torch")
    assert torch.save is load("torch.serialization").save
    torch.save([1], job.path)
    assert job.asked()


def test_a_torch_that_is_there_before_the_hooks_asks(job: Job) -> None:
    neffcache_hooks.disable()
    torch = load("torch")
    neffcache_hooks.enable()
    torch.save([1], job.path)
    assert job.asked()


def test_the_file_is_written_before_the_request(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(watching, "ask_save", lambda _watch: seen.append(Path(job.path).exists()))
    load("torch").save([1], job.path)
    assert seen == [True]


def test_what_goes_into_memory_is_no_save(job: Job) -> None:
    torch = load("torch")
    torch.save([1], io.BytesIO())
    torch.save([1], f=io.BytesIO())
    assert not job.asked()


def test_a_save_into_an_open_file_asks(job: Job) -> None:
    with Path(job.path).open("wb") as file:
        load("torch").save([1], file)
    assert job.asked()


def test_a_failed_save_raises_as_ever_and_asks_for_nothing(job: Job) -> None:
    with pytest.raises(FileNotFoundError) as found:
        load("torch").save([1], job.path + "/nowhere/x")
    assert found.value.errno == 2
    assert not job.asked()


def test_many_saves_at_once_ask_once(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    torch = load("torch")
    found = []
    for _ in range(4):
        torch.save([1], job.path)
        found.append(job.asked())
        clock[0] += 0.4
    assert found == [True, False, False, True]


@pytest.mark.parametrize(
    ("variables", "asks"),
    [
        ({"LOCAL_RANK": "0", "RANK": "8"}, True),
        ({"LOCAL_RANK": "3", "RANK": "11"}, False),
        ({"OMPI_COMM_WORLD_LOCAL_RANK": "1"}, False),
        ({"RANK": "1"}, True),  # of one process a host: nobody else would ask here
        ({}, True),
    ],
)
def test_one_process_of_a_host_asks(
    job: Job, variables: dict[str, str], asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    load("torch").save([1], job.path)
    assert job.asked() is asks


@pytest.mark.parametrize("mode", ["exit", "eager", "off"])
def test_other_modes_ask_for_nothing(job: Job, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = load("torch")
    monkeypatch.setenv("NEFFCACHE_UPLOAD", mode)
    assert not job.asked()  # now there is a place for requests
    torch.save([1], job.path)
    assert not job.asked()


def test_with_the_cache_switched_off_nothing_is_asked(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, torch = job.watch(), load("torch")
    monkeypatch.setenv("NEFFCACHE_DISABLE", "1")
    torch.save([1], job.path)
    assert not (watch / watching.SAVE).exists()


def test_nothing_is_made_where_nobody_watches(job: Job) -> None:
    job.watch().rmdir()
    here = world.current()
    assert here is not None
    load("torch").save([1], job.path)
    assert not Path(here.watch().directory).exists()


def test_a_store_that_is_gone_does_no_harm(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = load("torch")
    monkeypatch.setenv("NEFFCACHE_DIR", "/proc/nowhere")
    torch.save([1], job.path)
    assert Path(job.path).exists()


def test_a_fault_of_ours_does_not_reach_the_caller_and_is_counted(
    job: Job, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NEFFCACHE_STRICT")
    monkeypatch.setattr(guard, "faults", {})
    monkeypatch.setattr(guard, "_said", set())

    def fails(_watch: object) -> None:
        raise RuntimeError("what may be a secret")

    monkeypatch.setattr(watching, "ask_save", fails)
    load("torch").save([1], job.path)
    saving.request(final=True)
    assert guard.faults["save"][0] == 2
    assert len(caplog.messages) == 1
    assert "save: RuntimeError at test_saving.py" in caplog.text
    assert "secret" not in caplog.text


def test_strict_raises_a_fault_of_ours(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_watch: object) -> None:
        raise RuntimeError("x")

    monkeypatch.setattr(watching, "ask_save", fails)
    torch = load("torch")
    with pytest.raises(RuntimeError):
        torch.save([1], job.path)


def test_the_function_looks_and_pickles_as_before(job: Job) -> None:
    neffcache_hooks.disable()
    torch = load("torch")
    before = torch.save
    signature = inspect.signature(before)
    neffcache_hooks.enable()
    after = torch.save
    assert after is not before
    assert inspect.signature(after) == signature
    names = ("__name__", "__qualname__", "__module__", "__doc__")
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]
    assert pickle.loads(pickle.dumps(after)) is after  # noqa: S301  # our own bytes
    assert after([1], job.path) is None


def test_what_a_save_returns_is_returned(job: Job) -> None:
    neffcache_hooks.disable()
    torch = load("torch.serialization")
    torch.save = lambda obj, f: (obj, f)
    neffcache_hooks.enable()
    assert torch.save(1, job.path) == (1, job.path)
    assert job.asked()


def test_a_torch_of_another_shape_is_left_alone(job: Job) -> None:
    neffcache_hooks.disable()
    torch = load("torch.serialization")

    def theirs(where: str, what: object) -> None: ...

    torch.save = theirs
    neffcache_hooks.enable()
    assert torch.save is theirs
    torch.save(job.path, 1)
    assert not job.asked()


def test_disabling_puts_every_save_back(job: Job) -> None:
    names = [*_CALLS, "transformers.trainer"]
    for name in names:
        load(name)
    neffcache_hooks.disable()
    torch = load("torch")
    assert torch.save is load("torch.serialization").save
    assert not hasattr(torch.save, "__wrapped__")
    kinds = [kind.__name__ for kind in load("transformers.trainer").DEFAULT_CALLBACKS]
    assert kinds == ["DefaultFlowCallback"]
    torch.save([1], job.path)
    assert not job.asked()


def test_settings_are_read_again_when_the_environment_changes(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.current()
    assert first is not None
    assert world.current() is first
    monkeypatch.setenv("NEFFCACHE_DIR", str(job.root / "other"))
    second = world.current()
    assert second is not None
    assert second.store.path == f"{job.root}/other/store-{os.geteuid()}"


def test_wrong_settings_are_told_once_and_nothing_is_done(
    job: Job, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard, "_said", set())
    monkeypatch.setenv("NEFFCACHE_WAIT", "long")
    torch = load("torch")
    torch.save([1], job.path)
    saving.request(final=True)
    assert Path(job.path).exists()
    assert len(caplog.messages) == 1
    assert "NEFFCACHE_WAIT=long: " in caplog.text
    monkeypatch.delenv("NEFFCACHE_WAIT")
    assert not job.asked()


def test_what_is_said_goes_into_the_log_file_too(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_said", set())
    monkeypatch.setenv("NEFFCACHE_LOG", str(job.root / "log"))
    guard.say("toy", "stands aside: it is not there")
    text = (job.root / "log").read_text()
    assert '"door":"hook","hook":"toy","detail":"stands aside: it is not there"' in text


class _Odd:
    """A place to save to whose attributes cannot be asked for."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


def test_a_place_that_answers_no_question_is_saved_to_as_ever(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEFFCACHE_STRICT")
    library = load("torch_xla.core.xla_model")
    monkeypatch.setattr(guard, "faults", {})
    assert saving._then_ask(lambda *_args: "saved")([1], _Odd()) == "saved"
    assert list(guard.faults) == [saving.LABEL]
    assert library is not None
    assert not job.asked()


def test_a_wrong_setting_is_said_and_is_no_fault(
    job: Job, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard, "faults", {})
    monkeypatch.setattr(guard, "_said", set())
    monkeypatch.setenv("NEFFCACHE_REMOTES", "hf:/alice")
    load("torch").save([1], job.path)
    assert guard.faults == {}
    (line,) = caplog.messages
    assert "hf:/alice" in line
    assert line.endswith("no flush is asked for")
