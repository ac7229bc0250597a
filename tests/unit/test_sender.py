"""The sender and a store that changes under it: only what was found bad is dropped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

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
