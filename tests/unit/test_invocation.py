"""Unit: command lines understood, and those whose meaning is not certain."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neffcache import invocation
from neffcache.invocation import Bypass, Invocation

START = ("compile", "--framework=XLA", "--target=trn1")


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A working directory with two graphs."""
    for name in ("in.pb", "other.pb"):
        (tmp_path / name).write_bytes(b"graph")
    return tmp_path


def _parse(cwd: Path, *words: str) -> Invocation:
    return invocation.parse(list(words), str(cwd))


def _options(cwd: Path, *words: str) -> list[str]:
    """What is kept of some options of an otherwise plain compile."""
    return _parse(cwd, *START, "in.pb", *words).options[2:]


def _refusal(cwd: Path, *words: str) -> tuple[str, str]:
    with pytest.raises(Bypass) as caught:
        _parse(cwd, *words)
    return caught.value.outcome, caught.value.detail


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("-O1", ["--optlevel=1"]),
        ("-O 1", ["--optlevel=1"]),
        ("--optlevel=1", ["--optlevel=1"]),
        ("--optlevel 1", ["--optlevel=1"]),
        ("-lnc 2", ["--logical-nc-config=2"]),
        ("--lnc 2", ["--logical-nc-config=2"]),
        ("--logical-nc-config 2", ["--logical-nc-config=2"]),
        ("-O1 -O2 -O1", ["--optlevel=1", "--optlevel=2", "--optlevel=1"]),
        ("--model-type a --model-type b", ["--model-type=a", "--model-type=b"]),
        ("--internal-enable-dge-levels a b -x", ["--internal-enable-dge-levels", *"ab", "-x"]),
        ("--fast-math x y --lnc=1", ["--fast-math", "x", "y", "--logical-nc-config=1"]),
        ("--pipeline compile -O1", ["--pipeline", "compile", "--optlevel=1"]),
        ("--jobs 8 --num-parallel-jobs=4", ["--jobs=8", "--num-parallel-jobs=4"]),
        ("--unknown", ["--unknown"]),
        ("--unknown value", ["--unknown", "value"]),
        ("--unknown=value", ["--unknown=value"]),
        ("--unknown a b -x c", ["--unknown", "a", "b", "-x", "c"]),
        ("--native-int64 -O1 --native-int64", ["--native-int64", "--optlevel=1", "--native-int64"]),
        ("--native-int64=no", ["--native-int64=no"]),
    ],
)  # fmt: skip
def test_options_are_kept_in_order(cwd: Path, words: str, kept: list[str]) -> None:
    assert _options(cwd, *words.split()) == kept


@pytest.mark.parametrize(
    "words",
    [
        "--output x.neff",
        "--output=x.neff",
        "-o x.neff",
        "--logfile x.log",
        "--logfile=x.log",
        "--temp-dir /tmp/x",
        "--temp-dir=x",
        "--verbose=35",
        "--verbose 20",
        "--verbose info",
        "--logfile-verbose debug",
        "--verbose=35 --verbose=critical",
    ],
)
def test_where_and_how_loudly_is_left_out(cwd: Path, words: str) -> None:
    assert _options(cwd, *words.split()) == []


@pytest.mark.parametrize("value", ["10", "19", "debug", "user", "-1"])
def test_a_verbosity_that_may_change_the_result_is_kept(cwd: Path, value: str) -> None:
    assert _options(cwd, f"--verbose={value}") == [f"--verbose={value}"]


def test_a_quiet_verbosity_after_a_loud_one_is_kept(cwd: Path) -> None:
    """The right-most one wins, so without it the call would read as the loud one."""
    loud = _options(cwd, "--verbose=debug")
    assert _options(cwd, "--verbose=debug", "--verbose=35") != loud
    assert _options(cwd, "--verbose=35", "--verbose=debug") == loud


def test_the_right_most_place_wins(cwd: Path) -> None:
    call = _parse(cwd, *START, "in.pb", "--output", "a", "-o", "b", "--logfile=c", "--logfile", "d")
    assert (call.output, call.logfile) == (str(cwd / "b"), str(cwd / "d"))


def test_flags_before_the_subcommand_count(cwd: Path) -> None:
    call = _parse(cwd, "--target", "trn2", "--verbose=35", "compile", "in.pb", "-O1")
    assert (call.options, call.target) == (["--target=trn2", "--optlevel=1"], True)


def test_an_unknown_bare_flag_before_the_subcommand_is_not_certain(cwd: Path) -> None:
    outcome, detail = _refusal(cwd, "--unknown", "compile", "in.pb")
    assert (outcome, "--unknown" in detail) == ("bad_command_line", True)


def test_a_directory_may_be_called_compile(cwd: Path) -> None:
    (cwd / "compile").mkdir()
    assert _parse(cwd, "compile", "compile", "--target=trn1").graph == str(cwd / "compile")
    assert _options(cwd, "--pipeline", "compile") == ["--pipeline", "compile"]


def test_a_missing_bare_word_is_a_value_and_not_the_input(cwd: Path) -> None:
    call = _parse(cwd, *START, "missing", "in.pb")
    assert (call.graph, call.options[2:]) == (str(cwd / "in.pb"), ["missing"])


def test_the_input_after_an_unknown_flag_keeps_its_place(cwd: Path) -> None:
    """Whether it is that flag's value is not known, so it must not read as a flag without one."""
    after = _parse(cwd, *START, "--unknown", "in.pb")
    before = _parse(cwd, *START, "in.pb", "--unknown")
    assert after.graph == before.graph
    assert after.options != before.options


