"""The SDKSTANDIN_* switches: failures, delays, sizes, and what the process saw."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from neuronxcc import neff
from test_sdk import graphs
from test_sdk.compiler import Compiler


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return graphs.write(tmp_path / "in.pb", graphs.hlo(graphs.ADD))


def _line(graph: Path) -> list[str]:
    return ["compile", "--framework=XLA", str(graph), "--output=out.neff", "--target=trn1"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_death_by_signal(cc: Compiler, graph: Path, number: int) -> None:
    done = cc(*_line(graph), FAIL=f"sig{int(number)}")
    assert done.returncode == -number
    assert not (cc.cwd / "out.neff").exists()


@pytest.mark.parametrize("status", [1, 70])
def test_an_exit_status(cc: Compiler, graph: Path, status: int) -> None:
    done = cc(*_line(graph), FAIL=f"exit{status}")
    assert done.returncode == status
    assert "[NCC_E" in done.stderr
    assert "[NCC_E" in (cc.cwd / "log-neuron-cc.txt").read_text()
    assert os.listdir(cc.cwd) == ["log-neuron-cc.txt"]


def test_success_without_a_neff(cc: Compiler, graph: Path) -> None:
    done = cc(*_line(graph), FAIL="none")
    assert done.returncode == 0
    assert os.listdir(cc.cwd) == ["log-neuron-cc.txt"]


@pytest.mark.parametrize("fail", ["truncated", "garbage", "mid-sig9"])
def test_a_neff_that_is_none(cc: Compiler, graph: Path, fail: str) -> None:
    done = cc(*_line(graph), FAIL=fail, FAKE="1")
    assert done.returncode == (-9 if fail == "mid-sig9" else 0)
    with pytest.raises(neff.NeffError):
        neff.info(str(cc.cwd / "out.neff"))


def test_sleep_and_memory(cc: Compiler, graph: Path) -> None:
    start = time.monotonic()
    assert cc(*_line(graph), SLEEP="0.5", MEMORY_MB="64", FAKE="1").returncode == 0
    assert time.monotonic() - start > 0.5


def test_padding(cc: Compiler, graph: Path) -> None:
    assert cc(*_line(graph), NEFF_MB="3", FAKE="1").returncode == 0
    assert (cc.cwd / "out.neff").stat().st_size > 3 << 20
    assert neff.info(str(cc.cwd / "out.neff"))["fake"]


def test_compiles_and_calls_are_counted(cc: Compiler, graph: Path) -> None:
    count, calls = cc.cwd / "count", cc.cwd / "calls"
    cc(*_line(graph), COUNT=str(count), CALLS=str(calls), FAIL="exit70")
    cc("list-operators", COUNT=str(count), CALLS=str(calls))
    counted = [json.loads(line) for line in count.read_text().splitlines()]
    assert [line["input"] for line in counted] == [str(graph)]
    assert len(calls.read_text().splitlines()) == 2


def test_a_fake_neff_does_not_run(cc: Compiler, graph: Path) -> None:
    done = cc.neff_run(cc.compile(graph, FAKE="1"))
    assert done.returncode == 1
    assert "SDKSTANDIN_FAKE" in done.stderr


def test_a_fake_compile_keeps_the_digests_honest(cc: Compiler, graph: Path) -> None:
    other = graphs.write(graph.with_name("other.pb"), graphs.hlo(graphs.MULTIPLY))
    same = graphs.write(graph.with_name("same.pb"), graph.read_bytes())
    seen = [neff.info(str(cc.compile(g, FAKE="1"))) for g in (graph, same, other)]
    for name in ("graph_sha256", "optimized_hlo_sha256"):
        assert seen[0][name] == seen[1][name] != seen[2][name]


def test_the_dump_shows_what_the_process_saw(cc: Compiler, graph: Path) -> None:
    dump = cc.cwd / "dump.json"
    assert cc(*_line(graph), env={"ODD": "a=b"}, DUMP=str(dump), FAIL="exit70").returncode == 70
    seen = json.loads(dump.read_text())
    assert ["ODD", "a=b"] in seen["environ_exec"]
    assert ["ODD", "a=b"] in seen["environ"]
    assert seen["argv"][-len(_line(graph)) :] == _line(graph)
    assert seen["cwd"] == str(cc.cwd)
    assert seen["ppid"] == os.getpid()
    assert seen["process_group"] == os.getpgrp()
    assert seen["session"] == os.getsid(0)
    assert sorted(seen["descriptors"]) == ["0", "1", "2"]
    assert seen["umask"] == _umask()
    assert {"SIGPIPE", "SIGXFSZ"} <= set(seen["signals"]["ignored"])
    assert seen["comm"] == "neuronx-cc"


def _umask() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    raise AssertionError("this kernel does not show the umask")


def test_salt_is_a_compiler_that_is_not_deterministic(cc: Compiler, graph: Path) -> None:
    salts = ("", "a", "a", "b")
    seen = [neff.info(str(cc.compile(graph, FAKE="1", SALT=salt))) for salt in salts]
    digests = [info.pop("optimized_hlo_sha256") for info in seen]
    assert digests[1] == digests[2]
    assert len(set(digests)) == 3
    assert all(info == seen[0] for info in seen)


@pytest.mark.parametrize("wrapped", ["none", "foreign"])
def test_a_wrapper_that_does_not_fit(cc: Compiler, graph: Path, wrapped: str) -> None:
    out = cc.compile(graph, "--enable-internal-neff-wrapper", WRAPPED=wrapped, FAKE="1")
    path = cc.cwd / "wrapped_neff.hlo"
    assert path.exists() == (wrapped == "foreign")
    assert not path.exists() or out.read_bytes() not in path.read_bytes()
