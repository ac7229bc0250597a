"""Emptying the queue on request: what is sent, what is left and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from entries import key_of
from neffcache import backlog
from story.uploads import Uploads

KEY = key_of("a")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Uploads]:
    made = Uploads(tmp_path)
    yield made
    made.end()


def test_flush_sends_and_counts(host: Uploads) -> None:
    for word in "abc":
        host.enqueue(word, host.url("r"))
    host.enqueue("d", f"file://{host.path}/not-mounted/r")
    flushed = backlog.flush(host.store, host.environ)
    assert flushed.sent == 3
    assert flushed.unreachable
    assert [one.remote for one in flushed.left] == [f"file://{host.path}/not-mounted/r"]
    assert "not there" in flushed.left[0].reason


def test_flush_tells_what_was_refused_meanwhile(host: Uploads) -> None:
    host.root("r").write_text("")
    host.enqueue("a", host.url("r"))
    flushed = backlog.flush(host.store, host.environ)
    assert (flushed.sent, flushed.left) == (0, [])
    assert [one.key for one in flushed.dead] == [KEY]


def test_flush_wakes_an_uploader_that_is_backing_off(host: Uploads) -> None:
    marker = host.enqueue("a", f"file://{host.path}/not-mounted/r")[0]
    host.start([marker])
    host.until_failed(marker)
    (host.path / "not-mounted").mkdir()
    assert backlog.flush(host.store, host.environ).sent == 1


def test_flush_ends_at_its_timeout(host: Uploads) -> None:
    host.enqueue("a", f"file://{host.path}/not-mounted/r")
    flushed = backlog.flush(host.store, host.environ, 0.5)
    assert flushed.sent == 0
    assert len(flushed.left) == 1
