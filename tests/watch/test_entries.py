"""The watcher and single entries: whole, in the making, damaged, somebody else's; and the queue."""

from __future__ import annotations

import os
import subprocess
import sys
from io import RawIOBase
from pathlib import Path

import pytest

import natives
from mounts import of_size
from neffcache import holders
from neffcache.native import names
from unit import makers
from waiting import until
from watch.rig import Rig, finish, unfinished


def test_an_entry_counts_when_it_is_whole(rig: Rig) -> None:
    rig.job()
    entry = unfinished(rig)
    rig.exit()
    assert rig.queued() == []
    finish(rig, entry)
    rig.until_queued(entry)
    until(lambda: (rig.state().noticed, rig.state().queued) == (1, 1))


def test_an_entry_that_is_locked_counts_once_it_is_not(rig: Rig) -> None:
    rig.job()
    entry = unfinished(rig)
    lock = rig.root / entry / "model.hlo_module.pb.lock"
    lock.touch()
    finish(rig, entry)
    rig.exit()
    assert rig.queued() == []
    lock.unlink()
    rig.until_queued(entry)


def test_a_failed_entry_does_not_count(rig: Rig) -> None:
    rig.job()
    rig.entry(model__neff=None, model__done=None, model__log=b"failed")
    rig.exit()
    assert rig.queued() == []
    assert rig.state().problems == []


@pytest.mark.parametrize("neff", [b"", makers.neff()[:-20], b"x" * 5000])
def test_a_damaged_neff_is_not_queued(rig: Rig, neff: bytes) -> None:
    rig.job()
    rig.entry(1, model__neff=neff)
    entry = rig.entry(2)
    rig.until_queued(entry)
    rig.until_problem("model.neff is not complete")
    assert rig.state().noticed == 1


def test_an_entry_that_others_may_write_to_is_not_queued(rig: Rig) -> None:
    rig.job()
    bad = unfinished(rig, 1)
    (rig.root / bad).chmod(0o777)
    finish(rig, bad)
    entry = rig.entry(2)
    rig.until_queued(entry)
    rig.until_problem("may be written by others")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_user_s_entry_is_not_queued(rig: Rig) -> None:
    rig.root.mkdir(mode=0o755)
    rig.job()
    theirs = unfinished(rig, 1)
    for path in (rig.root / theirs, *(rig.root / theirs).iterdir()):
        os.chown(path, 65534, 65534)
    finish(rig, theirs)
    entry = rig.entry(2)
    rig.until_queued(entry)
    rig.until_problem("belongs to uid 65534")


@pytest.mark.parametrize("time", [1.0, 4e9])
def test_an_entry_counts_whatever_the_clock_said(rig: Rig, time: float) -> None:
    rig.job()
    entry = unfinished(rig)
    done = rig.root / entry / names.DONE
    done.touch(mode=0o644)
    os.utime(done, (time, time))
    for path in (rig.root / entry, rig.root / natives.VERSION, rig.root):
        os.utime(path, (time, time))
    rig.until_queued(entry)


def test_an_entry_that_cannot_be_queued_is_queued_once_there_is_room(tmp_path: Path) -> None:
    with of_size(tmp_path / "small", "2m"):
        rig = Rig(tmp_path / "small" / "host")
        rig.root = tmp_path / "root"
        rig.variables["NEURON_COMPILE_CACHE_URL"] = str(rig.root)
        try:
            rig.job()
            filler = tmp_path / "small" / "filler"
            _fill(filler)
            entry = rig.entry()
            rig.until_looked_at()
            assert rig.queued() == []
            filler.unlink()
            rig.until_queued(entry)
            rig.exit()
            assert (rig.queued(), rig.state().queued) == ([entry], 1)
        finally:
            rig.end()


def _fill(path: Path) -> None:
    """Until the file system takes no byte more."""
    with path.open("wb", buffering=0) as out, pytest.raises(OSError, match="No space"):
        _write_for_ever(out)


def _write_for_ever(out: RawIOBase) -> None:
    while out.write(b"x" * 4096):
        pass


def test_the_lock_of_a_dead_process_is_removed(rig: Rig) -> None:
    rig.job()
    entry = unfinished(rig)
    lock = rig.root / entry / "model.hlo_module.pb.lock"
    lock.touch()
    script = "import sys; from neffcache import holders; from neffcache.store.local import Store; "
    script += "holders.note(Store(sys.argv[1]), sys.argv[2])"
    subprocess.run([sys.executable, "-c", script, rig.store.path, str(lock)], check=True)
    until(lambda: not lock.exists())


def test_the_lock_of_a_living_process_stays(rig: Rig) -> None:
    rig.job()
    entry = unfinished(rig)
    held, dead = (rig.root / entry / f"model.{one}.lock" for one in ("hlo_module.pb", "other"))
    held.touch()
    dead.touch()
    holders.note(rig.store, str(held))
    script = "import sys; from neffcache import holders; from neffcache.store.local import Store; "
    script += "holders.note(Store(sys.argv[1]), sys.argv[2])"
    subprocess.run([sys.executable, "-c", script, rig.store.path, str(dead)], check=True)
    until(lambda: not dead.exists())
    assert held.exists()
    holders.forget(rig.store, str(held))
