"""When the uploader stops trying, and how long it is patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from entries import key_of, make_store, put
from neffcache import backlog, queue, remote
from neffcache.sync import uploader


def test_it_gives_up_after_a_long_outage_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploader, "_OUTAGE", 0.0)
    store = make_store(tmp_path / "store")
    put(store, key_of("a"), b"neff")
    spec = remote.parse(f"file://{tmp_path}/not-mounted/r")
    marker = queue.enqueue(store, key_of("a"), [spec], {})[0]
    uploader.run(store, marker.destination.name, {})
    assert [one.failing for one in backlog.pending(store, {})] == [True]
    assert not queue.is_served(store, marker.destination.name)


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 5.0),
        ({b"NEFFCACHE_REMOTE_TIMEOUT": b"2"}, 2.0),
        ({b"NEFFCACHE_REMOTE_TIMEOUT": b"soon"}, 5.0),
    ],
)
def test_its_patience_follows_the_setting(environ: dict[bytes, bytes], seconds: float) -> None:
    assert uploader._timeout({b"NEFFCACHE_CONFIG": b"/dev/null", **environ}) == seconds


def test_what_another_took_over_meanwhile_is_not_buried(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    spec = remote.parse(f"file://{tmp_path}/r")
    taken, kept = (queue.enqueue(store, key_of(word), [spec], {})[0] for word in "ab")
    work = uploader._Work(store, taken.destination, {b"NEFFCACHE_CONFIG": b"/dev/null"})
    Path(taken.path).unlink()
    for marker in (taken, kept):
        work._settle("refused", f"{marker.key} not permitted")
    assert [one.key for one in backlog.dead(store)] == [kept.key]
