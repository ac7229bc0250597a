"""The helper of a remote read: when it gives a download up because compiling is quicker."""

from __future__ import annotations

import pytest

from neffcache.cache import helper


@pytest.mark.parametrize(
    ("seconds", "after", "count", "slow"),
    [
        (10.0, 0.9, 1, False),  # too early to tell
        (10.0, 1.0, 100, False),  # nine seconds to go
        (10.0, 1.0, 80, True),  # eleven and a half
        (10.0, 9.0, 900, False),
        (0.0, 1.0, 999, True),
        (0.0, 1.0, 1000, False),
        (10.0, 9.9, 0, False),  # nothing yet: what comes may come at once
        (10.0, 10.1, 0, True),
    ],
)
def test_a_download_slower_than_the_compile_is_given_up(
    monkeypatch: pytest.MonkeyPatch, seconds: float, after: float, count: int, slow: bool
) -> None:
    clock = iter([100.0, 100.0, 100.0 + after])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("neffcache.cache.reports.Pulse.beat", lambda _self: None)
    watch = helper._Watch(1000, seconds)
    watch(min(count, 1))
    if slow:
        with pytest.raises(helper._Slow):
            watch(count)
    else:
        watch(count)


def test_a_late_first_byte_is_no_slow_download(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 104.0, 104.1, 105.2])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("neffcache.cache.reports.Pulse.beat", lambda _self: None)
    watch = helper._Watch(1000, 10.0)
    watch(1)
    watch(2)
    watch(600)
