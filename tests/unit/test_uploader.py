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


def _work(tmp_path: Path, words: str) -> tuple[uploader._Work, list[str]]:
    """The queue of a remote where some entries wait, and their keys in order."""
    store = make_store(tmp_path / "store")
    spec = remote.parse(f"file://{tmp_path}/r")
    markers = [queue.enqueue(store, key_of(word), [spec], {})[0] for word in words]
    work = uploader._Work(store, markers[0].destination, {b"NEFFCACHE_CONFIG": b"/dev/null"})
    return work, sorted(marker.key for marker in markers)


def _told(*lines: tuple[str, str]) -> uploader._Told:
    made = uploader._Told()
    assert all(made.hear(*line) for line in lines)
    return made


def test_only_the_entries_that_a_remote_did_not_take_go_last(tmp_path: Path) -> None:
    work, keys = _work(tmp_path, "abcdefgh")
    told = _told(("failing", keys[1]), ("failing", keys[2]), ("failed", "no room"))
    work._look_into(told, keys[1:])
    assert work._blamed == {keys[1]: 1, keys[2]: 1}
    assert told.problem == "no room"


def test_of_a_sender_that_died_those_that_were_under_way_may_be_the_reason(
    tmp_path: Path,
) -> None:
    work, keys = _work(tmp_path, "abcdefgh")
    told = _told(("busy", ""))
    work._look_into(told, keys[1:])
    assert work._blamed == dict.fromkeys(keys[1:5], 1)
    assert told.problem == "the process that writes there died"


def test_an_entry_that_kills_every_sender_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four are under way when it dies: those beside it must not share its fate for ever."""
    work, keys = _work(tmp_path, "abcdefgh")
    deadly = keys[0]

    class Sender:
        """Ends without a word when it begins with the deadly one, and else sends all."""

        def __init__(self, argv: list[str], _environ: object) -> None:
            mine = [word for word in argv if queue.is_key(word)]
            under_way = mine[: mine.index(deadly) - 3 if deadly in mine[4:] else 0]
            self._lines = [f"sent {key}" for key in (under_way if deadly in mine else mine)]

        def line(self, _silence: float) -> str | None:
            return self._lines.pop(0) if self._lines else None

        def stop(self) -> None:
            """It has ended."""

    monkeypatch.setattr("neffcache.processes.Helper", Sender)
    monkeypatch.setattr("neffcache.breaker.ask", lambda *_args: _Permit())
    for _ in range(20):
        left = queue.keys(work._store, work._destination.name)
        left.sort(key=lambda key: work._blamed.get(key, 0))
        work._round(work._pace.due(left))
    assert queue.keys(work._store, work._destination.name) == [deadly]


class _Permit:
    """The remote may be asked at any time."""

    def fail(self, _why: str, _pause: float) -> None:
        """Not counted."""

    def succeed(self) -> None:
        """Not counted."""

    def leave(self) -> None:
        """Nothing is held."""
