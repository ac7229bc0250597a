"""Behind the command of a job: who may end the waiting, and who only repeats himself."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from entries import settings
from neffcache.cli.job import ending
from neffcache.cli.job.flushing import Flush
from neffcache.cli.job.guard import Guard
from neffcache.jobs import Queued


class Flushing:
    """Done at the fifth look; before the third a signal comes."""

    def __init__(self, *signals: signal.Signals) -> None:
        self.signals = signals
        self.begun = self.looks = 0

    def begin(self) -> None:
        self.begun += 1

    def is_done(self) -> bool:
        self.looks += 1
        if self.looks == 2:
            for number in self.signals:
                signal.raise_signal(number)
        return self.looks == 5

    def look(self) -> Queued:
        return Queued()


@pytest.fixture(autouse=True)
def _all_wait() -> Iterator[None]:
    """Signals that a job waits for, as it blocks them; none is left when the test ends."""
    numbers = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    yield
    while signal.sigtimedwait(numbers, 0):
        pass
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture
def made() -> Callable[[Flushing], ending.Ending]:
    return lambda flush: ending.Ending(
        settings(flush_timeout="600", grace="600"), cast(Flush, flush), Guard(strict=True)
    )


def test_it_waits_until_all_is_sent(made: Callable[[Flushing], ending.Ending]) -> None:
    flush = Flushing()
    made(flush).wait()
    assert (flush.begun, flush.looks) == (1, 5)


def test_an_interrupt_ends_the_waiting(made: Callable[[Flushing], ending.Ending]) -> None:
    flush = Flushing(signal.SIGINT)
    made(flush).wait()
    assert flush.looks == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_first_order_to_end_does_not(
    made: Callable[[Flushing], ending.Ending], number: signal.Signals
) -> None:
    flush = Flushing(number)
    made(flush).wait()
    assert flush.looks == 5


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_second_one_does_unless_it_is_the_echo_of_the_first(
    made: Callable[[Flushing], ending.Ending],
    second: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    echoed, meant = Flushing(second), Flushing(second)
    one = made(echoed)
    one.hear(signal.SIGTERM)
    monkeypatch.setattr(ending, "_TWICE", 1e6)
    one.wait()
    two = made(meant)
    monkeypatch.setattr(ending, "_TWICE", 0.0)
    two.hear(signal.SIGTERM)
    two.wait()
    assert (echoed.looks, meant.looks) == (5, 2)


def test_at_the_first_order_to_end_the_flush_begins(
    made: Callable[[Flushing], ending.Ending],
) -> None:
    flush = Flushing()
    one = made(flush)
    one.hear(signal.SIGUSR1)
    one.hear(signal.SIGINT)  # an interactive command goes on after that
    assert flush.begun == 0
    one.hear(signal.SIGTERM)
    one.hear(signal.SIGTERM)
    assert flush.begun == 1


def test_what_the_caller_ignores_is_no_order(made: Callable[[Flushing], ending.Ending]) -> None:
    flush = Flushing(signal.SIGINT)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        made(flush).wait()
    finally:
        signal.signal(signal.SIGINT, before)
    assert flush.looks == 5


def test_no_time_is_no_waiting() -> None:
    flush = Flushing()
    config = settings(flush_timeout="0")
    ending.Ending(config, cast(Flush, flush), Guard(strict=True)).wait()
    assert (flush.begun, flush.looks) == (1, 1)


def test_a_flush_that_fails_is_one_line_and_no_waiting() -> None:
    class Broken(Flushing):
        def is_done(self) -> bool:
            raise OSError(28, "No space left on device", "/store/queue")

    guard = Guard(strict=True)
    ending.Ending(settings(), cast(Flush, Broken()), guard).wait()
    assert guard.problems == ["/store/queue: No space left on device"]


def test_an_unexpected_fault_is_a_line_too(capfd: pytest.CaptureFixture[str]) -> None:
    guard = Guard(strict=False)
    for _ in range(2):
        assert not guard([].pop)
    guard.tell()
    guard.tell()
    said = capfd.readouterr().err
    assert said == "neffcache: unexpected fault (IndexError: pop from empty list)\n"