def test_a_value_before_and_after_the_input_is_told_apart(cwd: Path) -> None:
    before = _parse(cwd, *START, "--unknown", "a", "in.pb").options
    after = _parse(cwd, *START, "--unknown", "in.pb", "a").options
    assert before != after


def test_many_values_swallow_the_input(cwd: Path) -> None:
    assert _refusal(cwd, *START, "--fast-math", "x", "in.pb")[0] == "no_input"


def test_a_joined_first_of_many_values_is_not_the_same_as_a_separate_one(cwd: Path) -> None:
    joined = _options(cwd, "--fast-math=x", "y")
    assert joined == ["--fast-math=x", "y"]
    assert joined != _options(cwd, "--fast-math", "x", "y")


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("", "not_a_compile"),
        ("--target=trn1", "not_a_compile"),
        ("list-operators", "not_a_compile"),
        ("in.pb", "not_a_compile"),
        ("--version", "not_a_compile"),
        ("-V", "not_a_compile"),
        ("-h", "not_a_compile"),
        ("--help", "not_a_compile"),
        ("compile --help", "not_a_compile"),
        ("compile in.pb --target=trn1 --help", "not_a_compile"),
        ("compile in.pb --help-hidden", "not_a_compile"),
        ("compile --query-compute-placement in.pb", "not_a_compile"),
        ("--query-compute-placement in.pb", "not_a_compile"),
        ("compile", "no_input"),
        ("compile missing.pb", "no_input"),
        ("compile in.pb other.pb", "several_inputs"),
        ("compile in.pb in.pb", "several_inputs"),
        ("compile in.pb --unknown other.pb", "several_inputs"),
        ("compile in.pb --pipeline codegen", "special_pipeline"),
        ("compile in.pb --pipeline compile SaveTemps", "special_pipeline"),
        ("compile in.pb --pipeline=SaveTemps", "special_pipeline"),
        ("compile in.pb --pipeline", "special_pipeline"),
        ("compile in.pb --print-nki", "debug_mode"),
        ("compile in.pb --print-nki=x", "debug_mode"),
        ("compile in.pb --dump-all", "debug_mode"),
        ("compile in.pb --debug", "debug_mode"),
        ("compile in.pb --out x", "abbreviated_option"),
        ("compile in.pb --out=x", "abbreviated_option"),
        ("compile in.pb --verb 35", "abbreviated_option"),
        ("compile in.pb --logf=x", "abbreviated_option"),
        ("compile in.pb -oX", "abbreviated_option"),
        ("--targ=trn1 compile in.pb", "abbreviated_option"),
        ("compile -- in.pb", "bad_command_line"),
        ("compile @flags in.pb", "bad_command_line"),
        ("compile in.pb --output", "bad_command_line"),
        ("compile in.pb --output=", "bad_command_line"),
        ("compile in.pb --output --target=trn1", "bad_command_line"),
        ("compile in.pb --model-type", "bad_command_line"),
        ("compile in.pb --enable-internal-neff-wrapper=1", "bad_command_line"),
    ],
)
def test_what_is_not_for_the_cache(cwd: Path, words: str, outcome: str) -> None:
    assert _refusal(cwd, *words.split())[0] == outcome


@pytest.mark.parametrize(
    "words", [("",), ("--output", ""), ("--model-type", ""), ("--unknown", "")]
)
def test_an_empty_word_is_not_certain(cwd: Path, words: tuple[str, ...]) -> None:
    assert _refusal(cwd, *START, "in.pb", *words)[0] == "bad_command_line"


def test_a_single_dash_is_a_bare_word(cwd: Path) -> None:
    assert _options(cwd, "-") == ["-"]


def test_words_that_are_no_text_are_kept_as_they_are(cwd: Path) -> None:
    name = os.fsdecode(b"gr\xff.pb")
    (cwd / name).write_bytes(b"graph")
    value = os.fsdecode(b"--unknown=\xfe")
    call = _parse(cwd, *START, name, value, "--output", os.fsdecode(b"\xfd"))
    assert (call.graph, call.options[2:]) == (str(cwd / name), [value])
    assert call.output == str(cwd / os.fsdecode(b"\xfd"))


def test_a_null_byte_in_a_value_is_no_file(cwd: Path) -> None:
    assert _options(cwd, "--unknown=a\0b") == ["--unknown=a\0b"]


@pytest.mark.parametrize(
    "spellings",
    [
        ("-O1", "-O 1", "--optlevel 1", "--optlevel=1"),
        ("-lnc 2", "--lnc 2", "--lnc=2", "--logical-nc-config 2", "--logical-nc-config=2"),
        ("--target trn1", "--target=trn1"),
    ],
)
def test_documented_spellings_mean_one_thing(cwd: Path, spellings: tuple[str, ...]) -> None:
    assert len({tuple(_options(cwd, *words.split())) for words in spellings}) == 1


@pytest.mark.parametrize("word", ["-lnc=1", "-O=1", "-O1x", "-Os"])
def test_undocumented_spellings_stay_as_they_are(cwd: Path, word: str) -> None:
    assert _options(cwd, word) == [word]


def test_what_a_short_output_with_an_equals_sign_means_is_not_certain(cwd: Path) -> None:
    with pytest.raises(Bypass):
        _parse(cwd, "compile", "in.pb", "-o=x")
