"""Story: the shim as a process: signals, names, death of either side, a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from hosts import Host
from neffcache import locks
from running import is_alive
from story.caller import Caller, Streams
from story.doubles import LINE, Double, status_of
from waiting import until

_TIMEOUT = 30


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP", "SIGQUIT", "SIGALRM"])
def test_signal_sent_to_the_shim_reaches_the_compiler_once(double: Double, name: str) -> None:
    process = double.start()
    double.wait_started()
    process.send_signal(getattr(signal, name))
    until(double.signals)
    assert double.let_end(process) == 0
    assert double.signals() == [name]
    assert double.host.outcomes() == ["compiled"]


def test_signal_that_the_caller_ignores_changes_nothing(double: Double) -> None:
    process = double.start(Caller(ignored=("SIGTERM", "SIGINT", "SIGTSTP")))
    double.wait_started()
    for name in ("SIGTERM", "SIGINT", "SIGTSTP", "SIGUSR1"):
        process.send_signal(getattr(signal, name))
    until(double.signals)
    assert _state(process.pid) != "T"
    assert double.let_end(process) == 0
    assert double.signals() == ["SIGUSR1"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_compiler_that_ends_by_a_forwarded_signal_ends_us_by_it(host: Host, name: str) -> None:
    environ = host.environ(SDKSTANDIN_SLEEP="60")
    process = Caller().start([str(host.shims / "neuronx-cc"), *LINE], environ, host.root)
    until(lambda: host.compiles)
    process.send_signal(getattr(signal, name))
    assert status_of(process) == -getattr(signal, name)
    assert host.outcomes() == ["compile_killed"]
    assert host.entries() == []


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM", "SIGPIPE"])
def test_death_by_signal_is_ours_without_a_second_core(double: Double, name: str) -> None:
    nowhere = Streams(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process = double.start(Caller(limits={"RLIMIT_CORE": (1 << 30, 1 << 30)}), nowhere)
    double.wait_started()
    double.end(name)
    _pid, status = os.waitpid(process.pid, 0)
    process.returncode = 0  # reaped here, for the core flag that Popen hides
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == getattr(signal, name)
    assert not os.WCOREDUMP(status)
    assert len(list(double.work.glob("core*"))) <= 1


def test_status_reaches_a_caller_that_ignores_its_children(double: Double) -> None:
    process = double.start(Caller(ignored=("SIGCHLD",)))
    double.wait_started()
    assert double.let_end(process, "70") == 70
    assert double.host.outcomes() == ["compile_failed"]


def test_alarm_set_before_the_start_reaches_the_compiler(double: Double) -> None:
    process = double.start(Caller(alarm=1.0))
    until(double.signals)
    assert double.let_end(process) == 0
    assert double.signals() == ["SIGALRM"]


def test_killed_shim_takes_the_compiler_with_it(double: Double) -> None:
    process = double.start()
    compiler = double.wait_started()
    process.kill()
    out, err = process.communicate(timeout=_TIMEOUT)  # ends: nobody holds the caller's pipes
    until(lambda: not is_alive(compiler))
    assert (out, err, process.returncode) == (b"", b"", -signal.SIGKILL)
    assert double.host.entries() == []
    assert not (double.work / "out.neff").exists()
    assert _held(double.host.store) == []


def test_compile_after_a_killed_one_works(double: Double) -> None:
    killed = double.start()
    double.wait_started()
    killed.kill()
    killed.communicate(timeout=_TIMEOUT)
    process = double.start()
    double.wait_started(2)
    assert double.let_end(process) == 0
    assert double.host.outcomes() == ["compiled"]
    assert len(double.host.entries()) == 1


def test_captured_pipes_end_with_the_call(double: Double) -> None:
    process = double.start()
    double.wait_started()
    double.end()
    out, err = process.communicate(timeout=_TIMEOUT)
    assert (out, err, process.returncode) == (b"Compiler status PASS\n", b"", 0)


def test_exactly_one_process_is_called_like_the_compiler(double: Double) -> None:
    process = double.start()
    compiler = double.wait_started()
    names = (_comm(process.pid), _comm(compiler))
    assert double.let_end(process) == 0
    assert names == ("neffcache", "neuronx-cc")


def test_look_up_is_called_like_the_compiler(double: Double) -> None:
    first = double.start()
    double.wait_started()
    second = double.start()
    _wait_waiting(second.pid)
    name = _comm(second.pid)
    assert (double.let_end(first), status_of(second)) == (0, 0)
    assert name == "neuronx-cc"
    assert double.host.outcomes() == ["compiled", "hit_waited"]


def test_ctrl_c_ends_a_call_that_waits_for_another(double: Double) -> None:
    first = double.start()
    double.wait_started()
    second = double.start()
    _wait_waiting(second.pid)
    second.send_signal(signal.SIGINT)
    out, err = second.communicate(timeout=_TIMEOUT)
    assert (second.returncode, out, err) == (-signal.SIGINT, b"", b"")
    assert double.let_end(first) == 0
    assert double.signals() == []
    assert double.host.outcomes() == ["compiled"]


def test_hit_does_not_need_a_reader_of_its_output(double: Double) -> None:
    assert _run(double) == 0
    (double.work / "out.neff").unlink()
    reader, writer = os.pipe()
    os.close(reader)
    process = double.start(streams=Streams(stdout=writer, stderr=writer))
    os.close(writer)
    assert status_of(process) == 0
    assert double.host.outcomes() == ["compiled", "hit_local"]
    assert (double.work / "out.neff").stat().st_size > 1024


def test_miss_without_a_reader_ends_as_the_compiler_does(double: Double) -> None:
    statuses: list[int] = []
    for program in (double.program, double.shim):
        reader, writer = os.pipe()
        os.close(reader)
        process = double.start(streams=Streams(stdout=writer), command=[str(program), *LINE])
        os.close(writer)
        double.wait_started(len(statuses) + 1)
        double.end()
        process.communicate(timeout=_TIMEOUT)
        statuses.append(process.returncode)
    assert statuses[0] == statuses[1] != 0


def _run(double: Double) -> int:
    process = double.start(Caller(), Streams(stdout=subprocess.DEVNULL))
    double.wait_started()
    return double.let_end(process)


def _comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _wait_waiting(pid: int) -> None:
    """Until a call has looked up and gone to sleep several times: it waits for another."""
    until(lambda: _comm(pid) == "neuronx-cc" and b"start.py" in _cmdline(pid))
    asleep = _switches(pid)
    until(lambda: _switches(pid) > asleep + 5)


def _cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _switches(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("voluntary_ctxt")]
    return int(line.split()[1])


def _held(store: Path) -> list[str]:
    """The lock files of a store that somebody still holds."""
    held = []
    for path in (store / "locks").iterdir():
        lock = locks.try_lock(str(path))
        if lock is None:
            held.append(path.name)
        else:
            lock.release(remove=False)
    return held
