"""When what the watcher noticed is sent: at a save, at the end, at once, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.peer import Peer
from neffcache import backlog, watching
from running import end_all
from waiting import until
from watch.rig import Rig

REPO = "alice/cache"


class Sending(Rig):
    """A host whose entries go to a repository of a peer."""

    def __init__(self, path: Path, hub: Peer) -> None:
        hub.create(REPO)
        self.hub = hub
        super().__init__(
            path,
            {
                **hub.environ(),
                "NEFFCACHE_REMOTES": f"hf://{REPO}",
                "NEFFCACHE_UPLOAD": "save",
                "NEFFCACHE_REMOTE_TIMEOUT": "1",
                "NEFFCACHE_HUB_GATHER": "1000",
                "NEFFCACHE_HUB_NO_XET": "1",
            },
        )

    def has(self, entry: str) -> bool:
        """Whether an entry stands in the repository."""
        return f"{entry}/model.done" in self.hub.paths(REPO)


@pytest.fixture
def rig(tmp_path: Path, hub: Peer) -> Iterator[Sending]:
    made = Sending(tmp_path / "host", hub)
    yield made
    made.end()


def test_a_save_has_what_was_made_sent(rig: Sending) -> None:
    job = rig.job()
    entry = rig.entry()
    rig.until_queued(entry)
    assert not rig.has(entry)
    rig.tell(job, "save")
    until(lambda: rig.has(entry))


def test_a_save_sends_what_is_only_just_whole(rig: Sending) -> None:
    job = rig.job()
    entries = [rig.entry(number) for number in range(3)]
    rig.tell(job, "save")
    until(lambda: all(rig.has(entry) for entry in entries))


def test_the_end_of_a_job_has_everything_sent(rig: Sending) -> None:
    job = rig.job()
    entry = rig.entry()
    rig.end_job(job)
    until(lambda: rig.has(entry))


def test_a_killed_job_has_everything_sent(rig: Sending) -> None:
    job = rig.job()
    entry = rig.entry()
    job.kill()
    until(lambda: rig.has(entry))


def test_by_exit_nothing_is_sent_at_a_save(rig: Sending) -> None:
    rig.variables["NEFFCACHE_UPLOAD"] = "exit"
    job = rig.job()
    entry = rig.entry()
    rig.tell(job, "save")
    rig.until_queued(entry)
    rig.until_looked_at()
    assert rig.hub.requests() == []
    rig.exit()
    until(lambda: rig.has(entry))


def test_eagerly_an_entry_is_sent_when_it_is_noticed(rig: Sending) -> None:
    rig.variables.update(NEFFCACHE_UPLOAD="eager", NEFFCACHE_HUB_GATHER="0")
    rig.job()
    rig.exit()
    entry = rig.entry()
    until(lambda: rig.has(entry))


def test_by_off_nobody_sends_until_somebody_flushes(rig: Sending) -> None:
    rig.variables["NEFFCACHE_UPLOAD"] = "off"
    job = rig.job()
    entry = rig.entry()
    rig.tell(job, "save")
    rig.exit()
    rig.end_job(job)
    rig.until_unwatched()
    assert (rig.queued(), rig.hub.requests()) == ([entry], [])
    assert backlog.flush(rig.store, rig.environ, 60).left == []
    assert rig.has(entry)


def test_without_a_network_the_end_is_answered_and_the_next_job_sends(rig: Sending) -> None:
    rig.hub.fault(".", times=None, reset=True)
    job = rig.job()
    entry = rig.entry()
    rig.exit()
    rig.end_job(job)
    rig.until_unwatched()
    (waiting,) = backlog.pending(rig.store, rig.environ)
    until(lambda: backlog.pending(rig.store, rig.environ)[0].failing)
    end_all(rig.store.path)  # the host has gone, too
    rig.hub.mend()
    backlog.forget_failure(rig.store, waiting.name)  # half a minute has passed
    assert rig.queued() == [entry]
    rig.job()
    until(lambda: rig.has(entry))


def test_an_entry_that_is_deleted_before_it_is_sent_holds_up_nobody(rig: Sending) -> None:
    job = rig.job()
    gone, kept = rig.entry(1), rig.entry(2)
    rig.until_queued(gone, kept)
    shutil.rmtree(rig.root / gone)
    rig.tell(job, "save")
    until(lambda: rig.has(kept))
    rig.until_queued()
    assert not rig.has(gone)
    again = rig.entry(1)
    rig.tell(job, "save")
    until(lambda: rig.has(again))


def test_a_save_that_nobody_has_seen_is_seen_by_the_next_watcher(rig: Sending) -> None:
    job = rig.job()
    entry = rig.entry()
    rig.until_queued(entry)
    rig.kill_watcher()
    rig.tell(job, "save")
    assert watching.is_attended(rig.watch())
    rig.job()
    until(lambda: rig.has(entry))
