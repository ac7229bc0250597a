"""Unit: what is known of the compiler's options."""

from __future__ import annotations

import pytest

from neffcache import flags

GROUPS = (flags.WORD_VALUES, flags.OTHER_VALUES, flags.MANY_VALUES, flags.SWITCHES, flags.PLACES)


def test_no_option_is_of_two_kinds() -> None:
    assert sum(map(len, GROUPS)) == len(frozenset().union(*GROUPS))


@pytest.mark.parametrize(
    ("option", "value", "quiet"),
    [
        ("--verbose", "20", True),
        ("--verbose", "35", True),
        ("--verbose", "100", True),
        ("--verbose", "19", False),
        ("--verbose", "10", False),
        ("--verbose", "-35", False),
        ("--verbose", "3.5e1", False),
        ("--verbose", "\u0663\u0665", False),
        ("--verbose", "info", True),
        ("--verbose", "warning", True),
        ("--verbose", "error", True),
        ("--verbose", "critical", True),
        ("--verbose", "debug", False),
        ("--verbose", "INFO", False),
        ("--verbose", "user", False),
        ("--logfile-verbose", "debug", True),
        ("--logfile-verbose", "1", True),
        ("--optlevel", "35", False),
    ],
)
def test_what_only_says_how_loudly(option: str, value: str, quiet: bool) -> None:
    assert flags.is_quiet(option, value) is quiet


@pytest.mark.parametrize(
    "option",
    [
        "--out",
        "--outpu",
        "--l",
        "--log",
        "--verb",
        "--frame",
        "--enable-internal-neff",
        "-oX",
        "-op",
    ],
)
def test_what_may_hide_a_known_option(option: str) -> None:
    assert flags.may_abbreviate(option)


@pytest.mark.parametrize("option", sorted(flags.KNOWN))
def test_a_known_option_is_not_taken_for_an_abbreviation(option: str) -> None:
    assert not flags.may_abbreviate(option)


@pytest.mark.parametrize("option", ["--outputs", "--internal-x", "-O1", "-x", "--lncs"])
def test_what_hides_nothing(option: str) -> None:
    assert not flags.may_abbreviate(option)


def test_every_long_proper_prefix_of_a_known_option_may_hide_it() -> None:
    prefixes = {
        option[:end]
        for option in flags.KNOWN
        if option.startswith("--")
        for end in range(2, len(option))
    }
    missed = [prefix for prefix in prefixes - flags.KNOWN if not flags.may_abbreviate(prefix)]
    assert missed == []
