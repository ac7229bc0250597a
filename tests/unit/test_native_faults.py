"""Offering and planting entries when something goes wrong: nothing leaks, nothing is too early."""

from __future__ import annotations

import os
import posix
from collections.abc import Callable
from pathlib import Path

import pytest

import entries
from natives import ENTRY, VERSION, Shelf, contents, digest, shelf, write
from neffcache import files
from neffcache.cache import native_reading, natives
from neffcache.errors import EntryError
from neffcache.graph import constants
from neffcache.invocation import Bypass
from neffcache.native import names, planting
from unit import makers

LOCK = {f"{names.HLO}{names.LOCK}": b""}


def staged(root: Path) -> planting.Stage:
    stage = planting.Stage(str(root), VERSION)
    for name, data in contents().items():
        Path(stage.file(name)).write_bytes(data)
    return stage


@pytest.mark.parametrize("error", [Bypass("graph", "odd"), OSError(5, "damaged")])
def test_a_graph_whose_constants_cannot_be_told_may_hold_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_path: str) -> int:
        raise error

    monkeypatch.setattr(constants, "inlined", fail)
    write(tmp_path / "root")
    made = natives.offer(str(tmp_path / "root"), ENTRY, entries.make_store(tmp_path / "store"))
    made.close()
    assert made.manifest.weights


def test_an_entry_that_is_found_damaged_leaves_no_file_open(tmp_path: Path) -> None:
    write(tmp_path / "root", files=contents(model__neff=makers.neff()[:-30]))
    store = entries.make_store(tmp_path / "store")
    before = makers.open_files()
    with pytest.raises(EntryError):
        natives.offer(str(tmp_path / "root"), ENTRY, store)
    assert makers.open_files() == before


def test_stages_of_other_users_are_neither_used_nor_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, mine = staged(tmp_path), os.geteuid()
    os.utime(old.path, (0, 0))
    monkeypatch.setattr(posix, "geteuid", lambda: mine + 1)
    with pytest.raises(PermissionError):
        planting.Stage(str(tmp_path), VERSION)
    assert sorted(os.listdir(old.path)) == sorted(contents())


def test_a_held_directory_gets_each_name_when_its_bytes_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = write(tmp_path, files=LOCK)
    stage = staged(tmp_path)
    done: list[str] = []
    rename = os.rename

    def note_rename(old: str, new: str) -> None:
        done.append(f"name {os.path.basename(new)}")
        rename(old, new)

    def note_sync(fd: int) -> None:
        done.append(f"bytes {os.path.basename(os.readlink(f'/proc/self/fd/{fd}'))}")

    monkeypatch.setattr(posix, "rename", note_rename)
    monkeypatch.setattr(posix, "fsync", note_sync)
    monkeypatch.setattr(files, "sync_directory", lambda path: done.append(f"names in {path}"))
    assert stage.fill(str(held))
    for name in contents():
        assert done.index(f"bytes {name}") < done.index(f"name {name}")
    # What the mark says is there is there, also after a power cut.
    mark = done.index(f"name {names.DONE}")
    assert done[mark - 1] == f"names in {held}"
    assert done[-1] == f"names in {held}"


@pytest.mark.parametrize("entry", ["", "x", f"../{ENTRY}", f"{ENTRY}/x", f"{ENTRY}.lock"])
def test_what_is_no_entry_is_not_brought_whatever_is_said_of_it(tmp_path: Path, entry: str) -> None:
    made = shelf(entry)
    found = {name: (len(data), digest(name, data)) for name, data in contents().items()}
    into = native_reading.Target(str(tmp_path / "root"), trusted=True)
    word, _why = native_reading.fetch(made, entry, found, into, lambda _count: None)
    assert (word, made.fetched) == (native_reading.NOT_WHOLE, [])
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_is_longer_than_listed_is_given_up_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have no end at all."""
    made, true = shelf(), Shelf.fetch
    seen: list[int] = []

    def fetch(self: Shelf, name: str, into: str, progress: Callable[[int], None]) -> bool:
        if not name.endswith(names.NEFF):
            return true(self, name, into, progress)
        for count in range(0, 1 << 30, 1 << 20):
            seen.append(count)
            progress(count)
        return True

    monkeypatch.setattr(Shelf, "fetch", fetch)
    found = native_reading.by_entry(made.listing(VERSION))[ENTRY]
    into = native_reading.Target(str(tmp_path / "root"), trusted=True)
    word, why = native_reading.fetch(made, ENTRY, found, into, lambda _count: None)
    assert (word, "larger than the remote says" in why) == (native_reading.DAMAGED, True)
    assert len(seen) == 2
