"""The reading side of the journal: nothing is counted twice, nothing is lost that need not be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neffcache import journal, journal_counts, journal_totals, locks

LIMIT = 4000
ODD_LINES = [
    b"",
    b"\0" * 100,
    b"not json",
    b'{"outcome": "hit_local"',
    b"[1, 2]",
    b'{"v": 1}',
    b'{"outcome": 7}',
    b"\xff\xfe\xfd",
    b'{"outcome": "hit_local", "saved_seconds": NaN}',
    b"[" * 100_000,
]


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "ROTATE_AT", LIMIT)


def write(directory: Path, outcome: str, **fields: float | str) -> None:
    record = journal.Record()
    record.outcome = outcome
    record.set(**fields)
    journal.append(str(directory), record)


def total(directory: Path) -> int:
    return sum(journal_totals.counts(str(directory)).outcomes.values())


def test_an_absent_journal_counts_nothing(tmp_path: Path) -> None:
    assert journal_totals.counts(str(tmp_path / "none")) == journal_counts.Counts()


def test_an_absent_journal_has_no_records(tmp_path: Path) -> None:
    assert list(journal_totals.records(str(tmp_path / "none"))) == []


def test_amounts_are_summed(tmp_path: Path) -> None:
    write(tmp_path, "hit_local", saved_seconds=2.5, bytes=10)
    write(tmp_path, "compiled", compile_seconds=4, bytes=20)
    found = journal_totals.counts(str(tmp_path))
    assert (found.saved_seconds, found.compile_seconds, found.bytes) == (2.5, 4.0, 30)


def test_notes_are_counted_beside_outcomes(tmp_path: Path) -> None:
    record = journal.Record()
    record.outcome = "compiled"
    record.note("remote_absent", "file:///x")
    record.note("no_locks")
    journal.append(str(tmp_path), record)
    assert journal_totals.counts(str(tmp_path)).notes == {"remote_absent": 1, "no_locks": 1}


def test_an_outcome_of_another_version_is_counted(tmp_path: Path) -> None:
    write(tmp_path, "hit_by_magic")
    assert journal_totals.counts(str(tmp_path)).outcomes == {"hit_by_magic": 1}


@pytest.mark.parametrize("line", ODD_LINES)
def test_foreign_lines_are_passed_over(tmp_path: Path, line: bytes) -> None:
    write(tmp_path, "hit_local")
    with open(tmp_path / journal.NAME, "ab") as file:
        file.write(line + b"\n")
    write(tmp_path, "hit_local")
    assert journal_totals.counts(str(tmp_path)).outcomes == {"hit_local": 2}


@pytest.mark.parametrize("value", ['"x"', "true", "1e300", "[]", "{}", "-1e999"])
def test_foreign_amounts_count_nothing(tmp_path: Path, value: str) -> None:
    line = f'{{"outcome": "hit_local", "bytes": {value}, "notes": {value}}}\n'
    (tmp_path / journal.NAME).write_text(line)
    found = journal_totals.counts(str(tmp_path))
    assert (found.outcomes, found.bytes, found.notes) == ({"hit_local": 1}, 0, {})


def test_records_run_over_both_files_newest_last(tmp_path: Path) -> None:
    for number in range(60):
        write(tmp_path, "compiled", detail=f"{number:060}")
    numbers = [int(record["detail"]) for record in journal_totals.records(str(tmp_path))]
    assert (tmp_path / journal.OLD).exists()
    assert numbers == list(range(numbers[0], 60))


def test_rotation_keeps_the_counts(tmp_path: Path) -> None:
    for _ in range(300):
        write(tmp_path, "hit_local", saved_seconds=1)
    found = journal_totals.counts(str(tmp_path))
    assert (found.outcomes, found.saved_seconds) == ({"hit_local": 300}, 300.0)
    assert (tmp_path / journal_totals.TOTALS).exists()


def test_the_journal_stays_small(tmp_path: Path) -> None:
    for _ in range(300):
        write(tmp_path, "hit_local")
    # The last line may have been the one that filled the file: then it is the old one already.
    sizes = [path.stat().st_size for path in tmp_path.glob(f"{journal.NAME}*")]
    assert 0 < max(sizes) < LIMIT + 200


def test_rotation_leaves_no_lock(tmp_path: Path) -> None:
    for _ in range(100):
        write(tmp_path, "hit_local")
    assert not (tmp_path / journal_totals.LOCK).exists()


def test_a_late_line_in_the_old_file_counts(tmp_path: Path) -> None:
    for _ in range(60):
        write(tmp_path, "hit_local")
    before = total(tmp_path)
    with open(tmp_path / journal.OLD, "ab") as file:
        file.write(b'{"outcome": "compiled"}\n')
    assert total(tmp_path) == before + 1


def test_zero_starts_anew(tmp_path: Path) -> None:
    write(tmp_path, "compiled", compile_seconds=3)
    journal_totals.zero(str(tmp_path))
    assert total(tmp_path) == 0
    write(tmp_path, "hit_local", saved_seconds=2)
    found = journal_totals.counts(str(tmp_path))
    assert (found.outcomes, found.saved_seconds, found.compile_seconds) == ({"hit_local": 1}, 2, 0)


def test_zero_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path, "compiled")
    journal_totals.zero(str(tmp_path))
    (tmp_path / journal_totals.ZERO).unlink()
    assert total(tmp_path) == 1


def test_zero_holds_over_rotations(tmp_path: Path) -> None:
    for _ in range(50):
        write(tmp_path, "compiled")
    journal_totals.zero(str(tmp_path))
    for _ in range(200):
        write(tmp_path, "hit_local")
    assert journal_totals.counts(str(tmp_path)).outcomes == {"hit_local": 200}


def test_zero_makes_no_directory(tmp_path: Path) -> None:
    journal_totals.zero(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"outcomes": 7}', '{"outcomes": {"x": "y"}}'])
def test_damaged_totals_are_no_totals(tmp_path: Path, text: str) -> None:
    write(tmp_path, "compiled")
    (tmp_path / journal_totals.TOTALS).write_text(text)
    assert journal_totals.counts(str(tmp_path)).outcomes["compiled"] == 1


def test_rotation_works_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: str) -> None:
        raise locks.NoLocks

    monkeypatch.setattr(locks, "try_lock", refuse)
    for _ in range(300):
        write(tmp_path, "hit_local")
    assert total(tmp_path) == 300
    assert (tmp_path / journal_totals.TOTALS).exists()


@pytest.mark.parametrize("name", [journal.NAME, journal.OLD])
def test_a_directory_in_the_journals_place_is_an_os_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(OSError, match="directory"):
        journal_totals.counts(str(tmp_path))


def test_a_pipe_in_the_journals_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / journal.NAME)
    assert list(journal_totals.records(str(tmp_path))) == []
