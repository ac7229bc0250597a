"""`neffcache doctor`: locks and failures in libneuronxla's cache, hooks, watchers."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

import hung
import takers
from hosts import Host
from neffcache import watched, watching
from neffcache.native import names
from neffcache.store.local import Store

QUIET = {"NEFFCACHE_STRICT": "\0unset"}
TOPICS = ("hooks", "watcher", "locks", "failures")
TOLD = b"......\nstatus 70: [NCC_EVRF059] the kernel file is not there\nCompiler status ERROR\n"


@pytest.fixture(autouse=True)
def root(host: Host) -> Path:
    """The host's compile cache: blanks and a quote are in its path."""
    made = host.root / "joe's neuron cache"
    made.mkdir()
    host.variables["NEURON_COMPILE_CACHE_URL"] = str(made)
    return made


def store(host: Host) -> Store:
    host.store.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Store(str(host.store))


def doctor(host: Host, **variables: str) -> list[dict[str, Any]]:
    """The findings of these topics that are no news of a healthy host."""
    done = host.neffcache("doctor", "--json", variables={**QUIET, **variables})
    assert done.err == ""
    found: list[dict[str, Any]] = json.loads(done.out)["findings"]
    assert all(row["remedy"] for row in found if row["level"] != "ok")
    return [row for row in found if row["topic"] in TOPICS]


def about(found: list[dict[str, Any]], topic: str) -> list[tuple[str, str]]:
    return [(row["level"], row["line"]) for row in found if row["topic"] == topic]


def fail(root: Path, log: bytes, module: str = takers.MODULE) -> Path:
    path = root / module / names.LOG
    path.parent.mkdir(parents=True)
    path.write_bytes(log)
    return path


def test_a_cache_in_order_gives_no_finding(host: Host, root: Path) -> None:
    entry = root / takers.MODULE
    entry.mkdir(parents=True)
    for name in (names.NEFF, names.DONE, names.LOG):
        (entry / name).touch()
    assert {row["topic"] for row in doctor(host)} == {"hooks"}


def test_an_unknown_lock_is_named_with_the_command_that_clears_it(host: Host, root: Path) -> None:
    lock = takers.lock(root)
    [row] = [row for row in doctor(host) if row["topic"] == "locks"]
    assert row["level"] == "warn"
    assert str(lock) in row["line"]
    assert "if no compile of that graph runs anywhere" in row["remedy"]
    subprocess.run(["sh", "-c", row["remedy"].partition(": ")[2]], check=True)
    assert not lock.exists()


def test_a_dead_ones_lock_is_known_as_such(host: Host, root: Path) -> None:
    lock = takers.lock(root)
    takers.say(store(host), takers.ended(), lock)
    [row] = [row for row in doctor(host) if row["topic"] == "locks"]
    assert f"{lock}: its taker is dead" in row["line"]
    assert row["remedy"] == f"rm -f -- {shlex.quote(str(lock))}"
    assert lock.exists()


def test_a_living_ones_lock_is_no_trouble(host: Host, root: Path) -> None:
    takers.say(store(host), takers.this_process(), takers.lock(root))
    assert about(doctor(host), "locks") == [("ok", "1 lock held by living processes")]


def test_a_lock_beside_an_entry_is_found(host: Host, root: Path) -> None:
    beside = root / f"{takers.MODULE}.lock"
    beside.parent.mkdir()
    beside.touch()
    [(level, line)] = about(doctor(host), "locks")
    assert (level, str(beside) in line) == ("warn", True)


def test_many_of_a_kind_are_cut_short(host: Host, root: Path) -> None:
    for number in range(14):
        takers.lock(root, f"neuronxcc-2.1/MODULE_{number}+a")
    found = about(doctor(host), "locks")
    assert len(found) == 11
    assert found[-1][1].startswith("4 more of the kind")


