"""Orphaned locks: removed when their taker is shown to be dead, else left and spoken of."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import posix
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import entries
import takers
from neffcache import holders, machine, orphans
from neffcache.store.local import Store
from waiting import until

HOUR = 3600.0
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
    made = subprocess.Popen(
        [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert made.stdout is not None
    made.stdout.readline()
    yield made
    made.kill()
    made.communicate()


@pytest.fixture
def on_own_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the tests' files lie: they are on a local disk."""
    monkeypatch.setattr(machine, "local_reason", lambda _fd: "")


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


def test_of_two_who_clear_one_does(store: Store, lock: Path) -> None:
    takers.say(store, takers.ended(), lock)
    start = threading.Barrier(8)
    done: list[bool] = []

    def clear() -> None:
        start.wait()
        done.append(orphans.clear(store, str(lock)))

    threads = [threading.Thread(target=clear) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 7 + [True]
    assert len(notes(store)) == 1


class Between:
    """`posix`, with something that happens just before the first call of one of its functions."""

    def __init__(self, name: str, happens: Callable[[], None]) -> None:
        self._name = name
        self._happens: Callable[[], None] | None = happens

    def __getattr__(self, name: str) -> Any:
        if name == self._name and self._happens is not None:
            happens, self._happens = self._happens, None
            happens()
        return getattr(posix, name)


@pytest.mark.parametrize("moment", ["lstat", "rename"])
def test_who_takes_the_lock_meanwhile_keeps_it(
    store: Store, lock: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else removes the dead one's lock, and a living process takes it at once."""
    taken: list[int] = []

    def take() -> None:
        lock.unlink()
        lock.touch()
        taken.append(lock.stat().st_ino)

    takers.say(store, takers.ended(), lock)
    monkeypatch.setattr(orphans, "posix", Between(moment, take))
    assert not orphans.clear(store, str(lock))
    assert [lock.stat().st_ino] == taken
    assert os.listdir(lock.parent) == [lock.name]


def test_a_third_one_who_takes_it_is_not_disturbed(
    store: Store, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_twice() -> None:
        lock.unlink()
        lock.touch()
        monkeypatch.setattr(orphans, "posix", Between("link", lock.touch))

    takers.say(store, takers.ended(), lock)
    monkeypatch.setattr(orphans, "posix", Between("rename", take_twice))
    assert not orphans.clear(store, str(lock))
    assert os.listdir(lock.parent) == [lock.name]


def test_a_directory_that_is_not_ours_to_write_keeps_its_lock(
    store: Store, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise PermissionError(errno.EACCES, "read only")

    takers.say(store, takers.ended(), lock)
    monkeypatch.setattr(orphans, "posix", Between("rename", refuse))
    assert not orphans.clear(store, str(lock))
    assert (lock.exists(), notes(store)) == (True, [])


def test_the_command_clears_that_very_path(tmp_path: Path) -> None:
    lock = takers.lock(tmp_path / "it's $(mine)")
    subprocess.run(["sh", "-c", orphans.judge(None, str(lock)).command], check=True)
    assert not lock.exists()
