"""`neffcache stats` and `explain`: what hooks and watchers noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import takers
from hosts import Host
from neffcache import failures, journal, orphans, watched, watching
from neffcache.native import names
from neffcache.store.local import Store

NATIVE: dict[str, str | int] = {
    "door": "hook",
    "entry": takers.MODULE,
    "remote": "hf://alice/cache",
    "bytes": 4096,
    "job": "nightly",
}


@pytest.fixture
def store(host: Host) -> Store:
    host.store.mkdir(mode=0o700, parents=True)
    return Store(str(host.store))


def stats(host: Host) -> dict[str, Any]:
    done = host.neffcache("stats", "--json")
    assert (done.status, done.err) == (0, "")
    made: dict[str, Any] = json.loads(done.out)
    return made


def watch(store: Store, name: str, **counts: int) -> None:
    """As a watcher left its state."""
    made = watched.State()
    for field, number in counts.items():
        setattr(made, field, number)
    directory = Path(store.path, watching.TOP, name * 32)
    directory.mkdir(parents=True)
    (directory / watching.STATE).write_bytes(made.text())


def hit_native(store: Store) -> None:
    record = journal.Record()
    record.outcome = "hit_native"
    record.fields.update(NATIVE)
    journal.append(f"{store.path}/journal", record)


def test_cleared_locks_and_failures_are_counted_by_reason(
    host: Host, store: Store, tmp_path: Path
) -> None:
    lock = takers.lock(tmp_path)
    takers.say(store, takers.ended(), lock)
    assert orphans.clear(store, str(lock))
    (lock.parent / names.LOG).write_bytes(b"Killed\n")
    assert failures.revive(store, str(lock.parent), retry=True)
    made = stats(host)
    assert made["notes"] == {"lock_cleared": 1, "failure_set_aside": 1}
    assert made["calls"] == 0


def test_a_hook_line_counts_as_a_hit(host: Host, store: Store) -> None:
    hit_native(store)
    made = stats(host)
    assert (made["outcomes"], made["kinds"]["hit"]) == ({"hit_native": 1}, 1)


def test_what_watchers_saw_is_added_up(host: Host, store: Store) -> None:
    watch(store, "a", noticed=3, queued=2, past=1)
    watch(store, "b", noticed=4, past=5)
    made = stats(host)["watch"]
    assert (made["noticed"], made["queued"], made["past"]) == (7, 2, 6)
    shown = host.neffcache("stats").out
    assert "6  past the shim  NEFFs compiled past the shim" in shown


def test_without_watchers_nothing_is_said_of_them(host: Host) -> None:
    assert stats(host)["watch"]["roots"] == []
    assert "\nwatcher" not in host.neffcache("stats").out


def test_a_call_of_the_hook_is_explained(host: Host, store: Store) -> None:
    hit_native(store)
    done = host.neffcache("explain")
    assert done.status == 0
    for words in ("hit_native", takers.MODULE, "hf://alice/cache", "nightly", "own process"):
        assert words in done.out


def test_a_call_of_the_hook_is_explained_to_programs(host: Host, store: Store) -> None:
    hit_native(store)
    [call] = json.loads(host.neffcache("explain", "--json").out)["calls"]
    assert {name: call[name] for name in NATIVE} == NATIVE
    assert (call["kind"], call["key"], call["parts"]) == ("hit", None, [])
