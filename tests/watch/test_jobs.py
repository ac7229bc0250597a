"""The watcher and the jobs of a host: one for all of them, as long as any is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from neffcache import watching
from running import is_alive, kill
from waiting import until
from watch.rig import Rig, finish, unfinished


def test_many_jobs_have_one_watcher(rig: Rig) -> None:
    jobs = [rig.job() for _ in range(4)]
    (pid,) = rig.watchers()
    for job in jobs[:3]:
        rig.end_job(job)
    rig.entry()
    rig.until_queued(rig.entry())
    assert rig.watchers() == [pid]


def test_it_goes_when_the_last_job_has_ended(rig: Rig) -> None:
    jobs = [rig.job(), rig.job()]
    rig.end_job(jobs[0])
    jobs[1].kill()
    rig.until_unwatched()
    assert rig.state().running == 0


def test_what_a_killed_job_left_is_queued(rig: Rig) -> None:
    job = rig.job()
    entry = unfinished(rig)
    rig.exit()
    finish(rig, entry)
    job.kill()
    rig.until_unwatched()
    assert rig.queued() == [entry]


def test_a_fork_is_present_as_its_parent_was(rig: Rig) -> None:
    job = rig.job()
    rig.tell(job, "fork")
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    assert watching.is_attended(rig.watch())
    assert job.stdin is not None
    job.stdin.close()
    rig.until_unwatched()


def test_a_program_that_a_job_starts_is_not_present(rig: Rig) -> None:
    watch = rig.watch()
    watching.join(watch)
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
    )
    try:
        watching.leave(watch)
        until(lambda: not watching.is_attended(watch))
    finally:
        child.communicate(b"\n", timeout=30)


def test_joining_again_after_the_store_was_removed(rig: Rig) -> None:
    watch = rig.watch()
    watching.join(watch)
    try:
        os.unlink(f"{watch.directory}/{watching.PRESENT}")
        watching.join(watch)
        assert watching.is_attended(watch)
    finally:
        watching.leave(watch)


def test_a_killed_watcher_loses_nothing(rig: Rig) -> None:
    job = rig.job()
    first = rig.entry(1)
    rig.until_queued(first)
    rig.kill_watcher()
    second = rig.entry(2)
    rig.end_job(job)
    rig.job()
    rig.until_queued(first, second)


def test_a_killed_watcher_s_request_is_answered_by_the_next(rig: Rig) -> None:
    rig.job()
    (pid,) = rig.watchers()
    os.kill(pid, signal.SIGSTOP)
    asked = watching.ask_exit(rig.watch())
    kill(pid)
    until(lambda: not is_alive(pid))
    entry = rig.entry()
    rig.job()
    until(lambda: watching.exit_done(rig.watch(), asked))
    assert rig.queued() == [entry]


def test_a_request_that_a_watcher_died_over_is_answered_by_the_next(rig: Rig) -> None:
    watch = rig.watch()
    asked = watching.ask_exit(watch)
    os.rename(f"{watch.directory}/exit", f"{watch.directory}/exit.taken")
    rig.job()
    until(lambda: watching.exit_done(watch, asked))
    assert not os.path.exists(f"{watch.directory}/exit.taken")


def test_what_was_queued_is_not_queued_again_by_the_next_job(rig: Rig) -> None:
    rig.end_job(rig.job())
    first = rig.entry(1)
    rig.end_job(rig.job())
    rig.until_queued(first)
    rig.until_unwatched()
    rig.empty_queue()
    second = rig.entry(2)
    rig.job()
    rig.until_queued(second)
    until(lambda: rig.state().queued == 2)


def test_the_answer_to_an_exit_means_that_all_is_queued(rig: Rig) -> None:
    rig.job()
    entries = [rig.entry(number) for number in range(20)]
    rig.exit()
    assert rig.queued() == sorted(entries)
    rig.empty_queue()
    rig.make_anew(entries[3])
    rig.exit()
    assert rig.queued() == [entries[3]]


def test_when_all_have_gone_everything_is_looked_at_once_more(rig: Rig) -> None:
    job = rig.job()
    entries = [rig.entry(number) for number in range(3)]
    rig.until_queued(*entries)
    rig.empty_queue()
    rig.make_anew(entries[1])
    job.kill()
    rig.until_unwatched()
    assert rig.queued() == [entries[1]]


def test_a_watcher_whose_lock_was_removed_makes_room(rig: Rig) -> None:
    rig.job()
    (pid,) = rig.watchers()
    os.unlink(f"{rig.watch().directory}/{watching.LOCK}")
    rig.job()
    until(lambda: not is_alive(pid))
    assert len(rig.watchers()) == 1


def test_it_ends_when_the_store_is_removed(rig: Rig) -> None:
    rig.job()
    os.rename(rig.store.path, f"{rig.store.path}.away")
    until(lambda: not rig.watchers())
    assert not os.path.exists(rig.store.path)


def test_jobs_with_two_credentials_have_a_watcher_and_a_queue_each(rig: Rig) -> None:
    rig.job(HF_TOKEN="one")
    rig.job(HF_TOKEN="two")
    assert len(rig.watchers()) == 2
    entry = rig.entry()
    rig.until_queued(entry, entry)
    assert rig.state().running == 2


def test_without_a_remote_the_watcher_looks_and_queues_nothing(rig: Rig) -> None:
    rig.variables["NEFFCACHE_REMOTES"] = ""
    rig.job()
    rig.entry()
    until(lambda: rig.state().noticed == 1)
    assert (rig.state().queued, rig.queued()) == (0, [])


def test_a_watcher_that_was_just_started_is_not_started_again(rig: Rig) -> None:
    watch = rig.watch()
    watching.join(watch)
    try:
        for _ in range(10):
            watching.start(watch, rig.environ)
        until(lambda: watching.is_served(watch))
        assert len(rig.watchers()) == 1
    finally:
        watching.leave(watch)


def test_a_clock_that_was_put_back_keeps_nobody_from_starting(rig: Rig) -> None:
    watch = rig.watch()
    watching.join(watch)
    try:
        started = Path(watch.directory, "started")
        started.touch()
        os.utime(started, (4e9, 4e9))
        watching.start(watch, rig.environ)
        until(lambda: watching.is_served(watch))
    finally:
        watching.leave(watch)
