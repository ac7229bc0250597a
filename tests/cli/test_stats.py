"""`neffcache stats`: the counts of real calls, the store, the queue, set to zero."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import entries
from hosts import FORWARD, TRAIN, Host
from neffcache import backlog, queue, remote
from neffcache.store.local import Store

FIELDS = {
    "outcomes": dict, "notes": dict, "saved_seconds": float, "compile_seconds": float,
    "bytes": int, "since": float, "calls": int, "kinds": dict, "store": dict,
    "remotes": list, "queue": list, "dead": list, "watch": dict,
}  # fmt: skip
STORE = {"path": str, "bytes": int, "entries": int, "limit": int}


def stats(host: Host, *argv: str, **variables: str) -> dict[str, Any]:
    done = host.neffcache("stats", "--json", *argv, variables=variables)
    assert (done.status, done.err) == (0, "")
    made: dict[str, Any] = json.loads(done.out)
    return made


def make_store(host: Host) -> Store:
    host.store.mkdir(mode=0o700, parents=True)
    return Store(str(host.store))


def wait_for_remote(store: Store, url: str, key: str = "a" * 64, **environ: str) -> queue.Marker:
    """An entry that waits for a remote."""
    variables = {name.encode(): value.encode() for name, value in environ.items()}
    [marker] = queue.enqueue(store, key, [remote.parse(url)], variables)
    return marker


def test_a_host_without_calls(host: Host) -> None:
    made = stats(host)
    assert (made["outcomes"], made["calls"], made["hit_rate"]) == ({}, 0, None)
    assert "doctor" in host.neffcache("stats").out


def test_calls_are_counted_by_outcome(host: Host, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        host.compile(tmp_path / name, TRAIN)
    host.cc(tmp_path / "a", "--version")
    made = stats(host)
    assert made["outcomes"] == {"compiled": 1, "hit_local": 2, "not_a_compile": 1}
    assert made["kinds"] == {"hit": 2, "miss": 1, "bypass": 1, "error": 0, "other": 0}
    assert made["hit_rate"] == pytest.approx(2 / 3)
    assert made["saved_seconds"] > 0
    assert made["compile_seconds"] > 0


def test_the_fields_for_programs(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path / "a", TRAIN)
    host.compile(tmp_path / "a", TRAIN)
    made = stats(host)
    assert {name: type(made[name]) for name in FIELDS} == FIELDS
    assert {name: type(made["store"][name]) for name in STORE} == STORE


def test_the_store_is_measured(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path / "a", TRAIN)
    host.compile(tmp_path / "a", FORWARD)
    made = stats(host, NEFFCACHE_MAX_SIZE="1G")["store"]
    assert (made["path"], made["entries"], made["limit"]) == (str(host.store), 2, 1 << 30)
    assert made["bytes"] == sum(path.stat().st_size for path in host.entries())


def test_people_read_the_words(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path / "a", TRAIN)
    host.compile(tmp_path / "a", TRAIN)
    out = host.neffcache("stats").out
    assert "50.0 % hits" in out
    assert "hit_local  answered from the local store" in out
    assert "1 entry" in out


def test_zero_starts_anew(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path / "a", TRAIN)
    assert stats(host, "--zero")["outcomes"] == {"compiled": 1}
    assert stats(host)["outcomes"] == {}
    host.compile(tmp_path / "a", TRAIN)
    assert stats(host)["outcomes"] == {"hit_local": 1}


def test_zero_on_a_store_that_cannot_be_written_is_one_line(host: Host) -> None:
    store = make_store(host)
    (host.store / "journal").mkdir()
    (host.store / "journal" / "zero.json").mkdir()
    done = host.neffcache("stats", "--zero")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert store.path


def test_what_waits_is_shown_with_its_credential(host: Host) -> None:
    store = make_store(host)
    wait_for_remote(store, f"file://{host.root}/far/r?credential=env:TOKEN_A", TOKEN_A="hush")
    [row] = stats(host)["queue"]
    assert (row["waiting"], row["credential"]) == (1, "env:TOKEN_A")
    assert row["destination"] == f"file://{host.root}/far/r"
    assert "TOKEN_A is not set" in row["reason"]
    out = host.neffcache("stats").out
    assert "env:TOKEN_A" in out
    assert "hush" not in out


def test_what_nobody_is_about_to_send_is_told_so(host: Host) -> None:
    wait_for_remote(make_store(host), f"file://{host.root}/far/r")
    assert not stats(host)["queue"][0]["served"]
    assert "nobody is sending it now, `neffcache flush` does" in host.neffcache("stats").out


def test_what_was_refused_is_shown_with_the_reason(host: Host) -> None:
    store = make_store(host)
    marker = wait_for_remote(store, f"file://{host.root}/far/r")
    backlog.bury(store, marker, "not \x1b[31mpermitted")
    [row] = stats(host)["dead"]
    assert (row["key"], row["reason"]) == ("a" * 64, "not \x1b[31mpermitted")
    out = host.neffcache("stats").out
    assert "not \\x1b[31mpermitted" in out


def test_entries_of_the_store_are_not_touched(host: Host) -> None:
    store = make_store(host)
    path = entries.put(store, "b" * 64, b"neff")
    before = path.stat().st_mtime_ns
    stats(host)
    assert path.stat().st_mtime_ns == before


def test_a_journal_of_another_version_is_shown_safely(host: Host) -> None:
    make_store(host)
    (host.store / "journal").mkdir()
    line = json.dumps({"outcome": "hit_\x1b[2Jmagic", "notes": [["n\u202eote"]]})
    (host.store / "journal" / "journal.log").write_text(line + "\n")
    made = stats(host)
    assert (made["kinds"]["other"], made["calls"]) == (1, 1)
    out = host.neffcache("stats").out
    assert "hit_\\x1b[2Jmagic" in out
    assert "\u202e" not in out


def test_a_journal_removed_while_zeroed_counts_from_nothing(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path / "a", TRAIN)
    stats(host, "--zero")
    shutil.rmtree(host.store / "journal")
    assert stats(host)["outcomes"] == {}


def test_each_remote_says_where_it_was_named(host: Host) -> None:
    home = host.root / "hf"
    home.mkdir()
    name_file = home / "optimum_neuron_custom_cache"
    name_file.write_text("o/saved")
    named = {"CUSTOM_CACHE_REPO": "o/custom", "HF_HOME": str(home)}
    rows = stats(host, **named)["remotes"]
    assert rows == [
        {"url": "hf://o/custom", "mode": "rw", "origin": "CUSTOM_CACHE_REPO"},
        {"url": "hf://o/saved", "mode": "ro", "origin": str(name_file)},
    ]
    told = host.neffcache("stats", variables={**named, "NEFFCACHE_REMOTES": "file:///a"}).out
    assert "file:///a      rw  NEFFCACHE_REMOTES\n" in told
    assert "hf://o/custom  ro  CUSTOM_CACHE_REPO\n" in told
