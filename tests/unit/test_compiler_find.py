"""Unit: the real compiler on PATH, past the shims and past wrappers that call it again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from neffcache.compiler import find
from neffcache.errors import CompilerNotFound

SHIM = b"#!/bin/sh\n" + find.MARKER + b"1\nexec something\n"
REAL = b"#!/usr/bin/python3\nfrom neuronxcc.driver.CommandDriver import main\n"


def _place(directory: Path, content: bytes, mode: int = 0o755) -> str:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / find.PROGRAM
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def _path(*directories: Path | str) -> dict[bytes, bytes]:
    return {b"PATH": os.fsencode(":".join(map(str, directories)))}


@pytest.fixture
def shims(tmp_path: Path) -> Path:
    """A directory with a shim."""
    _place(tmp_path / "shims", SHIM)
    return tmp_path / "shims"


def test_the_first_compiler_behind_the_shim_is_found(tmp_path: Path, shims: Path) -> None:
    first = _place(tmp_path / "one", REAL)
    _place(tmp_path / "two", REAL)
    assert find.find(_path(shims, tmp_path / "one", tmp_path / "two"), "/") == first


def test_a_compiler_before_the_shim_counts_too(tmp_path: Path, shims: Path) -> None:
    """It was not found by name, or the shim would not run: somebody called the shim by its path."""
    first = _place(tmp_path / "one", REAL)
    assert find.find(_path(tmp_path / "one", shims), "/") == first


@pytest.mark.parametrize("kind", ["link", "hard link", "copy"])
def test_another_name_of_the_shim_is_passed_over(tmp_path: Path, shims: Path, kind: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    made: dict[str, Callable[[Path, Path], object]]
    made = {"link": os.symlink, "hard link": os.link, "copy": shutil.copy}
    made[kind](shims / find.PROGRAM, other / find.PROGRAM)
    real = _place(tmp_path / "real", REAL)
    assert find.find(_path(other, shims, tmp_path / "real"), "/") == real


def test_a_link_to_the_compiler_keeps_its_own_name(tmp_path: Path, shims: Path) -> None:
    """The compiler may look at the name it was called by."""
    real = _place(tmp_path / "real", REAL)
    (tmp_path / "linked").mkdir()
    os.symlink(real, tmp_path / "linked" / find.PROGRAM)
    environ = _path(shims, tmp_path / "linked", tmp_path / "real")
    assert find.candidates(environ, "/") == [str(tmp_path / "linked" / find.PROGRAM)]


def test_what_cannot_be_executed_is_passed_over(tmp_path: Path, shims: Path) -> None:
    _place(tmp_path / "plain", REAL, 0o644)
    (tmp_path / "folder" / find.PROGRAM).mkdir(parents=True)
    (tmp_path / "dangling").mkdir()
    os.symlink("gone", tmp_path / "dangling" / find.PROGRAM)
    (tmp_path / "file").write_bytes(b"")
    real = _place(tmp_path / "real", REAL)
    names = ("plain", "folder", "dangling", "file", "missing", "real")
    assert find.find(_path(shims, *(tmp_path / name for name in names)), "/") == real


@pytest.mark.parametrize("element", ["", ".", "sub/.."])
def test_relative_elements_of_path_start_at_the_working_directory(
    tmp_path: Path, shims: Path, element: str
) -> None:
    _place(tmp_path / "cwd", REAL)
    (tmp_path / "cwd" / "sub").mkdir()
    found = find.find(_path(shims, element), str(tmp_path / "cwd"))
    assert os.path.samefile(found, tmp_path / "cwd" / find.PROGRAM)


def test_a_path_that_is_no_text_is_walked(tmp_path: Path, shims: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff"
    _place(Path(os.fsdecode(odd)), REAL)
    found = find.find({b"PATH": os.fsencode(shims) + b":" + odd}, "/")
    assert os.fsencode(found) == odd + b"/neuronx-cc"


@pytest.mark.parametrize("environ", [{}, {b"PATH": b"/nonexistent"}])
def test_no_compiler_is_an_error_with_its_remedy(environ: dict[bytes, bytes]) -> None:
    with pytest.raises(CompilerNotFound, match=r"no neuronx-cc on PATH.*NEFFCACHE_COMPILER"):
        find.find(environ, "/nonexistent")


def test_only_shims_is_an_error(tmp_path: Path, shims: Path) -> None:
    _place(tmp_path / "copy", SHIM)
    with pytest.raises(CompilerNotFound, match="but the cache's own"):
        find.find(_path(shims, tmp_path / "copy"), "/")


def test_the_named_compiler_beats_path(tmp_path: Path, shims: Path) -> None:
    _place(tmp_path / "one", REAL)
    named = _place(tmp_path / "named", REAL)
    assert find.find(_path(shims, tmp_path / "one"), "/", named) == named


@pytest.mark.parametrize("kind", ["shim", "missing", "plain", "folder"])
def test_a_named_compiler_that_is_none_is_an_error(tmp_path: Path, shims: Path, kind: str) -> None:
    real = _place(tmp_path / "one", REAL)
    _place(tmp_path / "plain", REAL, 0o644)
    named = {
        "shim": str(shims / find.PROGRAM),
        "missing": str(tmp_path / "none"),
        "plain": str(tmp_path / "plain" / find.PROGRAM),
        "folder": str(tmp_path),
    }[kind]
    with pytest.raises(CompilerNotFound, match=r"NEFFCACHE_COMPILER=.* is not a compiler"):
        find.find(_path(Path(real).parent), "/", named)


def test_the_child_is_told_which_compilers_were_entered(tmp_path: Path) -> None:
    environ = {b"PATH": b"/x", b"A": b"\xff"}
    first = find.child_environment(environ, "/one")
    assert first == {**environ, find.ACTIVE: b"/one"}
    assert find.child_environment(first, "/two")[find.ACTIVE] == b"/one:/two"
    assert (find.is_nested(environ), find.is_nested(first)) == (False, True)
    assert environ == {b"PATH": b"/x", b"A": b"\xff"}
    assert tmp_path.exists()


def test_a_wrapper_that_calls_by_name_reaches_the_next_compiler(
    tmp_path: Path, shims: Path
) -> None:
    wrapper = _place(tmp_path / "wrapper", b'#!/bin/sh\nexec neuronx-cc "$@"\n')
    real = _place(tmp_path / "real", REAL)
    environ = _path(shims, tmp_path / "wrapper", tmp_path / "real")
    assert find.find(environ, "/") == wrapper
    inside = find.child_environment(environ, wrapper)
    assert find.find(inside, "/") == real


def test_a_compiler_that_calls_itself_finds_itself(tmp_path: Path, shims: Path) -> None:
    real = _place(tmp_path / "real", REAL)
    environ = _path(shims, tmp_path / "real")
    for _ in range(10):
        environ = find.child_environment(environ, real)
        assert find.find(environ, "/") == real


def test_a_circle_is_an_error(tmp_path: Path, shims: Path) -> None:
    wrapper = _place(tmp_path / "wrapper", b'#!/bin/sh\nexec neuronx-cc "$@"\n')
    environ = _path(shims, tmp_path / "wrapper")
    for _ in range(20):
        environ = find.child_environment(environ, find.find(environ, "/"))
    environ = find.child_environment(environ, wrapper)
    with pytest.raises(CompilerNotFound, match="recursive invocation"):
        find.find(environ, "/")


def test_the_marker_is_only_looked_for_near_the_top(tmp_path: Path) -> None:
    """A compiler whose code mentions the marker is no shim."""
    real = _place(tmp_path / "real", REAL + b"x" * 300 + find.MARKER)
    assert not find.is_shim(real)
    assert not find.is_shim(str(tmp_path / "none"))
    assert not find.is_shim(str(tmp_path))
