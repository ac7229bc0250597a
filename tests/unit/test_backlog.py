"""The queue for people: what waits for what, what was refused, and putting it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from entries import key_of, make_store, put
from neffcache import backlog, breaker, queue, remote
from neffcache.store.local import Store

KEY, OTHER = key_of("a"), key_of("b")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def enqueue(store: Store, url: str, key: str = KEY) -> queue.Marker:
    return queue.enqueue(store, key, [remote.parse(url)], {})[0]


def fail(store: Store, marker: queue.Marker) -> None:
    permit = breaker.ask(store, f"write-{marker.destination.name}")
    assert permit is not None
    permit.fail("no route")


def test_an_empty_queue(store: Store) -> None:
    assert backlog.pending(store, {}) == []
    assert backlog.dead(store) == []
    assert backlog.flush(store, {}, 0).left == []


def test_what_waits_is_told_by_destination(store: Store) -> None:
    enqueue(store, "file:///a")
    enqueue(store, "file:///a", OTHER)
    enqueue(store, "file:///b?credential=env:TOK")
    found = {one.remote: one for one in backlog.pending(store, {})}
    assert found["file:///a"].keys == sorted([KEY, OTHER])
    assert found["file:///a"].reason == ""
    assert found["file:///a"].oldest > 1e9
    waiting = found["file:///b?credential=env:TOK"]
    assert (waiting.reason, waiting.failing) == ("env:TOK is not set", False)


def test_a_failing_remote_is_told(store: Store) -> None:
    fail(store, enqueue(store, "file:///a"))
    waiting = backlog.pending(store, {})[0]
    assert waiting.failing
    assert waiting.reason == "failed: no route"


def test_a_damaged_destination_is_told(store: Store) -> None:
    marker = enqueue(store, "file:///a")
    Path(marker.path).with_name("destination").write_text("")
    waiting = backlog.pending(store, {})[0]
    assert (waiting.remote, waiting.failing) == (marker.destination.name, False)
    assert "cannot be told" in waiting.reason


def test_the_dead_have_a_reason_and_leave_the_queue(store: Store) -> None:
    marker = enqueue(store, "file:///a")
    backlog.bury(store, marker, "it\nsaid no")
    found = backlog.dead(store)[0]
    assert (found.remote, found.key, found.reason) == ("file:///a", KEY, "it said no")
    assert found.time > 1e9
    assert backlog.pending(store, {}) == []


def test_a_damaged_grave_is_still_one(store: Store) -> None:
    marker = enqueue(store, "file:///a")
    backlog.bury(store, marker, "x")
    Path(store.path, "dead", marker.destination.name, KEY).write_bytes(b"time soon\n\xff")
    assert [one.key for one in backlog.dead(store)] == [KEY]


def test_only_what_is_still_stored_can_be_revived(store: Store) -> None:
    for key in (KEY, OTHER):
        backlog.bury(store, enqueue(store, "file:///a", key), "x")
    put(store, KEY, b"neff")
    assert backlog.revive(store, {}) == 1
    assert [one.key for one in backlog.dead(store)] == [OTHER]
    assert backlog.pending(store, {})[0].keys == [KEY]


def test_flush_tells_what_it_cannot_do(store: Store) -> None:
    enqueue(store, "file:///a?credential=env:TOK")
    flushed = backlog.flush(store, {})
    assert flushed.sent == 0
    assert not flushed.unreachable
    assert flushed.left[0].reason == "env:TOK is not set"


def test_flush_looks_at_the_chosen_remotes_only(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr("neffcache.processes.spawn_detached", lambda argv, _: started.append(argv))
    enqueue(store, "file:///a")
    other = enqueue(store, "file:///b")
    left = backlog.flush(store, {}, 0.2, ["file:///b"]).left
    assert [one.remote for one in left] == ["file:///b"]
    assert [argv[-1] for argv in started] == [other.destination.name]


def test_flush_waits_for_what_waited_then_where_entries_are_gathered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that goes on queueing would keep it waiting, and commit after commit be made."""
    marker = enqueue(store, "hf://acme/cache")
    monkeypatch.setattr("neffcache.processes.spawn_detached", lambda *_: None)
    monkeypatch.setattr("neffcache.queue.why_not", lambda *_: "")

    def send(_store: Store, _name: str, _terms: str = "") -> None:
        Path(marker.path).unlink()
        enqueue(store, "hf://acme/cache", OTHER)

    monkeypatch.setattr("neffcache.queue.ask_flush", send)
    done = backlog.flush(store, {})
    assert (done.sent, done.left) == (1, [])
    assert backlog.pending(store, {})[0].keys == [OTHER]


def test_a_native_entry_comes_back_as_one(store: Store, tmp_path: Path) -> None:
    native = (str(tmp_path), "MODULE_1")
    key = queue.native_key(*native)
    destination = enqueue(store, "file:///a").destination
    backlog.bury(store, queue.put(store, destination, key, native), "not complete")
    assert backlog.revive(store, {}) == 0
    (tmp_path / "MODULE_1").mkdir()
    assert backlog.revive(store, {}) == 1
    assert queue.native_of(store, destination.name, key) == native
