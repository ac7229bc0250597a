"""Orphaned locks of earlier boots: by a record, or by a clock that stood; never on far disks."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import entries
import takers
from neffcache import machine, orphans
from neffcache.store.local import Store

HOUR = 3600.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return entries.make_store(tmp_path / "store")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return takers.lock(tmp_path / "root")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """A process that lives until it is ended."""
    with takers.living() as made:
        yield made


def notes(store: Store) -> list[list[str]]:
    path = Path(store.path) / "journal" / "journal.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [note for line in lines for note in json.loads(line)["notes"]]


@pytest.fixture
def on_own_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the tests' files lie: they are on a local disk."""
    monkeypatch.setattr(machine, "local_reason", lambda _fd: "")


def test_the_record_of_an_earlier_lock_proves_nothing(store: Store, lock: Path) -> None:
    takers.say(store, takers.ended(), lock)
    lock.unlink()
    again = takers.lock(lock.parents[2])
    assert not orphans.clear(store, str(again))
    assert "without the hooks" in by_young_boot(store, again)


def by_young_boot(store: Store, lock: Path) -> str:
    """What is said of a lock on a disk of our own, where the machine booted an hour ago."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "local_reason", lambda _fd: "")
        patch.setattr(machine, "booted", lambda: (lock.stat().st_ctime - HOUR, ""))
        return orphans.judge(store, str(lock)).why


@pytest.mark.usefixtures("on_own_disk")
def test_a_record_of_another_boot_on_our_own_disk_needs_no_clock(
    store: Store, lock: Path, child: subprocess.Popen[str]
) -> None:
    takers.say(store, takers.of(child.pid).but(boot="an-earlier-one"), lock)
    assert orphans.clear(store, str(lock))


def test_a_record_of_another_boot_may_be_another_machines(
    store: Store, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "local_reason", lambda _fd: "it is on nfs4")
    monkeypatch.setattr(machine, "booted", lambda: (lock.stat().st_ctime + HOUR, ""))
    takers.say(store, takers.ended().but(boot="elsewhere"), lock)
    assert not orphans.clear(store, str(lock))
    assert "it is on nfs4" in orphans.judge(store, str(lock)).why


def test_a_record_in_a_shared_store_may_be_another_machines(
    store: Store, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = os.stat(store.path).st_ino
    monkeypatch.setattr(
        machine, "local_reason", lambda fd: "it is on nfs4" if os.fstat(fd).st_ino == shared else ""
    )
    monkeypatch.setattr(machine, "booted", lambda: (lock.stat().st_ctime - HOUR, ""))
    takers.say(store, takers.ended().but(boot="elsewhere"), lock)
    assert not orphans.clear(store, str(lock))


@pytest.mark.usefixtures("on_own_disk")
def test_a_lock_that_is_older_than_the_boot_is_removed(
    store: Store, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "booted", lambda: (lock.stat().st_ctime + HOUR, ""))
    assert orphans.clear(store, str(lock))
    assert notes(store) == [["lock_cleared", f"{lock}: it is older than this boot"]]


@pytest.mark.usefixtures("on_own_disk")
def test_a_record_of_this_boot_outweighs_the_clock(
    store: Store, lock: Path, child: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "booted", lambda: (lock.stat().st_ctime + HOUR, ""))
    takers.say(store, takers.of(child.pid), lock)
    assert not orphans.clear(store, str(lock))


@pytest.mark.parametrize(
    ("before", "doubt", "dead"),
    [
        (orphans.MARGIN + 1, "", True),
        (orphans.MARGIN - 1, "", False),
        (-HOUR, "", False),  # the clock was put back, or it was taken since
        (HOUR, "the clock has been put forward since the boot", False),
    ],
)
def test_age_counts_with_a_margin_and_a_clock_that_stood(
    before: float, doubt: str, dead: bool
) -> None:
    boot = 1_700_000_000.0
    assert orphans.by_age("/x.lock", boot - before, boot, doubt).dead == dead


def test_without_any_record_a_lock_of_this_boot_stays(store: Store, lock: Path) -> None:
    assert "without the hooks" in by_young_boot(store, lock)
    assert not orphans.clear(store, str(lock))
