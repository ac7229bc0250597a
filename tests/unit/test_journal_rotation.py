"""Rotation of the journal: with many writers, killed in the middle, read from meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from neffcache import journal, journal_totals, locks

LIMIT = 4000


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "ROTATE_AT", LIMIT)


def write(directory: Path, outcome: str, **fields: str) -> None:
    record = journal.Record()
    record.outcome = outcome
    record.set(**fields)
    journal.append(str(directory), record)


def total(directory: Path) -> int:
    return sum(journal_totals.counts(str(directory)).outcomes.values())


def test_a_file_that_is_still_written_to_is_not_given_up(tmp_path: Path) -> None:
    for _ in range(60):
        write(tmp_path, "hit_local")
    with open(tmp_path / journal.OLD, "ab") as late:
        for _ in range(60):
            write(tmp_path, "hit_local")
        late.write(b'{"outcome": "hit_local"}\n')
    for _ in range(60):
        write(tmp_path, "hit_local")
    assert total(tmp_path) == 181
    assert (tmp_path / journal_totals.TOTALS).exists()


def test_a_writer_that_never_lets_go_does_not_stop_rotation(tmp_path: Path) -> None:
    for _ in range(60):
        write(tmp_path, "hit_local")
    with open(tmp_path / journal.OLD, "ab"):
        for _ in range(300):
            write(tmp_path, "hit_local")
    assert total(tmp_path) == 360
    assert (tmp_path / journal.NAME).stat().st_size < LIMIT * 5


def test_a_rotation_elsewhere_is_left_alone(tmp_path: Path) -> None:
    held = locks.try_lock(str(tmp_path / journal_totals.LOCK))
    assert held is not None
    for _ in range(60):
        write(tmp_path, "hit_local")
    assert not (tmp_path / journal.OLD).exists()
    held.release()


KILLED = """
import os, sys
from neffcache import files, journal, journal_totals
journal.ROTATE_AT = {limit}
step = [0]
def dying(real):
    def call(*words, **named):
        step[0] += 1
        if step[0] == {at}:
            os.kill(os.getpid(), 9)
        return real(*words, **named)
    return call
files.posix = type("P", (), dict(vars(__import__("posix"))))
for name in ("open", "rename", "fsync", "write"):
    setattr(files.posix, name, staticmethod(dying(getattr(files.posix, name))))
os.rename = dying(os.rename)
journal_totals.rotate(sys.argv[1])
print(step[0])
"""


def _prepare(directory: Path) -> None:
    """Two full files, 60 lines counted so far, a rotation due."""
    for name in (journal.OLD, journal.NAME):
        lines = [json.dumps({"outcome": "hit_local", "time": n, "f": name}) for n in range(80)]
        (directory / name).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("at", range(1, 14))
def test_a_killed_rotation_counts_nothing_twice(tmp_path: Path, at: int) -> None:
    _prepare(tmp_path)
    script = KILLED.format(limit=100, at=at)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    assert total(tmp_path) == 160
    journal_totals.rotate(str(tmp_path))
    write(tmp_path, "hit_local")
    assert total(tmp_path) == 161
    for _ in range(100):
        write(tmp_path, "hit_local")
    assert total(tmp_path) == 261


def test_the_killing_above_reaches_every_step(tmp_path: Path) -> None:
    _prepare(tmp_path)
    script = KILLED.format(limit=100, at=0)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert 0 < int(done.stdout) < 14


APPEND = """
import sys
from neffcache import journal
journal.ROTATE_AT = {limit}
for _ in range({times}):
    record = journal.Record()
    record.outcome = "hit_local"
    journal.append(sys.argv[1], record)
"""


def test_many_writers_rotate_without_loss(tmp_path: Path) -> None:
    script = APPEND.format(limit=LIMIT * 5, times=1000)
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen(command) for _ in range(4)]
    seen = []
    while any(process.poll() is None for process in running):
        seen.append(total(tmp_path))
    assert [process.wait() for process in running] == [0] * 4
    assert total(tmp_path) == 4000
    assert seen == sorted(seen)


def test_reading_while_rotating_shows_each_line_once(tmp_path: Path) -> None:
    done = threading.Event()

    def work() -> None:
        for number in range(2000):
            write(tmp_path, "compiled", detail=str(number))
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    while not done.is_set():
        numbers = [int(record["detail"]) for record in journal_totals.records(str(tmp_path))]
        assert numbers == sorted(set(numbers))
    worker.join()
