"""Several at once: begun in order, waited for, and none begun behind one that failed."""

from __future__ import annotations

import threading

import pytest

from neffcache.sync import lanes
from waiting import until

NAMES = [f"{number:02}" for number in range(12)]


class Work:
    """Says who has begun and who has ended; what is held waits to be let go."""

    def __init__(self, *, hold: bool = False, bad: tuple[str, ...] = ()) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.go = threading.Event()
        self._bad = bad
        if not hold:
            self.go.set()

    def __call__(self, name: str) -> None:
        self.begun.append(name)
        if name in self._bad:
            raise ValueError(name)
        assert self.go.wait(30)
        self.ended.append(name)


def in_background(work: Work, count: int) -> tuple[threading.Thread, list[str]]:
    """Run it in another thread: that, and where the names of those that failed come."""
    failed: list[str] = []
    thread = threading.Thread(
        target=lambda: failed.extend(name for name, _problem in lanes.each(work, NAMES, count))
    )
    thread.start()
    return thread, failed


@pytest.mark.parametrize("count", [0, 1, 3, 4, 99])
def test_all_are_done_once(count: int) -> None:
    work = Work()
    assert lanes.each(work, NAMES, count) == []
    assert sorted(work.ended) == NAMES


def test_one_lane_keeps_the_order() -> None:
    work = Work()
    lanes.each(work, NAMES, 1)
    assert work.ended == NAMES


@pytest.mark.parametrize(("count", "most"), [(1, 1), (3, 3), (99, lanes.MOST)])
def test_the_first_ones_are_under_way_at_once_and_no_more(count: int, most: int) -> None:
    work = Work(hold=True)
    thread, _failed = in_background(work, count)
    until(lambda: len(work.begun) == most)
    assert sorted(work.begun) == NAMES[:most]
    work.go.set()
    thread.join(30)
    assert sorted(work.ended) == NAMES


def test_behind_one_that_failed_none_is_begun_and_those_under_way_are_waited_for() -> None:
    work = Work(hold=True, bad=("02",))
    thread, failed = in_background(work, 4)
    until(lambda: len(work.begun) >= 4)
    assert thread.is_alive()
    work.go.set()
    thread.join(30)
    assert failed == ["02"]
    # One may have begun in the place of the one that failed, before that was seen.
    assert len(work.begun) <= 6
    assert sorted([*work.ended, "02"]) == sorted(work.begun)


def test_several_that_fail_are_told_in_order() -> None:
    work = Work(bad=tuple(NAMES))
    found = lanes.each(work, NAMES, 4)
    assert [name for name, _problem in found] == sorted(work.begun)
    assert all(isinstance(problem, ValueError) for _name, problem in found)
