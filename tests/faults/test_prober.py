"""Faults: the process that asks a failed remote again: alone, killable, and never left over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import hung
from faults.outages import NAME, QUICK, alone, stamp_of, stamp_path, start, write_stamp
from neffcache import breaker, files, processes, remote
from neffcache.cache import prober
from neffcache.store.local import Store
from running import is_alive, kill, probers
from waiting import until


@contextmanager
def silent_place(tmp_path: Path) -> Iterator[str]:
    """A remote that never answers."""
    problem = hung.why_not()
    if problem:
        pytest.skip(reason=f"no mount that hangs: {problem}")
    at = tmp_path / "hung"
    at.mkdir()
    with hung.mount(at):
        yield f"file://{at}/x"
    until(lambda: processes.reap_abandoned() == 0)


def test_while_it_fails_pauses_double(store: Store, url: str) -> None:
    path = write_stamp(store, 0.2)
    start(store, url)
    until(lambda: (found := stamp_of(path)) is not None and found.failures == 2)
    found = stamp_of(path)
    assert found is not None
    assert 60 <= found.until - found.since <= 75
    assert len(probers(store.path)) == 1
    assert "away" in found.reason


def test_nobody_asks_while_it_lives_even_when_the_pause_is_over(store: Store, url: str) -> None:
    write_stamp(store, 30)
    start(store, url)
    pid = alone(store)
    os.kill(pid, signal.SIGSTOP)
    write_stamp(store, -1)
    assert breaker.ask(store, NAME) is None
    os.kill(pid, signal.SIGCONT)


def test_killed_it_leaves_its_place_to_the_next_compile(store: Store, url: str) -> None:
    write_stamp(store, 30)
    start(store, url)
    kill(alone(store))
    until(lambda: not probers(store.path))
    write_stamp(store, -1)
    permit = breaker.ask(store, NAME)
    assert permit is not None
    assert permit.probing
    permit.leave()


@pytest.mark.parametrize("hosts", [2, 8])
def test_of_several_that_start_at_once_one_stays(store: Store, url: str, hosts: int) -> None:
    write_stamp(store, 30)
    argv = processes.python("neffcache.cache.prober", store.path, NAME, url)
    for started in [subprocess.Popen(argv, env={}) for _ in range(hosts)]:
        started.wait(60)
    pid = alone(store)
    assert probers(store.path) == [pid]


def test_a_silent_remote_is_asked_by_a_child_that_is_given_up(store: Store, tmp_path: Path) -> None:
    with silent_place(tmp_path) as url:
        path = write_stamp(store, 0.1, failures=3)
        start(store, url)
        until(lambda: (found := stamp_of(path)) is not None and found.failures == 4)
        found = stamp_of(path)
        assert found is not None
        assert found.reason == "silent for 1 s"
        assert len(probers(store.path)) == 1


def test_cleared_while_it_asks_the_stamp_stays_cleared(store: Store, tmp_path: Path) -> None:
    with silent_place(tmp_path) as url:
        environ = {**QUICK, b"NEFFCACHE_REMOTE_TIMEOUT": b"3600"}
        path = write_stamp(store, 0.0)
        prober.start(store, NAME, remote.parse(url), environ)
        pid = alone(store)
        until(lambda: children_of(pid))
        breaker.clear(store, NAME)
        until(lambda: not is_alive(pid))
        assert not path.exists()


def children_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def test_it_ends_with_the_stamp(store: Store, url: str) -> None:
    write_stamp(store, 600)
    start(store, url)
    pid = alone(store)
    breaker.clear(store, NAME)
    until(lambda: not is_alive(pid))
    assert list(Path(store.path, "breakers").iterdir()) == []


def test_it_ends_with_the_store_and_does_not_bring_it_back(store: Store, url: str) -> None:
    write_stamp(store, 0.5)
    start(store, url)
    pid = alone(store)
    shutil.rmtree(store.path)
    until(lambda: not is_alive(pid))
    assert not Path(store.path).exists()


def test_without_a_stamp_it_does_not_stay(store: Store, url: str, tmp_path: Path) -> None:
    prober.run(store.path, NAME, url, QUICK)
    prober.run(str(tmp_path / "nothing"), NAME, url, QUICK)
    assert not (tmp_path / "nothing").exists()


def test_a_clock_put_back_ends_the_outage_and_the_prober(store: Store, url: str) -> None:
    write_stamp(store, 30)
    start(store, url)
    pid = alone(store)
    day = 86400.0  # the stamp was written by a clock that has been put back since
    path = stamp_path(store)
    now = time.time() + day
    path.write_bytes(breaker._text(breaker.Stamp(1, now, now + 30, "down")))
    until(lambda: not is_alive(pid))
    assert not path.exists()


def test_a_clock_put_forward_has_it_asked_at_once(store: Store, url: str) -> None:
    write_stamp(store, 600)
    start(store, url)
    alone(store)
    path = write_stamp(store, -86400.0)
    until(lambda: (found := stamp_of(path)) is not None and found.failures == 2)


@pytest.mark.parametrize(
    ("detail", "pause", "reason"),
    [
        ("2580 commits (128 per hour)", 2580.0, "commits (128 per hour)"),
        ("soon", 0.0, "soon"),
        ("-5 x", 0.0, "x"),
        ("", 0.0, ""),
    ],
)
def test_a_stated_pause_is_read(detail: str, pause: float, reason: str) -> None:
    assert prober._stated(detail) == (pause, reason)


def test_a_disk_without_room_for_a_stamp_ends_it(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stamp(store, -1)

    def full(*_words: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "publish", full)
    prober.run(store.path, NAME, url, QUICK)


def test_a_parked_remote_is_left_alone_as_long_as_it_said(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_stamp(store, -1)
    monkeypatch.setattr(prober._Probe, "_ask", lambda _self: ("parked", "2580 too many requests"))
    probe = prober._Probe(str(path), url, QUICK)
    assert probe._try()
    found = stamp_of(path)
    assert found is not None
    assert found.until >= time.time() + 2570
    assert found.reason == "too many requests"
