"""Unit: the table of outcomes and notes."""

from __future__ import annotations

import pytest

from neffcache import outcome

ROWS = outcome.OUTCOMES + outcome.NOTES


def test_no_id_stands_twice() -> None:
    names = [row[0] for row in ROWS]
    assert sorted(names) == sorted(set(names))


def test_ids_are_plain_words() -> None:
    assert [row[0] for row in ROWS if not row[0].replace("_", "").isalpha()] == []


def test_every_outcome_has_one_of_the_four_kinds() -> None:
    kinds = {outcome.HIT, outcome.MISS, outcome.BYPASS, outcome.ERROR}
    assert {outcome.kind(row[0]) for row in outcome.OUTCOMES} == kinds


def test_every_row_says_what_it_means() -> None:
    assert [row[0] for row in ROWS if len(outcome.words(row[0]).split()) < 3] == []


def test_an_unknown_id_is_an_error() -> None:
    with pytest.raises(KeyError):
        outcome.kind("no_such_id")
    with pytest.raises(KeyError):
        outcome.words("no_such_id")


def test_a_note_is_no_outcome() -> None:
    with pytest.raises(KeyError):
        outcome.kind(outcome.NOTES[0][0])
