"""Words for people; nothing of a foreign text moves a terminal."""

from __future__ import annotations

import unicodedata

import pytest

from neffcache.cli import text

NASTY = ["\x1b[31mred", "a\rb", "a\nb", "\x07", "\x7f", "\x9b31m", "\u202eabc", "\u2028", "\udcff",
         "\ud800", "\u200b", "\0"]  # fmt: skip


@pytest.mark.parametrize("nasty", NASTY)
def test_safe_leaves_only_printable_characters(nasty: str) -> None:
    made = text.safe(nasty)
    assert not any(unicodedata.category(char).startswith("C") for char in made)
    assert made.encode()


@pytest.mark.parametrize("plain", ["", "plain", "naïve 日本語", "a\\b"])
def test_safe_leaves_text_alone(plain: str) -> None:
    assert text.safe(plain) == plain


def test_a_byte_that_is_no_text_is_shown_as_one() -> None:
    assert text.safe("a\udcffb") == "a\\xffb"


def test_short_cuts_in_the_middle() -> None:
    made = text.short("a" * 500 + "b" * 500, 101)
    assert (len(made), made[0], made[-1]) == (101, "a", "b")


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 B"), (999, "999 B"), (1536, "1.5 KB"), (12 << 10, "12 KB"), (50 << 30, "50 GB")],
)
def test_sizes(number: int, words: str) -> None:
    assert text.size(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0.00 s"), (12, "12 s"), (303, "5 min 3 s"), (7440, "2 h 4 min"), (90000, "1 d 1 h")],
)
def test_durations(number: float, words: str) -> None:
    assert text.seconds(number) == words


@pytest.mark.parametrize("when", [0, -1, 1e30, float("nan"), float("inf")])
def test_a_time_out_of_range_is_left_out(when: float) -> None:
    assert text.moment(when) == ""


def test_columns_line_up() -> None:
    assert text.table([("a", "bb", "c"), ("aaa", "b", "c")]) == ["  a    bb  c", "  aaa  b   c"]
