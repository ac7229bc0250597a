"""The watcher and NEFFs without a key: those that were compiled past the shim are counted, once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from entries import key_of, put
from hosts import TRAIN, Host
from neffcache import watching
from unit import makers
from waiting import until
from watch.rig import Rig


def _neff(path: Path, content: bytes = b"1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(makers.neff(content=content))
    return path


def test_neffs_that_nobody_knows_are_counted_once(rig: Rig, tmp_path: Path) -> None:
    rig.variables["TORCH_NEURONX_NEFF_CACHE_DIR"] = str(tmp_path / "native torch")
    job = rig.job()
    _neff(tmp_path / "native torch" / "ab" / "one.neff", b"1")
    _neff(tmp_path / "native torch" / "two.neff", b"2")
    rig.exit()
    assert rig.state().past == 2
    rig.end_job(job)
    rig.until_unwatched()
    rig.job()
    rig.exit()
    assert rig.state().past == 2
    assert rig.queued() == []


def test_vllm_s_directory_is_looked_at_by_its_variable_and_by_default(rig: Rig) -> None:
    rig.job(VLLM_CACHE_ROOT=f"{rig.path}/vllm root")
    _neff(rig.path / "vllm root" / "neuron" / "compile_cache" / "x" / "graph_1.neff")
    rig.job(VLLM_CACHE_ROOT="")
    _neff(rig.path / ".cache" / "vllm" / "neuron" / "compile_cache" / "graph_2.neff", b"2")
    rig.exit()
    assert rig.state().past == 2


def test_neffs_of_the_store_came_through_the_shim(rig: Rig) -> None:
    rig.variables["NEFFCACHE_WATCH"] = f"{rig.path}/neffs"
    rig.job()
    known = _neff(rig.path / "neffs" / "known.neff", b"1")
    put(rig.store, key_of("1"), known.read_bytes())
    _neff(rig.path / "neffs" / "unknown.neff", b"2")
    rig.exit()
    assert rig.state().past == 1


def test_neffs_of_the_journal_came_through_the_shim(rig: Rig, tmp_path: Path) -> None:
    host = Host(
        tmp_path / "other", {"SDKSTANDIN_FAKE": "1", "NEFFCACHE_DIR": str(rig.path / "cache")}
    )
    assert host.compile(rig.path / "neffs", TRAIN).status == 0
    for path in Path(rig.store.path, "entries").glob("*/*.tar"):
        path.unlink()
    rig.variables["NEFFCACHE_WATCH"] = f"{rig.path}/neffs"
    rig.job()
    _neff(rig.path / "neffs" / "unknown.neff", b"2")
    rig.exit()
    assert rig.state().past == 1


def test_neffs_of_libneuronxla_s_entries_are_not_counted(rig: Rig) -> None:
    rig.variables["NEFFCACHE_WATCH"] = str(rig.root)
    rig.job()
    entry = rig.entry()
    rig.exit()
    assert (rig.queued(), rig.state().past) == ([entry], 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_user_s_neffs_are_not_counted(rig: Rig) -> None:
    rig.variables["NEFFCACHE_WATCH"] = f"{rig.path}/neffs"
    os.chown(_neff(rig.path / "neffs" / "theirs.neff"), 65534, 65534)
    _neff(rig.path / "neffs" / "ours.neff", b"2")
    rig.job()
    rig.exit()
    assert rig.state().past == 1


def test_links_out_of_a_directory_are_not_followed(rig: Rig, tmp_path: Path) -> None:
    rig.variables["NEFFCACHE_WATCH"] = f"{rig.path}/neffs"
    _neff(tmp_path / "elsewhere" / "one.neff")
    _neff(rig.path / "neffs" / "ours.neff", b"2")
    (rig.path / "neffs" / "away").symlink_to(tmp_path / "elsewhere")
    (rig.path / "neffs" / "away.neff").symlink_to(tmp_path / "elsewhere" / "one.neff")
    rig.job()
    rig.exit()
    assert rig.state().past == 1


def test_a_neff_that_is_compiled_just_now_is_not_judged_yet(rig: Rig) -> None:
    rig.variables["NEFFCACHE_WATCH"] = f"{rig.path}/neffs"
    _neff(rig.path / "neffs" / "new.neff")
    rig.job()
    watching.ask_save(rig.watch())
    until(lambda: ("neffs", "polling", f"{rig.path}/neffs") in rig.state().roots)
    assert rig.state().past == 0
