"""Failed compiles: which logs tell of the host, and how such a log leaves its entry."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neffcache.native import names, poison, state

ARGV = (
    b"['neuronx-cc', 'compile', '--framework=XLA', '/tmp/Killed/signal 9/model.pb', '--x=SIGKILL']"
)
HOST = [
    b"[F137] neuronx-cc was forcibly killed - This most commonly occurs due to insufficient memory",
    b"this most commonly occurs due to insufficient system memory. Using a smaller data type",
    b"Failed compilation with " + ARGV + b": 2024-09-20T13:35:59Z [F137] neuronx-cc was killed",
    b"neuronx-cc failed with -9",
    b"Compile command returned: -9",
    b"Command " + ARGV + b" died with <Signals.SIGKILL: 9>.",
    b"Command 'neuronx-cc compile' returned non-zero exit status 137.",
    b"status 137: ..........",
    b"status -9: ..........",
    b"process exited with exit code: 137",
    b"exitcode=-9",
    b"terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc",
    b"[NCC_INLA001] Unhandled exception with message: std::bad_alloc",
    b"Traceback (most recent call last):\n  File x\nMemoryError",
    b"numpy.core._exceptions._ArrayMemoryError: Unable to allocate 3.00 GiB for an array",
    b"OSError: [Errno 12] Cannot allocate memory",
    b"fork: Cannot allocate memory",
    b"LLVM ERROR: out of memory",
    b"cc1plus: virtual memory exhausted: Cannot allocate memory",
    b"Out of memory: Killed process 4711 (walrus_driver)",
    b"memory cgroup: oom-kill",
    b"container was OOMKilled",
    b"........\nKilled\n",
    b"/opt/bin/neuronx-cc: line 7: 12345 Killed                  exec python3 -m neuronxcc",
    b"killed by signal 9",
    b"Traceback (most recent call last):\n  File x\nKeyboardInterrupt\n",
    b"died with <Signals.SIGINT: 2>.",
    b"died with <Signals.SIGTERM: 15>.",
    b"died with <Signals.SIGHUP: 1>.",
    b"terminated by signal 15",
    b"exit status 143",
    b"neuronx-cc failed with -15",
    b"OSError: [Errno 28] No space left on device: '/tmp/ubuntu/x'",
    b"Disk quota exceeded",
    b"WARNING: [NCC_WARN001] slow path taken\nKilled",
]
GRAPH = [
    b"",
    b"Compiler status ERROR",
    b"[NCC_EVRF059] the kernel file is not there",
    b"[NCC_EOOM001] The combined memory needed for the model exceeds the limit: out of memory",
    b"[NCC_EXSP001] exceeds SBUF memory; ran out of memory\nKilled",
    b"2025 USER 55 [d.C]: [NLA001]  Unhandled exception: Allocated memory out of bound",
    b"SBUF: out of memory in partition 3",
    b"RuntimeError: HBM out of memory",
    b"[F134] neuronx-cc terminated abnormally - Please open a support ticket",
    b"[F139] neuronx-cc terminated abnormally",
    b"died with <Signals.SIGSEGV: 11>.",
    b"died with <Signals.SIGABRT: 6>.",
    b"returned non-zero exit status 70.",
    b"Failed compilation with " + ARGV + b": status 70",
    b"walrus_driver: error while loading shared libraries: libxml2.so.2: no such file",
    b"the pass failed 137 times, status ok",
    b"instruction 137 expects at least 9 elements",
    b"Killed_tensor.2 is not used",
    b"neuronx-cc compile /tmp/SIGKILL/x.pb --on=SIGTERM --signal 9: bad shape",
]


@pytest.mark.parametrize("text", HOST)
def test_the_host_was_to_blame(text: bytes) -> None:
    assert poison.judge(text)
    assert poison.judge(b".....\n" * 1000 + text + b"\nCompiler status ERROR\n")


@pytest.mark.parametrize("text", GRAPH)
def test_the_graph_was_to_blame(text: bytes) -> None:
    assert poison.judge(text) == ""


@pytest.mark.parametrize("text", [t for t in GRAPH if b"NCC_" in t])
def test_what_the_compiler_said_of_the_graph_outweighs_how_it_ended(text: bytes) -> None:
    assert poison.judge(text + b"\nKilled\n") == ""
    assert poison.judge(b"KeyboardInterrupt\n" + text) == ""


def test_our_own_mark_is_always_found() -> None:
    text = b"status 3: [NEFFCACHE-MISS] nothing stored has the key\n[NCC_EVRF059] x"
    assert poison.judge(text) == poison.MISS


def test_an_endless_line_is_read_in_no_time() -> None:
    assert poison.judge(b"." * (1 << 20) + b"\nKilled\n") == "killed"
    assert poison.judge(b"['a' " * 100_000) == ""


def failed(tmp_path: Path, log: bytes = b"Killed\n") -> Path:
    entry = tmp_path / "MODULE_1+2"
    entry.mkdir()
    (entry / names.HLO).write_bytes(b"graph")
    (entry / names.LOG).write_bytes(log)
    return entry


def test_a_log_that_is_set_aside_leaves_an_empty_entry(tmp_path: Path) -> None:
    entry = failed(tmp_path)
    assert poison.set_aside(str(entry), str(tmp_path / "kept"))
    assert os.listdir(entry) == [names.HLO]
    assert state.of(os.listdir(entry)) == state.PARTIAL


def test_it_is_kept_where_nobody_pushes_it(tmp_path: Path) -> None:
    entry = failed(tmp_path, b"Killed at /home/joe\n")
    poison.set_aside(str(entry), str(tmp_path / "kept"))
    [kept] = (tmp_path / "kept").iterdir()
    assert kept.read_bytes().endswith(b"Killed at /home/joe\n")
    assert kept.read_bytes().startswith(bytes(entry))
    assert kept.stat().st_mode & 0o777 == 0o600


def test_where_it_cannot_be_kept_it_stays_by_another_name(tmp_path: Path) -> None:
    entry = failed(tmp_path)
    (tmp_path / "kept").write_text("no directory")
    assert poison.set_aside(str(entry), str(tmp_path / "kept"))
    assert state.of(os.listdir(entry)) == state.PARTIAL
    (entry / names.LOG).write_bytes(b"again")
    assert poison.set_aside(str(entry))
    assert len(os.listdir(entry)) == 2


def test_only_the_last_ones_are_kept(tmp_path: Path) -> None:
    for number in range(60):
        entry = tmp_path / f"MODULE_{number}"
        entry.mkdir()
        (entry / names.LOG).write_bytes(b"Killed")
        poison.set_aside(str(entry), str(tmp_path / "kept"))
    assert len(os.listdir(tmp_path / "kept")) == 50


def test_no_log_is_no_failure(tmp_path: Path) -> None:
    entry = failed(tmp_path)
    (entry / names.LOG).unlink()
    assert poison.read(str(entry)) is None
    assert not poison.set_aside(str(entry))


def test_a_log_beside_a_result_is_left_alone(tmp_path: Path) -> None:
    entry = failed(tmp_path)
    (entry / names.NEFF).touch()
    assert poison.read(str(entry)) == b"Killed\n"
    (entry / names.DONE).touch()
    assert poison.read(str(entry)) is None


def test_both_ends_of_a_large_log_are_read(tmp_path: Path) -> None:
    log = b"[NEFFCACHE-MISS]\n" + b"." * (5 << 20) + b"\nKilled\n"
    read = poison.read(str(failed(tmp_path, log)))
    assert read is not None
    assert read.startswith(b"[NEFFCACHE-MISS]")
    assert read.endswith(b"\nKilled\n")
    assert len(read) < 2 << 20


def test_a_log_that_is_no_file_is_not_read(tmp_path: Path) -> None:
    entry = failed(tmp_path)
    (entry / names.LOG).unlink()
    os.mkfifo(entry / names.LOG)
    assert poison.read(str(entry)) is None
