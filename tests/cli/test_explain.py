"""`neffcache explain`: the reason of real calls, their keys, the nearest entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import entries
from hosts import CONV, FORWARD, TRAIN, Host
from neffcache.store.local import Store

FIELDS = {
    "time", "outcome", "kind", "words", "notes", "key", "stored", "parts", "nearest", "argv",
    "cwd", "graph", "output", "compile_seconds",
}  # fmt: skip


def explain(host: Host, *argv: str) -> list[dict[str, Any]]:
    done = host.neffcache("explain", "--json", *argv)
    assert (done.status, done.err) == (0, "")
    made: list[dict[str, Any]] = json.loads(done.out)["calls"]
    return made


def write_journal(host: Host, *lines: object) -> None:
    (host.store / "journal").mkdir(parents=True)
    host.store.chmod(0o700)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (host.store / "journal" / "journal.log").write_text(text)


def test_without_calls_the_answer_is_no(host: Host) -> None:
    done = host.neffcache("explain")
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)


def test_a_miss_names_the_nearest_entry_and_what_differs(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, CONV)
    host.compile(tmp_path, TRAIN, "-O1", variables={"NEURON_FSDP": "1"})
    host.compile(tmp_path, TRAIN, "-O2", variables={"NEURON_FSDP": "2"})
    [call] = explain(host)
    assert set(call) >= FIELDS
    near = call["nearest"]
    assert near["looked_at"] == 2
    assert [row["words"] for row in near["differences"]] == [
        "option: --optlevel=2 now, --optlevel=1 in the stored entry",
        "env NEURON_FSDP: 2 now, 1 in the stored entry",
    ]


def test_another_graph_is_said_to_be_another_graph(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, TRAIN)
    host.compile(tmp_path, FORWARD)
    out = host.neffcache("explain").out
    assert "the graph itself: strict hlo-module " in out
    assert "differs in 1 part:" in out


def test_the_level_of_a_call_is_said_of_misses_and_hits(host: Host, tmp_path: Path) -> None:
    canonical = {"NEFFCACHE_KEY_LEVEL": "canonical"}
    host.compile(tmp_path, TRAIN)
    host.compile(tmp_path, TRAIN, variables=canonical)
    host.compile(tmp_path, TRAIN, variables=canonical)
    found = explain(host, "--last", "3")
    assert [call["outcome"] for call in found] == ["hit_local", "compiled", "compiled"]
    assert [call["level"] for call in found] == ["canonical", "canonical", "strict"]
    assert [call["reasons"] for call in found] == [[], [], []]
    differences = found[1]["nearest"]["differences"]
    assert [row["label"] for row in differences] == ["graph"]
    out = host.neffcache("explain").out
    assert ["level", "canonical"] in [line.split() for line in out.splitlines()]


def test_why_a_safer_level_was_used_is_said(host: Host, tmp_path: Path) -> None:
    odd = tmp_path / "odd.pb"
    odd.write_bytes(TRAIN.read_bytes()[:-1])
    host.compile(tmp_path, odd)
    [call] = explain(host)
    assert call["level"] == "raw"
    assert call["reasons"]
    assert call["reasons"] == host.journal()[0]["reasons"]
    assert call["reasons"][0] in host.neffcache("explain").out


def test_why_is_said_of_a_required_hit_that_was_missing(host: Host, tmp_path: Path) -> None:
    odd = tmp_path / "odd.pb"
    odd.write_bytes(TRAIN.read_bytes()[:-1])
    host.compile(tmp_path, odd, variables={"NEFFCACHE_REQUIRE_HIT": "1"})
    [call] = explain(host)
    assert (call["outcome"], call["level"]) == ("required_hit_missing", "raw")
    assert call["reasons"]


def test_values_known_only_elsewhere_are_shown_as_digests(host: Host, tmp_path: Path) -> None:
    """The manifest holds no value of the environment; the journal that did is gone."""
    host.compile(tmp_path, TRAIN, variables={"NEURON_FSDP": "secret-one"})
    (host.store / "journal" / "journal.log").unlink()
    host.compile(tmp_path, TRAIN, variables={"NEURON_FSDP": "two"})
    [row] = explain(host)[0]["nearest"]["differences"]
    assert row["stored"]["text"] is None
    assert "sha256" in row["words"]


def test_a_key_variable_that_looks_like_a_rank_is_pointed_at(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, TRAIN, variables={"NEURON_NODE_RANK": "3"})
    parts = {part["label"]: part["hint"] for part in explain(host)[0]["parts"]}
    assert "rank" in parts["env NEURON_NODE_RANK"]
    assert parts["compiler"] is None
    assert "look at these" in host.neffcache("explain").out


def test_a_hit_shows_its_key_from_the_store(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, TRAIN)
    host.compile(tmp_path, TRAIN)
    [call] = explain(host)
    labels = [part["label"] for part in call["parts"]]
    assert (call["outcome"], call["kind"], call["nearest"]) == ("hit_local", "hit", None)
    assert {"compiler", "graph", "option"} <= set(labels)


def test_a_bypass_names_its_reason(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, tmp_path / "gone")
    [call] = explain(host)
    assert (call["outcome"], call["kind"], call["key"]) == ("no_input", "bypass", None)
    assert "no argument names an existing graph" in host.neffcache("explain").out


def test_the_last_calls_come_newest_first(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, TRAIN)
    host.compile(tmp_path, TRAIN)
    host.cc(tmp_path, "--version")
    outcomes = [call["outcome"] for call in explain(host, "--last", "2")]
    assert outcomes == ["not_a_compile", "hit_local"]


@pytest.mark.parametrize("digits", [6, 12, 64])
def test_a_key_may_be_shortened(host: Host, tmp_path: Path, digits: int) -> None:
    host.compile(tmp_path, TRAIN)
    key = str(host.journal()[0]["key"])
    host.compile(tmp_path, FORWARD)
    assert [call["key"] for call in explain(host, key[:digits].upper())] == [key]


def test_an_unknown_key_is_status_1(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, TRAIN)
    done = host.neffcache("explain", "0" * 20)
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)


def test_an_ambiguous_key_is_status_2(host: Host) -> None:
    host.store.mkdir(mode=0o700, parents=True)
    store = Store(str(host.store))
    for last in "ab":
        entries.put(store, "c" * 63 + last, b"neff")
    done = host.neffcache("explain", "c" * 8)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "2 keys" in done.err


def test_an_entry_without_a_call_is_explained_from_the_store(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, TRAIN)
    key = str(host.journal()[0]["key"])
    (host.store / "journal" / "journal.log").unlink()
    [call] = explain(host, key[:10])
    assert (call["stored"], call["words"]) == (True, None)
    assert "no longer holds its call" in host.neffcache("explain", key).out


def test_damaged_entries_are_passed_over(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, CONV)
    for path in host.entries():
        path.write_bytes(b"damaged")
    host.compile(tmp_path, TRAIN)
    assert explain(host)[0]["nearest"] is None
    assert len(host.entries()) == 2


def test_looking_is_not_using(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, CONV)
    host.compile(tmp_path, TRAIN)
    before = [path.stat().st_mtime_ns for path in host.entries()]
    explain(host)
    assert [path.stat().st_mtime_ns for path in host.entries()] == before


def test_a_required_hit_that_was_missing_is_compared_too(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, CONV)
    host.compile(tmp_path, TRAIN, variables={"NEFFCACHE_REQUIRE_HIT": "1"})
    [call] = explain(host)
    assert call["outcome"] == "required_hit_missing"
    assert call["nearest"]["differences"][0]["label"] == "graph"


def test_terminal_control_never_reaches_the_terminal(host: Host) -> None:
    nasty = "\x1b]0;owned\x07\x9b2J\u202e\x7f"
    write_journal(
        host,
        {
            "outcome": nasty,
            "detail": nasty,
            "graph": nasty,
            "argv": [nasty],
            "key": "d" * 64,
            "notes": [[nasty, nasty], ["remote_failed", nasty]],
            "parts": [[nasty, nasty], ["env A", "\ud800"], ["graph", nasty]],
            "reasons": [nasty],
        },
    )
    for argv in (["explain"], ["explain", "--json"], ["stats"]):
        done = host.neffcache(*argv)
        assert done.status == 0
        assert set(done.out) - {"\n"} <= {char for char in done.out if char.isprintable()}


@pytest.mark.parametrize(
    "field", ["time", "key", "notes", "parts", "argv", "detail", "graph", "level", "reasons"]
)
@pytest.mark.parametrize("value", [7, -1e300, "x", [], [1], {}, None, True, [["a", 1]]])
def test_foreign_journal_lines_are_no_fault(host: Host, field: str, value: object) -> None:
    write_journal(host, {"outcome": "compiled", field: value})
    for argv in (["explain"], ["explain", "--json"]):
        done = host.neffcache(*argv)
        assert (done.status, done.err) == (0, "")
