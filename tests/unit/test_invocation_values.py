"""Unit: option values that name files or directories, whole or in part."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neffcache import invocation
from neffcache.invocation import Bypass, Invocation


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A working directory with a graph, two files and a directory."""
    for name in ("in.pb", "one", "two"):
        (tmp_path / name).write_bytes(b"content")
    (tmp_path / "folder").mkdir()
    return tmp_path


def _parse(cwd: Path, *words: str) -> Invocation:
    argv = ["compile", "--target=trn1", "in.pb", *words]
    return invocation.parse([word.format(d=cwd) for word in argv], str(cwd))


TENSORIZER = "--tensorizer-options"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--unknown={d}/one"], ["one"]),
        (["--unknown=one"], ["one"]),
        (["--unknown=./one"], ["./one"]),
        ([TENSORIZER, "{d}/one"], ["one"]),
        ([f"{TENSORIZER}=--x={{d}}/one --y"], ["one"]),
        ([f"{TENSORIZER}='--x={{d}}/one --y'"], ["one"]),
        ([f"{TENSORIZER}=--x=one --y"], ["one"]),
        ([f'{TENSORIZER}=--x="{{d}}/one",{{d}}/two;--y'], ["one", "two"]),
        (["--unknown=a:{d}/two:{d}/one"], ["two", "one"]),
        (["--unknown={d}/one={d}/one"], ["one"]),
        (["--io-config", "{d}/one", "--tfpb=two"], ["one", "two"]),
        (["--unknown={d}/missing"], []),
        (["--model-type=one"], []),
        (["--target", "one"], []),
    ],
)
def test_files_named_by_values(cwd: Path, words: list[str], named: list[str]) -> None:
    found = [path for _option, path in _parse(cwd, *words).named_files]
    assert [os.path.relpath(path, cwd) for path in found] == [os.path.relpath(p) for p in named]


def test_a_named_file_is_listed_under_its_option(cwd: Path) -> None:
    call = _parse(cwd, "--unknown=one", "--io-config=two")
    assert [option for option, _path in call.named_files] == ["--unknown", "--io-config"]


@pytest.mark.parametrize("option", ["--io-config", "--tfpb"])
def test_the_path_of_a_documented_file_is_not_an_option(cwd: Path, option: str) -> None:
    here, there = _parse(cwd, option, "{d}/one"), _parse(cwd, f"{option}=two")
    assert here.options == there.options == ["--target=trn1", option]


def test_a_documented_file_that_is_missing_stays_as_text(cwd: Path) -> None:
    assert _parse(cwd, "--io-config", "none").options == ["--target=trn1", "--io-config=none"]


def test_the_text_of_any_other_value_stays(cwd: Path) -> None:
    assert _parse(cwd, "--unknown={d}/one").options[1:] == [f"--unknown={cwd}/one"]


def test_the_order_of_named_files_is_kept(cwd: Path) -> None:
    """The right-most one wins, so which one comes last decides the result."""
    first = _parse(cwd, "--io-config", "one", "--io-config", "two").named_files
    last = _parse(cwd, "--io-config", "two", "--io-config", "one").named_files
    assert first == last[::-1]
    assert first != last


@pytest.mark.parametrize(
    "word",
    [
        "--unknown={d}/folder",
        "--unknown=folder",
        "--io-config={d}/folder",
        f"{TENSORIZER}=--x={{d}}/folder --y",
        "--unknown={d}/one,{d}/folder",
        "--unknown=/dev/null",
    ],
)
def test_a_value_that_is_no_plain_file_is_not_for_the_cache(cwd: Path, word: str) -> None:
    with pytest.raises(Bypass) as caught:
        _parse(cwd, word)
    assert caught.value.outcome == "value_is_directory"


def test_a_value_that_is_a_link_to_a_file_names_it(cwd: Path) -> None:
    (cwd / "link").symlink_to("one")
    assert len(_parse(cwd, "--unknown=link").named_files) == 1
