"""`neffcache key GRAPH`: the very key that the shim uses, part by part, or why there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hosts import CONV, REAL_COMPILER, TRAIN, Done, Host
from neffcache import key
from test_sdk import graphs

FLAGS = ("--", "--framework=XLA", "--target=trn1")
NO_COMPILER = {"PATH": "/usr/bin:/bin"}


def asked(
    host: Host, *argv: str, status: int = 0, variables: dict[str, str] | None = None
) -> dict[str, Any]:
    done = host.neffcache("key", "--json", *argv, variables=variables)
    assert (done.status, done.err) == (status, "")
    made: dict[str, Any] = json.loads(done.out)
    assert set(made) >= {"key", "level", "parts", "reason"}
    assert (made["key"] is None) == (status == 1)
    return made


def values(made: dict[str, Any], label: str) -> list[str]:
    return [part["value"] for part in made["parts"] if part["label"] == label]


def text(host: Host, *argv: str, variables: dict[str, str] | None = None) -> Done:
    return host.neffcache("key", *argv, variables=variables)


@pytest.mark.parametrize(
    ("flags", "variables"),
    [
        ([], {}),
        (["-O1", "--lnc", "2", "--tensorizer-options=--a=b --c"], {}),
        ([], {"NEFFCACHE_KEY_LEVEL": "canonical", "NEURON_FSDP": "1"}),
        ([], {"NEFFCACHE_KEY_LEVEL": "raw", "NEFFCACHE_COMPILER_CHECK": "content"}),
        ([], {"NEURON_RANK": "3", "OTHER": "x", "NEFFCACHE_KEY_IGNORE_ENV": "NEURON_RANK"}),
        ([], {"OTHER": "x", "NEFFCACHE_KEY_EXTRA_ENV": "OTH*"}),
        ([], {"LANG": "\0unset", "NEFFCACHE_KEY_EXTRA_ENV": "LC_*"}),
        ([], {"LANG": "\0unset", "LC_CTYPE": "C.UTF-8", "NEFFCACHE_KEY_EXTRA_ENV": "LC_*"}),
        (["--auto-cast=none"], {"NEFFCACHE_COMPILER_ID": "mine"}),
    ],
)
def test_the_key_is_the_one_of_a_following_compile(
    host: Host, tmp_path: Path, flags: list[str], variables: dict[str, str]
) -> None:
    made = asked(host, str(TRAIN), *FLAGS, *flags, variables=variables)
    host.compile(tmp_path, TRAIN, *flags, variables=variables)
    [record] = host.journal()
    assert (record["key"], record["outcome"]) == (made["key"], "compiled")
    assert record["parts"] == [[part["label"], part["value"]] for part in made["parts"]]
    assert asked(host, str(TRAIN), *FLAGS, *flags, variables=variables)["key"] == made["key"]


def test_a_file_that_an_option_names_is_found_from_here(host: Host) -> None:
    (host.root / "io.json").write_text("{}")
    here = asked(host, str(TRAIN), *FLAGS, "--io-config", "io.json")
    host.compile(host.root, TRAIN, "--io-config", "io.json")
    assert here["key"] == host.journal()[0]["key"]
    assert values(here, "file --io-config")


def test_looking_starts_no_compiler_and_leaves_nothing_behind(host: Host) -> None:
    calls = host.root / "calls"
    before = sorted(host.root.rglob("*"))
    asked(host, str(TRAIN), *FLAGS, variables={"SDKSTANDIN_CALLS": str(calls)})
    assert sorted(host.root.rglob("*")) == before


def test_looking_is_no_call(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path, TRAIN)
    asked(host, str(TRAIN), *FLAGS)
    asked(host, str(CONV), *FLAGS)
    assert host.outcomes() == ["compiled"]


def test_the_parts_make_the_key(host: Host) -> None:
    made = asked(host, str(TRAIN), *FLAGS, variables={"NEURON_FSDP": "1"})
    pairs = [(part["label"], part["sha256"]) for part in made["parts"]]
    assert key.combine(pairs) == made["key"]
    assert values(made, "option") == ["--framework=XLA", "--target=trn1"]
    assert values(made, "env NEURON_FSDP") == ["1"]
    assert (made["level"], made["reason"]) == ("strict", None)
    assert values(made, "graph")[0].startswith("strict hlo-module ")


def test_without_a_compiler_the_graph_is_shown_all_the_same(host: Host) -> None:
    whole = asked(host, str(TRAIN), *FLAGS)
    made = asked(host, str(TRAIN), *FLAGS, status=1, variables=NO_COMPILER)
    assert "no neuronx-cc on PATH" in made["reason"]
    assert made["level"] == "strict"
    assert [part["label"] for part in made["parts"]] == ["graph"]
    assert values(made, "graph") == values(whole, "graph")
    done = text(host, str(TRAIN), *FLAGS, variables=NO_COMPILER)
    assert done.status == 1
    assert "key    none" in done.out
    assert "the part of the graph is known" in done.out


def test_a_compiler_that_is_named_needs_no_path(host: Host) -> None:
    named = {**NO_COMPILER, "NEFFCACHE_COMPILER": str(REAL_COMPILER)}
    made = asked(host, str(TRAIN), *FLAGS, variables=named)
    assert made["key"] == asked(host, str(TRAIN), *FLAGS)["key"]


def test_without_a_target_the_remedy_is_named(host: Host) -> None:
    made = asked(host, str(TRAIN), status=1)
    assert "-- --framework=XLA --target=trn1" in made["reason"]
    assert made["level"] == "strict"
    with_target = asked(host, str(TRAIN), variables={"NEFFCACHE_TARGET": "trn2"})
    assert values(with_target, "target") == ["trn2"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dump-everything"], "debugging option"),
        (["--output", "missing/x.neff"], "directory that is not there"),
        (["--pipeline", "link"], "--pipeline asks for more"),
        ([str(CONV)], "several arguments"),
    ],
)
def test_a_compile_that_is_not_for_the_cache_has_no_key(
    host: Host, flags: list[str], words: str
) -> None:
    made = asked(host, str(TRAIN), *FLAGS, *flags, status=1)
    assert words in made["reason"]
    assert [part["label"] for part in made["parts"]] == ["graph"]


def test_a_graph_that_is_not_there(host: Host) -> None:
    made = asked(host, "gone.pb", *FLAGS, status=1)
    assert made["reason"] == "gone.pb: no such file or directory"
    assert (made["level"], made["parts"]) == (None, [])


def test_a_kernel_that_is_not_there_leaves_no_key_and_no_level(host: Host) -> None:
    (host.root / "nki.pb").write_bytes(graphs.hlo(graphs.kernel_call("/gone/k.klir")))
    made = asked(host, "nki.pb", *FLAGS, status=1)
    assert "/gone/k.klir" in made["reason"]
    assert (made["level"], made["parts"]) == (None, [])


def test_files_that_the_graph_names_are_shown(host: Host, tmp_path: Path) -> None:
    kernel = tmp_path / "k.klir"
    kernel.write_text('{"scale": 2}')
    (host.root / "nki.pb").write_bytes(graphs.hlo(graphs.kernel_call(str(kernel))))
    [part] = [p for p in asked(host, "nki.pb", *FLAGS)["parts"] if p["label"] == "graph"]
    assert [(one["path"], one["bytes"]) for one in part["files"]] == [(str(kernel), 12)]
    before = asked(host, "nki.pb", *FLAGS)["key"]
    kernel.write_text('{"scale": 3}')
    assert asked(host, "nki.pb", *FLAGS)["key"] != before
    assert str(kernel) in text(host, "nki.pb", *FLAGS).out


@pytest.mark.parametrize("level", ["raw", "strict", "canonical"])
def test_the_level_can_be_given(host: Host, tmp_path: Path, level: str) -> None:
    made = asked(
        host, "--level", level, str(TRAIN), *FLAGS, variables={"NEFFCACHE_KEY_LEVEL": "raw"}
    )
    assert made["level"] == level
    host.compile(tmp_path, TRAIN, variables={"NEFFCACHE_KEY_LEVEL": level})
    assert host.journal()[0]["key"] == made["key"]


def test_why_a_safer_level_was_used_is_said(host: Host) -> None:
    (host.root / "odd.pb").write_bytes(TRAIN.read_bytes()[:-1])
    made = asked(host, "odd.pb", *FLAGS)
    assert made["level"] == "raw"
    assert made["reason"]
    assert made["reason"] in text(host, "odd.pb", *FLAGS).out


def test_variables_in_the_key_have_their_reason_and_odd_ones_a_hint(host: Host) -> None:
    variables = {"NEURON_NODE_RANK": "3", "NEURON_RT_X": "1", "MY_RANK": "2"}
    made = asked(host, str(TRAIN), *FLAGS, variables=variables)
    [part] = [part for part in made["parts"] if part["label"].startswith("env ")]
    assert (part["label"], part["value"]) == ("env NEURON_NODE_RANK", "3")
    assert "NEURON*" in part["reason"]
    done = text(host, str(TRAIN), *FLAGS, variables=variables)
    assert "looks like a rank" in done.out
    assert "NEURON_RT_X" not in done.out


def test_all_shows_what_stays_out_and_why(host: Host) -> None:
    variables = {"NEURON_RT_X": "1", "MY_OWN": "2", "NEFFCACHE_KEY_IGNORE_ENV": "NEURON_Z"}
    argv = ("--all", str(TRAIN), *FLAGS)
    made = asked(host, *argv, variables={"NEURON_Z": "1", **variables})
    found = {row["name"]: row["reason"] for row in made["left_out"]}
    assert "runtime" in found["NEURON_RT_X"]
    assert "no family" in found["MY_OWN"]
    assert "NEFFCACHE_KEY_IGNORE_ENV" in found["NEURON_Z"]
    assert values(made, "ignored environment") == ["NEURON_Z"]
    assert "MY_OWN" in text(host, *argv, variables=variables).out


def test_people_see_key_level_and_parts(host: Host) -> None:
    made = asked(host, str(TRAIN), *FLAGS)
    done = text(host, str(TRAIN), *FLAGS)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"key    {made['key']}\nlevel  strict (hlo-module, ")
    assert all(value in done.out for value in values(made, "graph") + values(made, "option"))


def test_a_wrong_setting_is_status_2(host: Host) -> None:
    done = text(host, str(TRAIN), *FLAGS, variables={"NEFFCACHE_KEY_LEVEL": "loose"})
    assert (done.status, done.err.count("\n")) == (2, 1)


def test_nothing_in_a_value_moves_the_terminal(host: Host) -> None:
    variables = {"NEURON_X": "\x1b]0;owned\x07\n\u202e"}
    for argv in (["--json", "--all"], ["--all"]):
        done = text(host, *argv, str(TRAIN), *FLAGS, variables=variables)
        assert done.status == 0
        assert set(done.out) - {"\n"} <= {char for char in done.out if char.isprintable()}
