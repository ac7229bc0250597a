"""When entries go to a remote without commits: at once, many together, or by themselves."""

from __future__ import annotations

import pytest

from neffcache.sync import lanes
from neffcache.sync.pacing import AtOnce


def test_where_nothing_is_counted_many_go_at_once() -> None:
    keys = [f"{number:064x}" for number in range(1000)]
    assert AtOnce().due(keys) == keys[:256]
    assert AtOnce().due(keys[:3]) == keys[:3]
    assert AtOnce.at_fault == lanes.MOST


@pytest.mark.parametrize("how", ["a sender that died", "another in a row"])
def test_after_a_sender_that_died_each_goes_by_itself_until_some_have_gone_through(
    how: str,
) -> None:
    """Several were under way: only so is the one found that kills it."""
    keys = [f"{number:064x}" for number in range(20)]
    pace = AtOnce()
    if how == "another in a row":
        pace.narrow()
    else:
        pace.end(True)
    sizes = []
    for _ in range(6):
        sizes.append(len(pace.due(keys)))
        pace.end(False)
    assert sizes == [1, 2, 4, 8, 16, 20]
