"""Unit: whatever the order, two lines of different effect never read as the same options."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache import invocation

# One spelling of an option per row, with what it sets; written down here anew, on purpose.
ATOMS: list[tuple[tuple[str, ...], str, str]] = [
    (("--target", "trn1"), "target", "trn1"),
    (("--target=trn2",), "target", "trn2"),
    (("-O1",), "optlevel", "1"),
    (("-O", "2"), "optlevel", "2"),
    (("--optlevel=1",), "optlevel", "1"),
    (("--optlevel", "3"), "optlevel", "3"),
    (("-lnc", "1"), "lnc", "1"),
    (("--lnc=2",), "lnc", "2"),
    (("--logical-nc-config", "1"), "lnc", "1"),
    (("--model-type=transformer",), "model-type", "transformer"),
    (("--model-type", "unet-inference"), "model-type", "unet-inference"),
    (("--auto-cast", "none"), "auto-cast", "none"),
    (("--auto-cast=all",), "auto-cast", "all"),
    (("--native-int64",), "native-int64", "yes"),
    (("--enable-mixed-precision-accumulation",), "accumulation", "yes"),
    (("--disable-mixed-precision-accumulation",), "accumulation", "no"),
    (("--fast-math", "a", "b"), "fast-math", "a b"),
    (("--fast-math", "a"), "fast-math", "a"),
    (("--fast-math=b",), "fast-math", "b"),
    (("--internal-enable-dge-levels", "a", "b"), "dge", "a b"),
    (("--verbose", "debug"), "verbose", "debug"),
    (("--verbose=10",), "verbose", "10"),
    (("--verbose=35",), "verbose", ""),
    (("--verbose", "info"), "verbose", ""),
    (("--tensorizer-options=--x a",), "tensorizer", "--x a"),
    (("--tensorizer-options", "a"), "tensorizer", "a"),
]
# What never matters.
NEUTRAL = [
    ("--output", "x"),
    ("-o", "y"),
    ("--output=z",),
    ("--logfile=l",),
    ("--logfile", "m"),
    ("--temp-dir", "t"),
    ("--logfile-verbose=debug",),
]
Atom = tuple[tuple[str, ...], str, str]


@pytest.fixture(scope="module")
def cwd(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A working directory with a graph."""
    path = tmp_path_factory.mktemp("cwd")
    (path / "in.pb").write_bytes(b"graph")
    return str(path)


def _effect(atoms: list[Atom]) -> dict[str, str]:
    """What the options set in the end; a quiet verbosity is none at all."""
    made = {name: value for _words, name, value in atoms}
    return {name: value for name, value in made.items() if value}


def _read(cwd: str, words: list[str]) -> list[str]:
    return invocation.parse(["compile", "in.pb", *words], cwd).options


def _flat(atoms: list[Atom]) -> list[str]:
    return [word for words, _name, _value in atoms for word in words]


def test_no_two_short_lines_of_different_effect_read_alike(cwd: str) -> None:
    """Every sequence of up to three options: equal readings have one effect."""
    effects: dict[tuple[str, ...], dict[str, str]] = {}
    count = 0
    for length in range(4):
        for chosen in itertools.product(ATOMS, repeat=length):
            atoms = list(chosen)
            effect = _effect(atoms)
            seen = effects.setdefault(tuple(_read(cwd, _flat(atoms))), effect)
            assert seen == effect, _flat(atoms)
            count += 1
    assert count == sum(len(ATOMS) ** length for length in range(4))


@given(st.lists(st.sampled_from(ATOMS), max_size=8), st.lists(st.sampled_from(ATOMS), max_size=8))
def test_lines_of_different_effect_never_read_alike(
    cwd: str, one: list[Atom], other: list[Atom]
) -> None:
    if _effect(one) != _effect(other):
        assert _read(cwd, _flat(one)) != _read(cwd, _flat(other))


@given(st.permutations(ATOMS[:10]), st.permutations(ATOMS[:10]))
def test_reordered_lines_of_different_effect_never_read_alike(
    cwd: str, one: list[Atom], other: list[Atom]
) -> None:
    assert (_effect(one) == _effect(other)) or _read(cwd, _flat(one)) != _read(cwd, _flat(other))


@given(st.data(), st.lists(st.sampled_from(ATOMS), max_size=5))
def test_where_and_how_loudly_never_changes_the_reading(
    cwd: str, data: st.DataObject, atoms: list[Atom]
) -> None:
    """Neutral options may stand anywhere between the others."""
    groups = [words for words, _name, _value in atoms]
    for neutral in data.draw(st.lists(st.sampled_from(NEUTRAL), max_size=4)):
        groups.insert(data.draw(st.integers(0, len(groups))), neutral)
    mixed = [word for words in groups for word in words]
    assert _read(cwd, mixed) == _read(cwd, _flat(atoms))


@given(st.data(), st.lists(st.sampled_from(ATOMS), max_size=5))
def test_the_place_of_the_input_never_changes_the_reading(
    cwd: str, data: st.DataObject, atoms: list[Atom]
) -> None:
    """Except behind an option that takes many words, where it would be one of them."""
    open_ended = ("fast-math", "dge")
    at = data.draw(st.integers(0, len(atoms)))
    if at and atoms[at - 1][1] in open_ended:
        at = 0
    words = ["compile", *_flat(atoms[:at]), "in.pb", *_flat(atoms[at:])]
    assert invocation.parse(words, cwd).options == _read(cwd, _flat(atoms))


@given(st.lists(st.binary(max_size=6), max_size=8))
def test_any_words_are_understood_or_bypassed(cwd: str, words: list[bytes]) -> None:
    argv = [os.fsdecode(word.replace(b"\0", b"")) for word in words]
    try:
        call = invocation.parse(["compile", *argv], cwd)
    except invocation.Bypass:
        return
    assert call.argv == ["compile", *argv]
    assert Path(call.graph).exists()
