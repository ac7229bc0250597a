"""Unit: the journal as it is written: one line of JSON a call, whole whatever happens beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache import files, journal, journal_totals
from neffcache.journal import Record
from neffcache.key import Key, Part
from unit import makers

if TYPE_CHECKING:
    from neffcache.journal import Value

WRITER = """
import sys
from neffcache import journal
for number in range(200):
    record = journal.Record()
    record.outcome = "x" * 500
    record.set(writer=sys.argv[2], number=number)
    journal.append(sys.argv[1], record)
"""
texts = st.text() | st.binary().map(files.decode)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


def _lines(directory: Path) -> list[dict[str, object]]:
    text = (directory / journal.NAME).read_bytes()
    assert text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


@given(values)
def test_what_is_dumped_is_json(value: Value) -> None:
    assert json.loads(journal.dump(value)) == value


@given(values)
def test_what_is_dumped_is_one_line_of_ascii(value: Value) -> None:
    text = journal.dump(value)
    assert text.isascii()
    assert text.isprintable()


def test_a_record_says_what_when_and_who() -> None:
    record = Record()
    record.outcome = "some_outcome"
    found = json.loads(record.line())
    assert found["v"] == 1
    assert found["pid"] == os.getpid()
    assert found["outcome"] == "some_outcome"
    assert found["seconds"] >= 0
    assert found["time"] == pytest.approx(record.started, abs=0.001)
    assert "notes" not in found


def test_facts_and_notes_stand_beside_the_outcome() -> None:
    record = Record()
    record.set(graph="/x", bytes=7)
    record.set(bytes=8)
    record.note("some_note")
    record.note("other_note", "why")
    found = json.loads(record.line())
    assert (found["graph"], found["bytes"]) == ("/x", 8)
    assert found["notes"] == [["some_note"], ["other_note", "why"]]


def test_the_parts_of_a_key_are_readable() -> None:
    record = Record()
    record.set_parts(Key([Part("option", b"-O1"), Part("env X", b"\xff\n")]))
    assert json.loads(record.line())["parts"] == [["option", "-O1"], ["env X", "\\xff\n"]]


def test_words_that_are_no_text_survive() -> None:
    record = Record()
    word = files.decode(b'a\xff"\\\n\x7f\xc3\xa9\xf0\x9f\x98\x80')
    record.set(argv=[word])
    assert json.loads(record.line())["argv"] == [word]


def test_append_makes_the_directory_for_the_owner_alone(tmp_path: Path) -> None:
    journal.append(str(tmp_path / "a" / "journal"), Record())
    assert len(_lines(tmp_path / "a" / "journal")) == 1
    assert (tmp_path / "a" / "journal").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "journal" / journal.NAME).stat().st_mode & 0o777 == 0o600


def test_a_journal_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        journal.append(str(tmp_path / "file"), Record())


def test_lines_of_many_writers_are_never_mixed(tmp_path: Path) -> None:
    writers = [makers.start(WRITER, str(tmp_path), str(number)) for number in range(4)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    found = [(line["writer"], line["number"]) for line in _lines(tmp_path)]
    assert sorted(found, key=str) == sorted(
        ((str(writer), number) for writer in range(4) for number in range(200)), key=str
    )


def test_a_full_journal_is_handed_over_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[str] = []
    monkeypatch.setattr(journal_totals, "rotate", handed.append)
    monkeypatch.setattr(journal, "ROTATE_AT", 2 * len(Record().line()) + 20)
    for _ in range(2):
        journal.append(str(tmp_path), Record())
    assert handed == []
    record = Record()
    record.set(long="x" * 100)
    journal.append(str(tmp_path), record)
    assert handed == [str(tmp_path)]
