"""Whatever fails while a remote is asked, the library goes on as it would have without us."""

from __future__ import annotations

import hashlib
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import mounts
from frameworks import XLA
from hosts import TRAIN, Done, finish
from hub.peer import Peer
from lookups import KEY, LOOK, Entry, Job, compiled, offer, repositories
from neffcache import targets
from neffcache.cache import native_helper
from running import kill, working_for
from unit import makers
from waiting import until

_LOCK = "model.hlo_module.pb.lock"
_LARGE = makers.neff(content=os.urandom(2 << 20))


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """An entry that some other host made."""
    return compiled(tmp_path_factory.mktemp("origin"))


@pytest.fixture
def job(tmp_path: Path, hub: Peer) -> Job:
    repositories(hub)
    return Job(tmp_path / "host", hub)


def _compiled_here(job: Job, done: Done) -> None:
    """It was compiled, as without hooks, and what lies there is that compile's."""
    assert done.status == 0, done.err
    assert (job.host.compiles, job.hits) == (1, 0)
    (files,) = job.entries.values()
    assert set(files) == {"model.hlo_module.pb", "compile_flags.json", "model.neff", "model.done"}
    assert hashlib.sha256(files["model.neff"]).hexdigest() in done.out


def _helpers(job: Job) -> list[int]:
    return working_for(job.framework.root, native_helper.NAME)


