"""Unit: kernel locks exclude, end with their holder, and are never taken on a ghost."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from neffcache import locks
from unit import makers
from waiting import until

HOLD = """
import sys
from neffcache import locks
lock = locks.try_lock(sys.argv[1])
print("none" if lock is None else "held", flush=True)
sys.stdin.read()
"""
TRY = """
import sys
from neffcache import locks
print("none" if locks.try_lock(sys.argv[1]) is None else "held")
"""


def _take(path: Path) -> locks.Lock:
    lock = locks.try_lock(str(path))
    assert lock is not None
    return lock


def test_another_process_cannot_take_a_held_lock(tmp_path: Path) -> None:
    lock = _take(tmp_path / "lock")
    assert makers.run(TRY, str(tmp_path / "lock")) == "none"
    lock.release()
    assert makers.run(TRY, str(tmp_path / "lock")) == "held"


def test_the_same_process_cannot_take_it_twice(tmp_path: Path) -> None:
    lock = _take(tmp_path / "lock")
    assert locks.try_lock(str(tmp_path / "lock")) is None
    lock.release()


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with makers.start(HOLD, str(path)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert locks.try_lock(str(path)) is None
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        until(lambda: locks.try_lock(str(path)) is not None, 20)


def test_a_child_program_does_not_inherit_the_lock(tmp_path: Path) -> None:
    lock = _take(tmp_path / "lock")
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
        close_fds=False,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        lock.release(remove=False)
        _take(tmp_path / "lock").release()


def test_release_removes_the_file(tmp_path: Path) -> None:
    _take(tmp_path / "lock").release()
    assert os.listdir(tmp_path) == []


def test_release_can_leave_the_file(tmp_path: Path) -> None:
    _take(tmp_path / "lock").release(remove=False)
    assert os.listdir(tmp_path) == ["lock"]
    _take(tmp_path / "lock").release()


def test_a_lock_whose_file_was_removed_holds_off_nobody(tmp_path: Path) -> None:
    ghost = _take(tmp_path / "lock")
    os.unlink(tmp_path / "lock")
    real = _take(tmp_path / "lock")
    assert os.fstat(real.fd).st_ino != os.fstat(ghost.fd).st_ino
    real.release()
    ghost.release(remove=False)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_goes_between_open_and_lock_is_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    path = tmp_path / "lock"
    real_flock, calls = fcntl.flock, []

    def flock(fd: int, operation: int) -> None:
        real_flock(fd, operation)
        calls.append(fd)
        if len(calls) == 1:  # a releaser is just removing it
            path.unlink()
            if replaced:
                path.touch()

    monkeypatch.setattr(fcntl, "flock", flock)
    lock = _take(path)
    assert len(calls) == 2
    assert os.fstat(lock.fd).st_ino == path.stat().st_ino
    lock.release()


@pytest.mark.parametrize("number", [38, 37, 95, 22])
def test_a_file_system_without_locks_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(_fd: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(locks.NoLocks):
        locks.try_lock(str(tmp_path / "lock"))


def test_another_failure_of_flock_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_fd: int, _operation: int) -> None:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="input/output"):
        locks.try_lock(str(tmp_path / "lock"))


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = makers.open_files()
    lock = _take(tmp_path / "lock")
    assert locks.try_lock(str(tmp_path / "lock")) is None
    lock.release()
    assert makers.open_files() == before


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        locks.try_lock(str(tmp_path / "none" / "lock"))
