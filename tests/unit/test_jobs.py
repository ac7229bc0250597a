"""Jobs: their names, whether one runs, what became of what each queued."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from entries import key_of, make_store
from neffcache import backlog, breaker, jobs, queue, remote
from neffcache.queue import Marker
from neffcache.store.local import Store

ONE, TWO = key_of("one"), key_of("two")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def enqueue(store: Store, key: str, place: str = "r") -> Marker:
    (marker,) = queue.enqueue(store, key, [remote.parse(f"file:///{place}")], {})
    return marker


def test_a_name_is_unique_and_keeps_what_the_user_called_it(store: Store) -> None:
    names = [jobs.begin(store, given).name for given in ("", "", "llama", "llama@1-2-3")]
    assert len(set(names)) == 4
    assert [name.partition("@")[0] for name in names] == ["job", "job", "llama", "llama"]


def test_a_job_runs_until_it_ends(store: Store) -> None:
    job = jobs.begin(store, "")
    assert jobs.is_running(store, job.name)
    job.end()
    assert not jobs.is_running(store, job.name)
    assert list(Path(store.path, "jobs").iterdir()) == []


@pytest.mark.parametrize("name", ["", "job@1-2-3", "../queue"])
def test_nothing_else_runs(store: Store, name: str) -> None:
    jobs.begin(store, "")
    assert not jobs.is_running(store, name)


def test_what_waits_is_told_from_what_was_sent_and_refused(store: Store) -> None:
    job = jobs.begin(store, "")
    sent, waiting, refused = (enqueue(store, key_of(word)) for word in ("s", "w", "r"))
    jobs.queued(store, job.name, [sent, waiting, refused])
    Path(sent.path).unlink()
    backlog.bury(store, refused, "no")
    found = jobs.look(store, job.name)
    assert found.sent == {key_of("s")}
    assert found.waiting == [(waiting.destination.name, key_of("w"))]
    assert found.refused == [(refused.destination.name, key_of("r"))]


def test_an_entry_for_two_remotes_is_one_entry(store: Store) -> None:
    job = jobs.begin(store, "")
    markers = [enqueue(store, ONE, "r"), enqueue(store, ONE, "s")]
    jobs.queued(store, job.name, markers)
    for marker in markers:
        Path(marker.path).unlink()
    assert jobs.look(store, job.name).sent == {ONE}


def test_each_job_has_its_own_and_what_was_found_is_of_all_that_send_there(store: Store) -> None:
    first, second, third = (jobs.begin(store, "") for _ in range(3))
    marker = enqueue(store, ONE)
    for job, to in ((first, marker), (second, marker), (third, enqueue(store, ONE, "s"))):
        job.sends_to([to.destination.name])
    jobs.queued(store, first.name, [marker])
    jobs.found(store, marker.destination.name, [TWO])
    assert len(jobs.look(store, first.name).waiting + list(jobs.look(store, first.name).sent)) == 2
    assert jobs.look(store, second.name).sent == {TWO}
    assert jobs.look(store, third.name).sent == set()


@pytest.mark.parametrize("name", ["", "job@1-2-3"])
def test_nothing_is_noted_for_a_job_that_is_not_there(store: Store, name: str) -> None:
    jobs.queued(store, name, [enqueue(store, ONE)])
    assert not Path(store.path, "jobs").exists()


def test_directories_of_killed_jobs_are_cleared_and_others_not(store: Store) -> None:
    killed, living = jobs.begin(store, ""), jobs.begin(store, "")
    jobs.queued(store, killed.name, [enqueue(store, ONE)])
    assert killed._lock is not None
    killed._lock.release(remove=False)  # as the kernel does it
    jobs.begin(store, "")
    assert jobs.look(store, killed.name).waiting == []
    assert len(list(Path(store.path, "jobs").iterdir())) == 2
    assert jobs.is_running(store, living.name)


@pytest.mark.parametrize(
    ("reason", "asked"), [("no route", True), (f"{breaker.ASKED} until", False)]
)
def test_a_failed_remote_is_tried_again_unless_it_said_when(
    store: Store, reason: str, asked: bool
) -> None:
    permit = breaker.ask(store, "write-x")
    assert permit is not None
    permit.fail(reason, 60)
    jobs.try_again(store, "x")
    assert (breaker.ask(store, "write-x") is not None) == asked


def test_nothing_is_noted_where_a_job_has_ended_and_what_it_left_is_cleared(store: Store) -> None:
    job = jobs.begin(store, "")
    (path,) = Path(store.path, "jobs").iterdir()
    job.end()
    path.mkdir()  # somebody noted something in the very moment of its end
    jobs.found(store, "r", [ONE])
    assert list(path.iterdir()) == []
    jobs.begin(store, "")
    assert path.exists()  # it may be in the making
    os.utime(path, (1e9, 1e9))
    jobs.begin(store, "")
    assert not path.exists()
