"""The watcher and the roots of caches: not yet there, gone, read only, or a link."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import natives
from mounts import of_size, read_only
from neffcache import watching
from waiting import until
from watch.rig import Rig, finish, unfinished


def test_a_root_that_comes_later(rig: Rig) -> None:
    rig.job()
    assert not rig.root.exists()
    entry = rig.entry()
    rig.until_queued(entry)


def test_a_root_that_is_removed_and_made_again(rig: Rig) -> None:
    entry = rig.entry()
    rig.job()
    rig.until_queued(entry)
    shutil.rmtree(rig.root)
    until(lambda: [how for _kind, how, path in rig.state().roots] == ["not there"])
    rig.empty_queue()
    rig.entry()
    rig.until_queued(entry)


def test_a_version_that_is_replaced(rig: Rig, tmp_path: Path) -> None:
    entry = rig.entry()
    rig.job()
    rig.until_queued(entry)
    rig.empty_queue()
    rig.entry(root=tmp_path / "other")
    os.rename(rig.root / natives.VERSION, tmp_path / "old")
    os.rename(tmp_path / "other" / natives.VERSION, rig.root / natives.VERSION)
    rig.until_queued(entry)


def test_an_entry_that_is_made_anew_counts_again(rig: Rig) -> None:
    entry = rig.entry()
    rig.job()
    rig.until_queued(entry)
    rig.empty_queue()
    rig.remove(entry)
    rig.entry()
    rig.exit()
    assert rig.queued() == [entry]


def test_a_root_that_is_a_link(rig: Rig, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    real.mkdir()
    rig.root.symlink_to(real)
    rig.job()
    entry = rig.entry()
    rig.until_queued(entry)


def test_a_root_on_a_read_only_file_system(rig: Rig) -> None:
    entry = rig.entry()
    with read_only(rig.root):
        rig.end_job(rig.job())
        rig.until_queued(entry)
        rig.until_unwatched()
    assert sorted(os.listdir(rig.root / entry)) == sorted(natives.contents())


def test_a_root_that_is_mounted_later(rig: Rig) -> None:
    rig.job()
    with of_size(rig.root, "16m"):
        entry = rig.entry()
        rig.until_queued(entry)
        until(lambda: ("native", "inotify", str(rig.root)) in rig.state().roots)
        rig.end()


def test_a_root_that_a_job_names_at_run_time(rig: Rig, tmp_path: Path) -> None:
    rig.job()
    other = tmp_path / "named later"
    watching.add_root(rig.watch(), f"{other}/", watching.NATIVE)
    entry = rig.entry(7, other)
    rig.until_queued(entry)


def test_a_cache_on_s3_is_nobody_s_root(rig: Rig) -> None:
    rig.job(NEURON_COMPILE_CACHE_URL="s3://bucket/cache")
    watching.add_root(rig.watch(), "s3://bucket/cache", watching.NATIVE)
    rig.exit()
    assert rig.state().roots == []


def test_what_the_setting_names_is_a_cache_and_holds_neffs(rig: Rig, tmp_path: Path) -> None:
    rig.variables["NEFFCACHE_WATCH"] = f"{tmp_path}/further"
    rig.job()
    entry = rig.entry(7, tmp_path / "further")
    rig.until_queued(entry)


def test_entries_that_were_there_before_are_caught_up(rig: Rig) -> None:
    entries = [rig.entry(number) for number in range(3)]
    rig.job()
    rig.until_queued(*entries)


def test_without_catch_up_only_what_is_made_under_a_watcher_counts(rig: Rig) -> None:
    rig.variables["NEFFCACHE_CATCH_UP"] = "0"
    for round_ in range(2):
        rig.entry(10 * round_)
        job = rig.job()
        rig.exit()
        assert rig.queued() == []
        entry = rig.entry(10 * round_ + 1)
        rig.until_queued(entry)
        rig.empty_queue()
        rig.end_job(job)
        rig.until_unwatched()


def test_without_catch_up_a_killed_watcher_loses_nothing(rig: Rig) -> None:
    rig.variables["NEFFCACHE_CATCH_UP"] = "0"
    rig.entry(0)
    job = rig.job()
    rig.exit()
    rig.kill_watcher()
    entry = rig.entry(1)
    rig.end_job(job)
    rig.job()
    rig.until_queued(entry)


def test_an_overflow_of_events_loses_nothing(rig: Rig) -> None:
    rig.root.mkdir()
    (rig.root / natives.VERSION).mkdir()
    rig.job()
    until(lambda: ("native", "inotify", str(rig.root)) in rig.state().roots)
    (pid,) = rig.watchers()
    os.kill(pid, signal.SIGSTOP)
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(most + 100):
        os.close(os.open(rig.root / str(number), os.O_CREAT | os.O_WRONLY))
    entry = rig.entry()
    os.kill(pid, signal.SIGCONT)
    rig.until_queued(entry)


def test_ten_thousand_entries_at_once(rig: Rig) -> None:
    names = natives.contents()
    first = rig.root / unfinished(rig)
    for number in range(1, 10_000):
        directory = first.with_name(f"MODULE_{1000 + number}+e30acd3a")
        directory.mkdir()
        for name in names:
            if name != "model.done":
                os.link(first / name, directory / name)
    rig.job()
    for number in range(10_000):
        finish(rig, f"{natives.VERSION}/MODULE_{1000 + number}+e30acd3a")
    rig.exit()
    assert len(set(rig.queued())) == 10_000


def test_entries_are_never_looked_for_elsewhere_below_a_root(rig: Rig) -> None:
    rig.job()
    rig.entry(root=rig.root / "other")
    rig.entry(root=rig.root / natives.VERSION / "deeper")
    entry = rig.entry(1)
    rig.until_queued(entry)
    rig.exit()
    assert rig.queued() == [entry]