def test_a_failure_of_the_graph_is_named_with_what_the_compiler_said(
    host: Host, root: Path
) -> None:
    log = fail(root, TOLD)
    [row] = [row for row in doctor(host) if row["topic"] == "failures"]
    assert "repeated for ever" in row["line"]
    assert "[NCC_EVRF059] the kernel file is not there" in row["line"]
    assert row["remedy"].endswith(f": rm -f -- {shlex.quote(str(log))}")


@pytest.mark.parametrize(
    ("setting", "words"), [("1", "the hooks have it compiled again"), ("0", "is off")]
)
def test_a_failure_of_the_host_is_told_apart(
    host: Host, root: Path, setting: str, words: str
) -> None:
    fail(root, b"Killed\n")
    [(level, line)] = about(doctor(host, NEFFCACHE_RETRY_FAILED=setting), "failures")
    assert (level, words in line, "(killed)" in line) == ("warn", True, True)


def test_long_paths_come_whole(host: Host, root: Path) -> None:
    lock = takers.lock(root / ("é" * 60) / ("b" * 120))
    deep = {"NEURON_COMPILE_CACHE_URL": str(lock.parents[2])}
    assert str(lock) in about(doctor(host, **deep), "locks")[0][1]


def test_a_cache_that_is_not_there_is_no_finding(host: Host, root: Path) -> None:
    gone = {"NEURON_COMPILE_CACHE_URL": str(root / "none")}
    assert about(doctor(host, **gone), "locks") == []


def test_a_cache_that_cannot_be_reached_does_not_hang_doctor(host: Host, root: Path) -> None:
    if hung.why_not():
        pytest.skip(reason=hung.why_not())
    with hung.mount(root):
        [(level, line)] = about(doctor(host, NEFFCACHE_REMOTE_TIMEOUT="0.5"), "locks")
    assert (level, "silent for 0.5 s" in line) == ("warn", True)


def test_hooks_are_off_unless_asked_for(host: Host) -> None:
    [(level, line)] = about(doctor(host), "hooks")
    assert (level, line.startswith("off;")) == ("ok", True)


def python(host: Host, answer: str) -> Path:
    """A Python first on PATH that says whether it has the hooks."""
    path = host.shims / "python3"
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        ("echo True", "ok", "has them"),
        ("echo False", "warn", "does not have them"),
        ("exit 3", "warn", "does not start (status 3)"),
    ],
)
def test_the_python_of_jobs_is_asked_for_the_hooks(
    host: Host, answer: str, level: str, words: str
) -> None:
    first = python(host, answer)
    on = {"NEFFCACHE_HOOKS": "1", "PATH": f"{host.shims}:{host.real}"}
    found = [row for row in about(doctor(host, **on), "hooks") if str(first) in row[1]]
    assert [(row[0], words in row[1]) for row in found] == [(level, True)]


def test_a_real_python_with_the_product_has_them(host: Host) -> None:
    on = {"NEFFCACHE_HOOKS": "1", "PATH": f"{host.shims}:{host.real}"}
    found = about(doctor(host, **on), "hooks")
    assert [level for level, _line in found] == ["ok"] * len(found)
    assert found


def test_hooks_in_a_settings_file_do_nothing(host: Host, tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("hooks = true\n")
    [(level, line)] = about(doctor(host, NEFFCACHE_CONFIG=str(tmp_path / "conf")), "hooks")
    assert (level, f"{tmp_path}/conf:1" in line) == ("warn", True)


def test_a_watchers_problems_are_told(host: Host) -> None:
    write_watch(host, problems=["the root /x cannot be read"], noticed=0)
    assert about(doctor(host), "watcher") == [("warn", "the root /x cannot be read")]


def write_watch(host: Host, problems: list[str], noticed: int) -> None:
    """As a watcher that has ended left its state."""
    made = watched.State()
    made.noticed, made.problems = noticed, problems
    directory = Path(store(host).path, watching.TOP, "0" * 32)
    directory.mkdir(parents=True)
    (directory / watching.STATE).write_bytes(made.text())
    os.chmod(directory, 0o700)
