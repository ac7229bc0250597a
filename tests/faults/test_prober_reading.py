"""Faults: once a remote has failed no compile waits for it, and it is found when it is back."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from entries import settings
from faults.outages import QUICK, alone, stamp_of, start, write_stamp
from hub.peer import Peer
from neffcache import breaker, journal, processes, remote
from neffcache.cache import Reader, prober
from neffcache.store.local import Store
from running import kill, probers
from waiting import until


def ask(store: Store, tmp_path: Path, url: str) -> str:
    """What one compile's look-up notes."""
    record = journal.Record()
    reader = Reader(store, settings(remote_timeout="1"), dict(QUICK), record, str(tmp_path))
    assert reader.fetch(os.urandom(32).hex(), remote.specs((url,))) is None
    return str(record.notes[0][0]) if isinstance(record.notes[0], list) else ""


def test_a_remote_that_comes_back_is_found_before_any_compile_asks(
    store: Store, url: str, tmp_path: Path
) -> None:
    path = write_stamp(store, 0.5)
    start(store, url)
    alone(store)
    (tmp_path / "away").mkdir()
    until(lambda: not path.exists())
    until(lambda: not probers(store.path))
    assert ask(store, tmp_path, url) == "remote_absent"


def test_the_first_failure_starts_one_and_the_next_hundred_wait_for_nothing(
    store: Store, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(store, tmp_path, url) == "remote_failed"
    pid = alone_of_any(store)

    def no_helper(*_words: object) -> processes.Helper:
        raise AssertionError("asked")

    monkeypatch.setattr(processes, "Helper", no_helper)
    assert {ask(store, tmp_path, url) for _ in range(100)} == {"remote_skipped"}
    assert probers(store.path) == [pid]


def alone_of_any(store: Store) -> int:
    until(lambda: len(probers(store.path)) == 1 and held_places(store))
    return probers(store.path)[0]


def held_places(store: Store) -> list[Path]:
    return list(Path(store.path, "breakers").glob("read-*.probe"))


def test_a_compile_that_had_to_ask_itself_starts_a_new_one(
    store: Store, url: str, tmp_path: Path
) -> None:
    ask(store, tmp_path, url)
    kill(alone_of_any(store))
    until(lambda: not probers(store.path))
    (stamp,) = (path for path in Path(store.path, "breakers").iterdir() if path.suffix == "")
    now = time.time()
    stamp.write_bytes(breaker._text(breaker.Stamp(1, now - 31, now - 1, "down")))
    assert ask(store, tmp_path, url) == "remote_failed"
    alone_of_any(store)
    assert ask(store, tmp_path, url) == "remote_skipped"


def test_it_has_the_secret_by_its_environment_and_not_by_its_words(
    store: Store, url: str, tmp_path: Path
) -> None:
    environ = {**QUICK, b"TOK": b"hunter2"}
    reader = Reader(store, settings(remote_timeout="1"), environ, journal.Record(), str(tmp_path))
    assert reader.fetch("a" * 64, remote.specs((f"{url}?credential=env:TOK",))) is None
    pid = alone_of_any(store)
    assert b"TOK=hunter2" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert b"hunter2" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert Path(f"/proc/{pid}/comm").read_text().strip() == prober.NAME


def test_no_process_to_be_had_changes_nothing(
    store: Store, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(*_words: object) -> None:
        raise OSError(11, "again")

    monkeypatch.setattr(processes, "spawn_detached", no_process)
    assert ask(store, tmp_path, url) == "remote_failed"
    assert ask(store, tmp_path, url) == "remote_skipped"


@pytest.fixture
def repo(hub: Peer) -> str:
    """A repository of the peer that nobody has to log in for."""
    hub.create("alice/cache", private=False)
    return f"hf://alice/cache?endpoint={hub.url}"


def test_a_silent_hub_is_found_well_again(store: Store, hub: Peer, repo: str) -> None:
    silence = hub.fault("/", times=None, silence=True)
    path = write_stamp(store, 0.1)
    start(store, repo)
    until(lambda: (found := stamp_of(path)) is not None and found.failures == 2)
    assert silence.hits == 1
    hub.mend()
    write_stamp(store, -1, failures=2)
    until(lambda: not path.exists())
    until(lambda: not probers(store.path))
    assert len(hub.requests()) == 2


def test_a_hub_that_states_a_time_is_left_alone_until_then(
    store: Store, hub: Peer, repo: str
) -> None:
    limits = {"RateLimit": '"resolvers";r=0;t=2580', "Retry-After": "2580"}
    hub.fault("/", times=None, status=429, headers=limits)
    path = write_stamp(store, 0.1)
    start(store, repo)
    until(lambda: (found := stamp_of(path)) is not None and found.failures == 2)
    found = stamp_of(path)
    assert found is not None
    assert found.until >= time.time() + 2500
