"""How two keys differ."""

from __future__ import annotations

import hashlib

import pytest

from neffcache.cli import parts
from neffcache.cli.parts import Part


def part(label: str, text: str, *, hidden: bool = False) -> Part:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Part(label, None if hidden else text, digest)


def words(stored: list[Part], now: list[Part]) -> list[str]:
    return [found.words for found in parts.differences(stored, now)]


BASE = [part("graph", "g"), part("option", "-O1"), part("option", "-x"), part("env A", "1")]


def test_equal_keys_do_not_differ() -> None:
    assert words(BASE, list(BASE)) == []


def test_a_digest_equals_its_text() -> None:
    assert words([part("env A", "1", hidden=True)], [part("env A", "1")]) == []


def test_texts_without_a_digest_of_their_own_are_compared() -> None:
    """What is not UTF-8 stands escaped in the journal; its digest is of the bytes."""
    [shown] = parts.from_journal([["env A", "\\xff"]])
    assert shown.same(Part("env A", "\\xff", "f" * 64))


@pytest.mark.parametrize(
    ("stored", "now", "said"),
    [
        ([], [part("env A", "1")], "env A: 1 now, not set in the stored entry"),
        ([part("env A", "1")], [], "env A: not set now, 1 in the stored entry"),
        ([part("option", "-O1")], [part("option", "-O2")],
         "option: -O2 now, -O1 in the stored entry"),
        ([], [part("option", "-O2")], "option: -O2 now, absent in the stored entry"),
        ([part("graph", "a")], [part("graph", "b")],
         "the graph itself: b now, a in the stored entry"),
        ([part("x", "a\nb\nc")], [part("x", "a\nd\nc")], "x: d now, b in the stored entry"),
        ([part("option", "-a"), part("option", "-b")], [part("option", "-b"), part("option", "-a")],
         "option: the same ones in another order"),
    ],
)  # fmt: skip
def test_a_difference_in_words(stored: list[Part], now: list[Part], said: str) -> None:
    assert words(stored, now) == [said]


def test_a_repeated_option_counts() -> None:
    twice = [part("option", "-x"), part("option", "-x")]
    assert len(words(twice[:1], twice)) == 1


def test_only_what_differs_is_named() -> None:
    now = [*BASE[:1], part("option", "-O2"), *BASE[2:]]
    assert words(BASE, now) == ["option: -O2 now, -O1 in the stored entry"]


@pytest.mark.parametrize("rows", [None, 7, "x", {}, [7], [["a"]], [["a", 1]], [["a", "b", "c"]]])
def test_malformed_journal_parts_are_left_out(rows: object) -> None:
    assert parts.from_journal(rows) == []


def test_texts_are_taken_from_the_journal() -> None:
    hidden = part("env A", "1", hidden=True)
    assert parts.with_texts([hidden], [part("env A", "1"), part("env A", "2")]) == [BASE[3]]
