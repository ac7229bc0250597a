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
        (1e9, 1.0, 0, False),
        (10.0, 1.0, 0, True),
    ],
)
def test_a_download_slower_than_the_compile_is_given_up(
    monkeypatch: pytest.MonkeyPatch, seconds: float, after: float, count: int, slow: bool
) -> None:
    clock = iter([100.0, 100.0 + after])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("neffcache.cache.reports.Pulse.beat", lambda _self: None)
    watch = helper._Watch(1000, seconds)
    if slow:
        with pytest.raises(helper._Slow):
            watch(count)
    else:
        watch(count)