def test_a_remote_that_lies_is_not_believed(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    job.hub.corrupt("alice/cache", f"{entry.name}/model.neff")
    _compiled_here(job, job.compile())
    assert job.notes[0] == "remote_damaged"


def test_a_damaged_neff_is_not_planted(job: Job, entry: Entry) -> None:
    offer(job.hub, entry, **{"model.neff": entry.neff[:-20]})
    _compiled_here(job, job.compile())
    assert job.notes[0] == "remote_damaged"


def test_a_remote_that_refuses_is_passed_over(job: Job) -> None:
    job.hub.fault(".", times=None, status=403)
    _compiled_here(job, job.compile())
    assert job.notes[0] == "remote_failed"


def test_a_remote_that_vanishes_midway_is_passed_over(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    job.hub.fault("model.neff", times=None, reset=True)
    _compiled_here(job, job.compile())


def test_a_remote_that_hangs_costs_its_silence_once_for_the_host(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    job.hub.fault("MODULE_", times=None, silence=True)
    quick = {"NEFFCACHE_REMOTE_TIMEOUT": "2"}
    _compiled_here(job, job.compile(**quick))
    assert job.notes == ["remote_failed", "remote_failed"]
    assert job.compile(key="2", **quick).status == 0
    assert job.notes[2:] == ["remote_skipped", "remote_skipped"]


def test_an_outage_is_one_warning_of_the_job(job: Job) -> None:
    job.hub.fault("alice/cache", times=None, status=503)
    done = job.framework.run(LOOK + "look('1')\nlook('2')\n", TRAIN)
    assert done.err.count("remote hf://alice/cache failed") == 1


def test_an_outage_of_the_public_cache_says_that_nobody_named_it(job: Job) -> None:
    job.hub.delete(targets.PUBLIC)
    done = job.framework.run(LOOK + "look('1')\n", TRAIN)
    [line] = [line for line in done.err.splitlines() if targets.PUBLIC in line]
    assert f"the public cache hf://{targets.PUBLIC} failed (" in line
    assert "NEFFCACHE_HUB_EVERYBODY=0" in line
    assert "neffcache create" not in line  # the remedy for a repository of one's own


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_helper_that_is_killed_or_stopped_is_given_up(
    job: Job, entry: Entry, how: signal.Signals
) -> None:
    offer(job.hub, entry)
    job.hub.fault("model.neff", times=None, silence=True)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(job.compile, NEFFCACHE_REMOTE_TIMEOUT="4")
        until(lambda: _helpers(job))
        for pid in _helpers(job):
            os.kill(pid, how)
        _compiled_here(job, future.result())
    until(lambda: not _helpers(job))


def test_a_killed_job_leaves_no_helper_behind(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    job.hub.fault("model.neff", times=None, silence=True)
    training = job.framework.start(XLA, TRAIN, KEY)
    until(lambda: _helpers(job))
    kill(training.pid)
    finish(training)
    until(lambda: not _helpers(job))
    (files,) = job.entries.values()
    assert set(files) == {_LOCK}


def test_ctrl_c_while_a_remote_is_asked_frees_the_lock(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    job.hub.fault("model.neff", times=None, silence=True)
    training = job.framework.start(XLA, TRAIN, KEY)
    until(lambda: _helpers(job))
    training.send_signal(signal.SIGINT)
    done = finish(training)
    assert "KeyboardInterrupt" in done.err
    until(lambda: not _helpers(job))
    assert job.entries == {entry.name: {}}
    assert job.host.compiles == 0


def test_a_root_on_a_read_only_mount_fails_as_without_hooks(job: Job) -> None:
    root = job.framework.root
    root.mkdir()
    with mounts.read_only(root):
        done = job.compile()
        without = job.compile(NEFFCACHE_HOOKS="0")
    assert done.status == without.status != 0
    assert done.err.splitlines()[-1] == without.err.splitlines()[-1]
    assert job.asked == []


def test_a_full_disk_takes_the_compile_that_fits(job: Job, entry: Entry) -> None:
    offer(job.hub, entry, **{"model.neff": _LARGE})
    with mounts.of_size(job.framework.root, "1m"):
        _compiled_here(job, job.compile())
    assert job.notes[0] == "native_unwritten"


def test_an_entry_that_is_deleted_meanwhile_is_compiled(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    fault = job.hub.fault("model.neff", times=None, delay=1.0)
    place = job.framework.root / entry.name
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(job.compile)
        until(lambda: fault.hits)
        (place / _LOCK).unlink()
        place.rmdir()
        _compiled_here(job, future.result())
    assert job.notes[0] == "native_unwritten"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_a_shared_root_of_another_user_is_filled_with_files_of_ours(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    place = job.framework.root / entry.name
    place.mkdir(parents=True)
    for path in (place, place.parent, place.parent.parent):
        os.chown(path, 12345, 12345)
        path.chmod(0o777)
    assert job.compile().status == 0
    assert job.hits == 1
    assert {one.stat().st_uid for one in place.iterdir()} == {os.geteuid()}
    assert place.stat().st_uid == 12345


def test_a_store_that_cannot_be_used_stops_no_compile(job: Job) -> None:
    broken = job.host.root / "file"
    broken.write_text("")
    done = job.compile(NEFFCACHE_DIR=str(broken / "below"))
    assert done.status == 0, done.err
    assert job.asked == []


def test_a_remote_that_is_misspelled_stops_no_compile(job: Job) -> None:
    done = job.compile(NEFFCACHE_REMOTES="hf:/alice", NEFFCACHE_STRICT="0")
    assert done.status == 0, done.err
    assert "hf:/alice" in done.err


def test_a_fault_of_ours_stops_no_compile(job: Job) -> None:
    script = """
import neffcache.cache.native_asking
def fail(*_words):
    raise RuntimeError("unexpected")
neffcache.cache.native_asking.ask = fail
look("1")
import neffcache_hooks
print(json.dumps([row for row in neffcache_hooks.status() if "RuntimeError" in row[2]]))
"""
    job.run(script, NEFFCACHE_STRICT="0")
    assert job.host.compiles == 1


def test_a_fault_of_ours_that_is_raised_frees_the_lock(job: Job, entry: Entry) -> None:
    script = """
import neffcache.cache.native_asking
def fail(*_words):
    raise RuntimeError("unexpected")
neffcache.cache.native_asking.ask = fail
try:
    look(sys.argv[2])
except RuntimeError as error:
    print(json.dumps(str(error)))
"""
    assert job.run(script, KEY) == "unexpected"
    assert job.entries == {entry.name: {}}


def test_ctrl_c_while_an_entry_is_left_frees_the_lock(job: Job) -> None:
    script = """
from neffcache_hooks import held
def interrupt(_found):
    raise KeyboardInterrupt
held.end = interrupt
try:
    look(sys.argv[2])
except KeyboardInterrupt:
    print(json.dumps("interrupted"))
"""
    assert job.run(script, KEY) == "interrupted"
    (files,) = job.entries.values()
    assert _LOCK not in files
