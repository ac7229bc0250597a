"""What holds in a process is read again when its environment changes; a watcher is joined once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from neffcache import queue, watching
from neffcache_hooks import guard, world


@pytest.fixture(autouse=True)
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A store, the hooks on, and no true watcher: the directories for which one was asked."""
    for name in [name for name in os.environ if name.startswith("NEFFCACHE_")]:
        monkeypatch.delenv(name)
    for name in ("CUSTOM_CACHE_REPO", "NEURON_COMPILE_CACHE_URL", "NEURON_CC_FLAGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NEFFCACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NEFFCACHE_STRICT", "1")
    monkeypatch.setattr(guard, "switched_on", [True])
    monkeypatch.setattr(guard, "_said", set())
    monkeypatch.setattr(world, "_last", [])
    asked: list[str] = []
    monkeypatch.setattr(watching, "start", lambda watch, _environ: asked.append(watch.directory))
    yield asked
    for path in [path for path in watching._held if path.startswith(str(tmp_path))]:
        os.close(watching._held.pop(path))


def _here() -> world.World:
    found = world.current()
    assert found is not None
    return found


def _roots(where: Path) -> str:
    return "".join(sorted(path.read_text() for path in (where / "roots").iterdir()))


def test_it_is_the_same_while_the_environment_is() -> None:
    assert world.current() is world.current()


def test_the_environment_is_the_one_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    first = _here()
    monkeypatch.setenv("NEURON_COMPILE_CACHE_URL", "/var/tmp/x")
    assert first.environ.get(b"NEURON_COMPILE_CACHE_URL") is None
    assert _here().environ[b"NEURON_COMPILE_CACHE_URL"] == b"/var/tmp/x"


def test_a_setting_of_now_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _here().config.upload == "save"
    monkeypatch.setenv("NEFFCACHE_UPLOAD", "exit")
    assert _here().config.upload == "exit"
    monkeypatch.delenv("NEFFCACHE_UPLOAD")
    assert _here().config.upload == "save"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEFFCACHE_ACTIVE", "1:2"),
        ("NEFFCACHE_DISABLE", "1"),
        ("NEFFCACHE_WAIT", "long"),
        ("NEFFCACHE_DIR", "/proc/nowhere"),
    ],
)
def test_where_nothing_is_to_be_done_there_is_none(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    assert world.current() is not None
    monkeypatch.setenv(name, value)
    assert world.current() is None
    assert world.current() is None
    world.joined("/var/tmp/x")
    assert started == []


def test_a_store_that_was_removed_is_made_again(tmp_path: Path) -> None:
    path = Path(_here().store.path)
    path.rmdir()
    assert Path(_here().store.path).is_dir()
    assert str(path).startswith(str(tmp_path))


def test_a_store_that_was_opened_to_others_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    path = Path(_here().store.path)
    path.chmod(0o755)
    assert world.current() is None
    assert world.current() is None
    assert len(caplog.messages) == 1
    path.chmod(0o700)


def test_joining_makes_this_process_present_and_asks_for_a_watcher(started: list[str]) -> None:
    world.joined("/var/tmp/toy-cache")
    watch = _here().watch()
    assert watching.is_attended(watch)
    assert started == [watch.directory]
    assert f"root {queue.quoted('/var/tmp/toy-cache')}\n" in _roots(Path(watch.directory))


def test_joining_again_costs_no_further_watcher_and_adds_new_roots(started: list[str]) -> None:
    for root in ("/var/tmp/one", "/var/tmp/one", "/var/tmp/two", None):
        world.joined(root)
    found = _roots(Path(_here().watch().directory))
    assert len(started) == 1
    assert [found.count(queue.quoted(f"/var/tmp/{name}") + "\n") for name in ("one", "two")] == [
        1,
        1,
    ]


def test_a_watcher_is_asked_for_again_after_a_while(
    started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    for _ in range(4):
        world.joined("/var/tmp/one")
        clock[0] += 0.4
    assert len(started) == 2


def test_a_root_that_is_no_directory_here_is_left_alone() -> None:
    world.joined("s3://bucket/cache")
    assert "bucket" not in _roots(Path(_here().watch().directory))


def test_a_malformed_remote_is_told_and_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, started: list[str]
) -> None:
    monkeypatch.setenv("NEFFCACHE_REMOTES", "gopher://somewhere")
    world.joined("/var/tmp/one")
    world.joined("/var/tmp/two")
    assert started == []
    assert len(caplog.messages) == 1
    monkeypatch.delenv("NEFFCACHE_REMOTES")
