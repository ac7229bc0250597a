"""What a remote brought is told from what was compiled here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from entries import make_store
from neffcache import planted
from neffcache.native import names
from neffcache.store.local import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def _entry(tmp_path: Path, name: str = "MODULE_1+2") -> Path:
    made = tmp_path / name
    made.mkdir()
    (made / names.NEFF).write_bytes(b"neff")
    return made


def _bring(store: Store, directory: Path) -> None:
    stage = directory.parent / "stage"
    stage.write_bytes(b"brought")
    planted.note(store, str(directory), str(stage))
    stage.rename(directory / names.NEFF)


def test_what_was_brought_is_known(store: Store, tmp_path: Path) -> None:
    entry, other = _entry(tmp_path), _entry(tmp_path, "MODULE_3+4")
    _bring(store, entry)
    assert planted.knows(store, str(entry))
    assert not planted.knows(store, str(other))


def test_what_is_compiled_in_its_place_is_not(store: Store, tmp_path: Path) -> None:
    entry = _entry(tmp_path)
    _bring(store, entry)
    fresh = tmp_path / "fresh"
    fresh.write_bytes(b"brought")
    fresh.rename(entry / names.NEFF)
    assert not planted.knows(store, str(entry))


def test_what_was_never_planted_is_not(store: Store, tmp_path: Path) -> None:
    entry = _entry(tmp_path)
    stage = tmp_path / "stage"
    stage.write_bytes(b"brought")
    planted.note(store, str(entry), str(stage))
    assert not planted.knows(store, str(entry))


def test_the_older_half_goes(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted, "MOST", 4)
    made = [_entry(tmp_path, f"MODULE_{number}") for number in range(5)]
    for number, entry in enumerate(made[:4]):
        _bring(store, entry)
        for path in Path(store.path, planted.DIRECTORY).iterdir():
            if path.stat().st_mtime > 1000:
                os.utime(path, (number, number))
    _bring(store, made[4])
    known = [planted.knows(store, str(entry)) for entry in made]
    assert known == [False, False, True, True, True]


def test_a_store_that_takes_nothing_is_no_fault(tmp_path: Path) -> None:
    entry = _entry(tmp_path)
    (tmp_path / "file").write_text("")
    nowhere = Store(str(tmp_path / "file" / "store"))
    planted.note(nowhere, str(entry), str(entry / names.NEFF))
    assert not planted.knows(nowhere, str(entry))
