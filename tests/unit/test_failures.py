"""Failed entries of libneuronxla's cache: which are made empty, and what the store keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import entries
import takers
from neffcache import failures
from neffcache.native import names
from neffcache.store.local import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return entries.make_store(tmp_path / "store")


def failed(root: Path, log: bytes) -> Path:
    entry = root / takers.MODULE
    entry.mkdir(parents=True)
    (entry / names.LOG).write_bytes(log)
    return entry


@pytest.mark.parametrize(
    ("log", "retry", "revived"),
    [
        (b"Killed\n", True, True),
        (b"Killed\n", False, False),
        (b"[NEFFCACHE-MISS] x", False, True),
        (b"[NEFFCACHE-MISS] x", True, True),
        (b"[NCC_EVRF059] x", True, False),
        (b"", True, False),
    ],
)
def test_what_the_setting_and_the_log_say_decides(
    store: Store, tmp_path: Path, log: bytes, retry: bool, revived: bool
) -> None:
    entry = failed(tmp_path, log)
    assert failures.revive(store, str(entry), retry=retry) == revived
    assert (entry / names.LOG).exists() != revived


def test_what_was_done_is_noted_once(store: Store, tmp_path: Path) -> None:
    entry = failed(tmp_path, b"Killed\n")
    assert failures.revive(store, str(entry), retry=True)
    assert not failures.revive(store, str(entry), retry=True)
    [line] = (Path(store.path) / "journal" / "journal.log").read_text().splitlines()
    record = json.loads(line)
    assert record["notes"] == [["failure_set_aside", f"{entry}: killed"]]
    assert (record["outcome"], record["door"]) == ("", "hook")


def test_an_entry_that_is_not_there_is_no_fault(store: Store, tmp_path: Path) -> None:
    assert not failures.revive(store, str(tmp_path / "none"), retry=True)
    assert not failures.revive(store, "a\0b", retry=True)
