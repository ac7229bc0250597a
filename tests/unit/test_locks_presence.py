"""Unit: knowing afterwards whether one was alone at a place."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from neffcache import locks
from unit import makers

PASS_BY = """
import sys
from neffcache import locks
found = locks.attend(sys.argv[1])
found.leave()
"""
DIE = """
import os, sys
from neffcache import locks
locks.attend(sys.argv[1])
os.kill(os.getpid(), 9)
"""


def _attend(path: Path) -> locks.Presence:
    found = locks.attend(str(path))
    assert found is not None
    return found


def test_who_was_alone_met_nobody(tmp_path: Path) -> None:
    me = _attend(tmp_path / "place")
    assert not me.met()
    me.leave()
    assert os.listdir(tmp_path) == []


def test_two_at_once_both_know(tmp_path: Path) -> None:
    one = _attend(tmp_path / "place")
    other = _attend(tmp_path / "place")
    assert (one.met(), other.met()) == (True, True)
    one.leave()
    assert other.met()
    other.leave()
    assert os.listdir(tmp_path) == []


def test_one_who_came_and_went_is_known_of(tmp_path: Path) -> None:
    me = _attend(tmp_path / "place")
    makers.run(PASS_BY, str(tmp_path / "place"))
    assert me.met()
    me.leave()


def test_one_after_the_other_do_not_meet(tmp_path: Path) -> None:
    for _ in range(3):
        me = _attend(tmp_path / "place")
        assert not me.met()
        me.leave()


def test_what_a_killed_one_left_is_not_met(tmp_path: Path) -> None:
    with makers.start(DIE, str(tmp_path / "place")) as process:
        process.wait()
    me = _attend(tmp_path / "place")
    assert not me.met()
    me.leave()
    assert os.listdir(tmp_path) == []


def test_a_place_whose_file_went_away_is_not_trusted(tmp_path: Path) -> None:
    me = _attend(tmp_path / "place")
    os.unlink(tmp_path / "place")
    assert me.met()
    me.leave()


def test_without_locks_a_meeting_is_still_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_fd: int, _operation: int) -> None:
        raise OSError(38, "not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    one = _attend(tmp_path / "place")
    assert not one.met()
    other = _attend(tmp_path / "place")
    assert (one.met(), other.met()) == (True, True)
    one.leave()
    other.leave()


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = makers.open_files()
    one, other = _attend(tmp_path / "place"), _attend(tmp_path / "place")
    one.leave()
    other.leave()
    assert makers.open_files() == before
