"""Story: each setting does what it says, and a wrong one costs a line, never a compile."""

from __future__ import annotations

import json

import pytest

from hosts import CONV, TRAIN, Host

NAMED = {
    "NEFFCACHE_FROBNICATE": "1",
    "NEFFCACHE_MAX_SIZE": "lots",
    "NEFFCACHE_READONLY": "maybe",
    "NEFFCACHE_WAIT": "soon",
    "NEFFCACHE_REMOTE_TIMEOUT": "nan",
    "NEFFCACHE_COMPILER": "bin/neuronx-cc",
    "NEFFCACHE_CONFIG": "/nowhere/at/all",
    "NEFFCACHE_REMOTES": "s9://bucket/prefix",
}
REMOTES = (
    "nowhere", "file://", "file://relative/path", "file:///x?mode=sideways", "file:///x?odd=1",
    "file://me:hunter2@host/x", "file:///x,file:///x",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_wrong_setting_costs_one_line_and_no_compile(host: Host, name: str) -> None:
    for count in (1, 2):
        done = host.compile(host.root / "work", TRAIN, variables={name: NAMED[name]})
        assert done.status == 0
        assert host.compiles == count
        what, _, remedy = done.err.partition("; ")
        assert what.startswith("neffcache: ")
        assert name in what
        assert remedy.endswith("\n")
        assert done.err.count("\n") == 1
    assert host.outcomes() == ["bad_setting"] * 2


@pytest.mark.parametrize("text", REMOTES)
def test_malformed_remote_is_named_without_its_secret(host: Host, text: str) -> None:
    done = host.compile(host.root / "work", TRAIN, variables={"NEFFCACHE_REMOTES": text})
    assert done.status == 0
    assert done.err.startswith("neffcache: NEFFCACHE_REMOTES: ")
    assert "; " in done.err
    assert done.err.count("\n") == 1
    assert "hunter2" not in done.err + str(host.journal())
    assert host.outcomes() == ["bad_setting"]
    assert host.compiles == 1


def test_status_of_a_failing_compile_survives_a_wrong_setting(host: Host) -> None:
    variables = {"NEFFCACHE_WAIT": "soon", "SDKSTANDIN_FAIL": "exit70"}
    assert host.compile(host.root / "work", TRAIN, variables=variables).status == 70


@pytest.mark.parametrize("text", ["1", "true", "YES", "on"])
def test_disabled_cache_compiles_each_time(host: Host, text: str) -> None:
    assert host.compile(host.root / "work", TRAIN).status == 0
    done = host.compile(host.root / "work", TRAIN, variables={"NEFFCACHE_DISABLE": text})
    assert (done.status, done.err, host.compiles) == (0, "", 2)
    assert host.outcomes() == ["compiled", "disabled"]


@pytest.mark.parametrize("text", ["0", "false", "No", "OFF", ""])
def test_disable_may_be_said_no(host: Host, text: str) -> None:
    for _ in range(2):
        host.compile(host.root / "work", TRAIN, variables={"NEFFCACHE_DISABLE": text})
    assert host.outcomes() == ["compiled", "hit_local"]


def test_required_hit_that_is_missing_is_an_error_naming_the_key(host: Host) -> None:
    required = {"NEFFCACHE_REQUIRE_HIT": "1"}
    done = host.compile(host.root / "work", TRAIN, variables=required)
    assert (done.status, done.out, host.compiles) == (3, "", 0)
    host.compile(host.root / "work", TRAIN)
    missing, compiled = host.journal()
    assert done.err.startswith(f"[NEFFCACHE-MISS] {compiled['key']} ")
    assert done.err.count("\n") == 1
    assert missing["key"] == compiled["key"]
    assert host.compile(host.root / "work", TRAIN, variables=required).status == 0
    assert host.outcomes() == ["required_hit_missing", "compiled", "hit_local"]


def test_required_hit_cannot_come_from_a_call_that_is_not_for_the_cache(host: Host) -> None:
    line = ("compile", "--framework=XLA", str(TRAIN))  # no target
    done = host.cc(host.root / "work", *line, variables={"NEFFCACHE_REQUIRE_HIT": "1"})
    assert (done.status, host.compiles) == (3, 0)
    assert done.err.startswith("[NEFFCACHE-MISS] no key (no_target")


def test_required_hit_does_not_concern_other_commands(host: Host) -> None:
    done = host.cc(host.root / "work", "list-operators", variables={"NEFFCACHE_REQUIRE_HIT": "1"})
    assert (done.status, done.err) == (0, "")
    assert host.outcomes() == ["not_a_compile"]


def test_readonly_serves_and_keeps_nothing(host: Host) -> None:
    host.compile(host.root / "work", TRAIN)
    before = host.entries()
    readonly = {"NEFFCACHE_READONLY": "1"}
    for graph in (TRAIN, CONV, CONV):
        assert host.compile(host.root / "work", graph, variables=readonly).status == 0
    assert host.outcomes() == ["compiled", "hit_local", "compiled_readonly", "compiled_readonly"]
    assert host.entries() == before


def test_recache_compiles_again_and_replaces_the_entry(host: Host) -> None:
    host.compile(host.root / "work", TRAIN)
    (entry,) = host.entries()
    before = entry.read_bytes()
    host.compile(host.root / "work", TRAIN, variables={"NEFFCACHE_RECACHE": "1"})
    assert host.entries() == [entry]
    assert entry.read_bytes() != before
    assert host.outcomes() == ["compiled", "compiled"]
    assert host.notes() == ["recache"]
    fresh = (host.root / "work" / "out.neff").read_bytes()
    host.compile(host.root / "work", TRAIN)
    assert host.outcomes()[2:] == ["hit_local"]
    assert (host.root / "work" / "out.neff").read_bytes() == fresh


def test_recache_that_fails_leaves_the_entry(host: Host) -> None:
    host.compile(host.root / "work", TRAIN)
    failing = {"NEFFCACHE_RECACHE": "1", "SDKSTANDIN_FAIL": "exit70"}
    assert host.compile(host.root / "work", TRAIN, variables=failing).status == 70
    host.compile(host.root / "work", TRAIN)
    assert host.outcomes() == ["compiled", "compile_failed", "hit_local"]


def test_log_gets_one_line_for_each_call(host: Host) -> None:
    log = host.root / "decisions"
    logged = {"NEFFCACHE_LOG": str(log)}
    host.compile(host.root / "work", TRAIN, variables=logged)
    host.compile(host.root / "work", TRAIN, variables=logged)
    host.cc(host.root / "work", "list-operators", variables=logged)
    host.compile(host.root / "work", TRAIN, variables={**logged, "NEFFCACHE_DISABLE": "1"})
    lines = [json.loads(line)["outcome"] for line in log.read_text().splitlines()]
    assert lines == host.outcomes() == ["compiled", "hit_local", "not_a_compile", "disabled"]


def test_log_that_cannot_be_written_changes_nothing(host: Host) -> None:
    for _ in range(2):
        below_a_file = {"NEFFCACHE_LOG": f"{TRAIN}/log"}
        done = host.compile(host.root / "work", TRAIN, variables=below_a_file)
        assert (done.status, done.err) == (0, "")
    assert host.outcomes() == ["compiled", "hit_local"]
