"""Orphaned locks: removed when their taker is shown to be dead, else left and spoken of."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import entries
import takers
from neffcache import holders, orphans
from neffcache.store.local import Store
from waiting import until

# Its first thread ends, by the system call alone; another goes on.
HEADLESS = """
import ctypes, os, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)
"""


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


def test_a_lock_of_a_dead_process_is_removed(store: Store, lock: Path) -> None:
    takers.say(store, takers.ended(), lock)
    assert orphans.clear(store, str(lock))
    assert os.listdir(lock.parent) == []


def test_its_removal_is_noted_with_the_reason(store: Store, lock: Path) -> None:
    dead = takers.ended()
    takers.say(store, dead, lock)
    orphans.clear(store, str(lock), "watch")
    why = f"{lock}: process {dead.pid} took it and is gone"
    assert notes(store) == [["lock_cleared", why]]
    assert '"door":"watch"' in (Path(store.path) / "journal" / "journal.log").read_text()


def test_a_lock_of_a_living_process_stays(
    store: Store, lock: Path, child: subprocess.Popen[str]
) -> None:
    takers.say(store, takers.of(child.pid), lock)
    assert not orphans.clear(store, str(lock))
    verdict = orphans.judge(store, str(lock))
    assert (verdict.dead, verdict.alive, lock.exists()) == (False, True, True)


def test_a_process_with_the_number_of_a_dead_one_is_not_it(
    store: Store, lock: Path, child: subprocess.Popen[str]
) -> None:
    alive = takers.of(child.pid)
    takers.say(store, alive.but(start=alive.start - 1), lock)
    assert orphans.clear(store, str(lock))


def test_a_zombie_holds_nothing(store: Store, lock: Path, child: subprocess.Popen[str]) -> None:
    takers.say(store, takers.of(child.pid), lock)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert orphans.clear(store, str(lock))


def test_a_zombie_with_a_thread_that_runs_is_alive(store: Store, lock: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HEADLESS], stdin=subprocess.PIPE)
    try:
        stat = Path(f"/proc/{process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z")
        takers.say(store, takers.of(process.pid), lock)
        assert not orphans.clear(store, str(lock))
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("other", [{"pids": "1"}, {"clock": "1"}])
def test_a_process_of_another_container_may_live(
    store: Store, lock: Path, other: dict[str, str]
) -> None:
    takers.say(store, takers.ended().but(**other), lock)
    assert not orphans.clear(store, str(lock))
    assert "another container" in orphans.judge(store, str(lock)).why


def test_all_who_claim_a_lock_must_be_dead(
    store: Store, lock: Path, child: subprocess.Popen[str]
) -> None:
    takers.say(store, takers.ended(), lock)
    takers.say(store, takers.of(child.pid), lock)
    assert not orphans.clear(store, str(lock))


def test_a_file_that_has_changed_since_is_another(store: Store, lock: Path) -> None:
    takers.say(store, takers.ended(), lock)
    before = lock.stat()

    def is_changed() -> bool:
        lock.chmod(0o600)
        return lock.stat().st_ctime_ns != before.st_ctime_ns

    until(is_changed)
    assert lock.stat().st_ino == before.st_ino
    assert not orphans.clear(store, str(lock))


def test_without_psutil_nothing_is_shown(
    store: Store, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    takers.say(store, takers.ended(), lock)
    assert not orphans.clear(store, str(lock))


def test_a_process_that_is_hidden_from_us_may_live(
    store: Store, lock: Path, child: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with /proc mounted hidepid=2, and another user's process."""

    def hidden(_pid: int) -> int:
        raise FileNotFoundError(errno.ENOENT, "hidden")

    takers.say(store, takers.of(child.pid), lock)
    here = holders.here()
    monkeypatch.setattr(holders, "started", hidden)
    monkeypatch.setattr(holders, "here", lambda: here)
    assert not orphans.clear(store, str(lock))


def test_a_lock_of_another_kind_is_alive_while_the_kernel_says_so(store: Store, lock: Path) -> None:
    takers.say(store, takers.ended(), lock)
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert orphans.judge(store, str(lock)).alive
        assert not orphans.clear(store, str(lock))
    assert orphans.clear(store, str(lock))


def test_a_link_to_a_lock_is_none(store: Store, lock: Path) -> None:
    link = lock.with_name("other.lock")
    link.symlink_to(lock)
    takers.say(store, takers.ended(), lock)
    assert not orphans.clear(store, str(link))
    assert lock.exists()


def test_a_lock_with_two_names_stays(store: Store, lock: Path) -> None:
    lock.with_name("other").hardlink_to(lock)
    takers.say(store, takers.ended(), lock)
    assert not orphans.clear(store, str(lock))


@pytest.mark.parametrize("name", ["model.neff", "model.hlo_module.pb"])
def test_only_locks_are_removed(store: Store, lock: Path, name: str) -> None:
    path = lock.with_name(name)
    path.touch()
    takers.say(store, takers.ended(), path)
    assert not orphans.clear(store, str(path))


def test_a_lock_that_is_gone_is_no_fault(store: Store, lock: Path) -> None:
    lock.unlink()
    assert not orphans.clear(store, str(lock))
    assert orphans.judge(store, str(lock)).why == "it is not there any more"


def test_the_command_clears_that_very_path(tmp_path: Path) -> None:
    lock = takers.lock(tmp_path / "it's $(mine)")
    subprocess.run(["sh", "-c", orphans.judge(None, str(lock)).command], check=True)
    assert not lock.exists()
