"""The sender and a store that changes under it: only what was found bad is dropped."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

import natives
from entries import key_of, make_store, put, write_bundle
from neffcache import files, queue, remote
from neffcache.cache import bundles, reports
from neffcache.errors import EntryError
from neffcache.store.local import Store
from neffcache.sync import committing, sender

KEY = key_of("a")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = make_store(tmp_path / "store")
    put(made, KEY, b"bad")
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the uploader is told."""
    lines: list[str] = []
    monkeypatch.setattr(reports, "send", lambda word, why="": lines.append(f"{word} {why}"))
    return lines


def _replace(store: Store) -> None:
    """Somebody compiles it anew in this very moment."""
    new = Path(store.path, "new.tar")
    write_bundle(new, KEY, b"good")
    os.rename(new, store.entry_path(KEY))


@pytest.mark.parametrize("replaced", [False, True])
def test_a_good_entry_that_comes_in_place_of_a_bad_one_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    def publish(*_args: Any) -> bool:
        if replaced:
            _replace(store)
        raise EntryError("damaged")

    monkeypatch.setattr(bundles, "publish", publish)
    opened: Any = None
    assert sender._send(store, opened, KEY, "") == (f"gone {KEY}", "damaged")
    assert (files.state(store.entry_path(KEY)) is not None) == replaced


@pytest.mark.parametrize("replaced", [False, True])
def test_a_good_entry_that_comes_before_a_commit_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch, said: list[str], replaced: bool
) -> None:
    def check(*_args: Any) -> Any:
        if replaced:
            _replace(store)
        raise EntryError("damaged")

    monkeypatch.setattr(bundles, "check", check)
    (marker,) = queue.enqueue(store, KEY, [remote.parse("hf://alice/cache")], {})
    opened: Any = None
    committing.send(store, marker.destination.name, opened, [KEY])
    assert said == [f"gone {KEY} damaged"]
    assert (files.state(store.entry_path(KEY)) is not None) == replaced


@pytest.fixture
def locked(store: Store, tmp_path: Path) -> Path:
    """The lock of an entry of libneuronxla's cache that waits."""
    directory = natives.write(tmp_path / "root")
    native = (str(tmp_path / "root"), natives.ENTRY)
    destination = queue.destination_of(store, remote.parse("hf://alice/cache"), {})
    queue.put(store, destination, queue.native_key(*native), native)
    lock = directory / "model.hlo_module.pb.lock"
    lock.touch()
    return lock


def _batch(store: Store) -> committing._Batch:
    """All that waits for a commit."""
    (name,) = os.listdir(f"{store.path}/queue")
    made = committing._Batch(store, name)
    for key in queue.keys(store, name):
        made.add(key)
    return made


def test_an_entry_that_is_locked_for_a_moment_is_sent(
    store: Store, locked: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: locked.unlink())
    assert _batch(store).objects
    assert not any(line.startswith("gone") for line in said)


def test_entries_that_stay_locked_are_waited_for_so_long_together(
    store: Store, locked: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    native = (str(locked.parent.parent.parent), natives.ENTRY.replace("MODULE_", "MODULE_1"))
    natives.write(locked.parent.parent.parent, native[1])
    (Path(native[0], native[1]) / locked.name).touch()
    destination = queue.destination_of(store, remote.parse("hf://alice/cache"), {})
    queue.put(store, destination, queue.native_key(*native), native)
    assert not _batch(store).objects
    assert len([line for line in said if line.startswith("gone")]) == 2
    assert 4.9 < sum(waited) < 5.1
