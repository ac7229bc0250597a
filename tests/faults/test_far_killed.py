"""Faults: kill -9 in each phase of an upload to a store or registry: all there, and once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from entries import key_of
from faults.far import Far
from faults.sending import Sending
from waiting import until

LARGE = 24 << 20  # more than goes in one request


@pytest.fixture
def host(tmp_path: Path, far: Far) -> Iterator[Sending]:
    made = Sending(tmp_path, far)
    yield made
    made.end()


def _at_once(host: Sending) -> None:
    until(host.uploaders)


def _before_the_look(host: Sending) -> None:
    host.far.proxy.fault(times=None, silence=True)
    until(host.far.proxy.requests)


def _while_the_bundle_goes(host: Sending) -> None:
    """Not a part of it has arrived, but a part of it has been sent."""
    rule = host.far.proxy.fault(
        host.far.pattern("upload"), "P(UT|ATCH)", times=None, upto=100_000, silence=True
    )
    until(lambda: any(one.received >= 100_000 for one in host.far.proxy.requests()))
    assert rule.hits


def _between_parts(host: Sending) -> None:
    """Some of it has arrived."""
    rule = host.far.proxy.fault(
        host.far.pattern("upload"), "P(UT|ATCH)", skip=1, times=None, upto=0, silence=True
    )
    until(lambda: rule.hits)


def _before_the_record(host: Sending) -> None:
    host.far.fault("record", "PUT", silence=True)
    until(lambda: host.far.asked("record", "PUT"))


def _behind_the_record(host: Sending) -> None:
    host.far.fault("record", "PUT", silence=True, after=True)
    until(lambda: host.far.holds(key_of("a")) is not None)


PHASES = [
    _at_once,
    _before_the_look,
    _while_the_bundle_goes,
    _between_parts,
    _before_the_record,
    _behind_the_record,
]


@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_each_phase_it_is_finished_by_the_next(
    host: Sending, phase: Callable[[Sending], None]
) -> None:
    markers = host.queue("a", data=os.urandom(LARGE))
    host.start(markers)
    phase(host)
    host.kill_uploaders()
    host.forget(markers[0])  # should the sender have died first
    host.far.proxy.mend()
    host.start(markers)
    host.until_empty()
    assert host.arrived("a")
    assert host.dead() == []


def test_killed_again_and_again_nothing_is_lost(host: Sending) -> None:
    words = [str(number) for number in range(12)]
    markers = host.queue(*words, data=os.urandom(1 << 20))
    for goal in range(0, 12, 3):
        host.start(markers)
        until(lambda: 12 - len(next(iter(host.waiting().values()), [])) > goal)  # noqa: B023
        host.kill_uploaders()
        host.forget(markers[0])  # should the sender have died first
    host.start(markers)
    host.until_empty()
    assert host.arrived(words)
    assert host.dead() == []
