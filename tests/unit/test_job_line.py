"""The one line that a job ends with, and the counts of one job in the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from neffcache import journal, journal_totals
from neffcache.cli.job import line
from neffcache.jobs import Queued
from neffcache.journal_counts import Counts


def words(
    outcomes: dict[str, int] | None = None, queued: Queued | None = None, saved: float = 0.0
) -> str:
    made = Counts(outcomes=outcomes or {}, saved_seconds=saved)
    return line.words(made, queued or Queued(), lambda name: f"why {name}")


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({}, "0 hits, 0 compiled, 0 uploaded"),
        ({"hit_local": 1}, "1 hit (1 local, 0 remote), 0 compiled, 0 uploaded"),
        (
            {"hit_local": 4, "hit_waited": 5, "hit_remote": 1, "hit_native": 2},
            "12 hits (9 local, 3 remote), 0 compiled, 0 uploaded",
        ),
        ({"compiled": 2, "compiled_readonly": 1}, "0 hits, 3 compiled, 0 uploaded"),
        (
            {"compile_failed": 1, "compile_killed": 1, "compiled": 1},
            "0 hits, 1 compiled, 2 failed, 0 uploaded",
        ),
        ({"not_a_compile": 2}, "0 hits, 0 compiled, 2 passed on, 0 uploaded"),
        ({"required_hit_missing": 1}, "0 hits, 0 compiled, 1 error, 0 uploaded"),
        ({"of_another_version": 1}, "0 hits, 0 compiled, 0 uploaded"),
    ],
)
def test_each_kind_of_call_is_counted_once(outcomes: dict[str, int], said: str) -> None:
    assert words(outcomes) == said


def test_saved_time_stands_last() -> None:
    assert words({"hit_local": 1}, saved=2585).endswith(", 43 min 5 s saved")


def test_uploads_say_what_waits_and_why() -> None:
    queued = Queued()
    queued.sent = {"a", "b", "c", "d"}
    queued.waiting = [("r", "e")]
    assert words(queued=queued).endswith(" 4 uploaded (1 waits: why r)")
    queued.waiting += [("r", "a"), ("s", "e")]  # `a` is still to go to the other remote
    queued.refused = [("r", "f"), ("r", "b")]
    assert words(queued=queued).endswith(
        " 2 uploaded (2 wait: why r; 2 refused, see `neffcache stats`)"
    )


def _record(directory: Path, outcome: str, job: str = "", **fields: float) -> None:
    record = journal.Record()
    record.outcome = outcome
    record.set(**fields)
    if job:
        record.set(job=job)
    journal.append(str(directory), record)


def test_only_the_lines_of_a_job_are_counted(tmp_path: Path) -> None:
    _record(tmp_path, "hit_local", saved_seconds=1)
    _record(tmp_path, "hit_local", "a@1", saved_seconds=2)
    _record(tmp_path, "compiled", "a@1")
    _record(tmp_path, "hit_local", "a@12", saved_seconds=4)
    found = journal_totals.of_job(str(tmp_path), "a@1")
    assert (found.outcomes, found.saved_seconds) == ({"hit_local": 1, "compiled": 1}, 2)


def test_the_old_half_of_the_journal_counts_too(tmp_path: Path) -> None:
    _record(tmp_path, "hit_local", 'quo"ted ä')
    (tmp_path / journal.NAME).rename(tmp_path / journal.OLD)
    _record(tmp_path, "compiled", 'quo"ted ä')
    found = journal_totals.of_job(str(tmp_path), 'quo"ted ä')
    assert found.outcomes == {"hit_local": 1, "compiled": 1}


def test_without_a_journal_nothing_is_counted(tmp_path: Path) -> None:
    assert journal_totals.of_job(str(tmp_path), "a@1") == Counts()
