"""`neffcache run`: signals, terminal, death of either side, first process of a container."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hung
from hosts import BIN
from running import end_all, is_alive
from story.caller import Caller, Streams
from story.doubles import LINE, Double, status_of
from story.terminal import Terminal
from waiting import until

_TIMEOUT = 30
RUN = [str(BIN / "neffcache"), "run", "--quiet", "--"]
ALONE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Double]:
    """A compiler that can be held; here it stands for any command."""
    made = Double(tmp_path / "double")
    yield made
    made.end_all()
    end_all(tmp_path)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def start(
    double: Double, caller: Caller | None = None, streams: Streams | None = None
) -> subprocess.Popen[bytes]:
    """`neffcache run` with the double as its command."""
    return double.start(caller, streams, command=[*RUN, str(double.program), *LINE])


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP", "SIGQUIT", "SIGALRM"])
def test_a_signal_reaches_the_command_once(double: Double, name: str) -> None:
    process = start(double)
    double.wait_started()
    process.send_signal(getattr(signal, name))
    until(double.signals)
    assert double.let_end(process, "7") == 7
    assert double.signals() == [name]


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM", "SIGINT", "SIGPIPE"])
def test_death_by_a_signal_is_ours_without_a_second_core(double: Double, name: str) -> None:
    nowhere = Streams(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process = start(double, Caller(limits={"RLIMIT_CORE": (1 << 30, 1 << 30)}), nowhere)
    double.wait_started()
    double.end(name)
    _pid, status = os.waitpid(process.pid, 0)
    process.returncode = 0  # reaped here, for the core flag that Popen hides
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == getattr(signal, name)
    assert not os.WCOREDUMP(status)
    assert len(list(double.work.glob("core*"))) <= 1


def test_signals_that_the_caller_ignores_change_nothing(double: Double) -> None:
    process = start(double, Caller(ignored=("SIGTERM", "SIGINT", "SIGTSTP")))
    double.wait_started()
    for name in ("SIGTERM", "SIGINT", "SIGTSTP", "SIGUSR1"):
        process.send_signal(getattr(signal, name))
    until(double.signals)
    assert double.let_end(process) == 0
    assert double.signals() == ["SIGUSR1"]


def test_a_caller_that_ignores_its_children_gets_the_status(double: Double) -> None:
    process = start(double, Caller(ignored=("SIGCHLD",)))
    double.wait_started()
    assert double.let_end(process, "70") == 70


def test_the_command_stands_as_it_would_without_us(double: Double) -> None:
    show = "grep -E '^(Umask|Sig(Blk|Ign)|NoNewPrivs)' /proc/self/status; ulimit -n; ls /proc/$$/fd"
    command = ["/bin/sh", "-c", f"{show}; cut -d ' ' -f 5,6 /proc/$$/stat; pwd; echo $PPID"]
    caller = Caller(
        umask=0o027,
        blocked=("SIGUSR2",),
        ignored=("SIGINT",),
        limits={"RLIMIT_NOFILE": (99, 99)},
        opened={7: str(double.root / "seven")},
    )
    shown = []
    for words in (command, [*RUN, *command]):
        process = double.start(caller, command=words)
        out, err = process.communicate(timeout=_TIMEOUT)
        assert (process.returncode, err) == (0, b"")
        *lines, parent = out.decode().splitlines()
        assert (int(parent) == process.pid) == (words != command)
        shown.append(lines)
    assert "SigIgn:\t0000000000000002" in shown[0]
    assert "7" in shown[0]
    assert shown[0] == shown[1]


def test_killed_it_takes_the_command_along(double: Double) -> None:
    process = start(double)
    command = double.wait_started()
    process.kill()
    process.communicate(timeout=_TIMEOUT)
    until(lambda: not is_alive(command))


@pytest.mark.parametrize(("key", "name"), [("\x03", "SIGINT"), ("\x1c", "SIGQUIT")])
def test_a_key_reaches_the_command_once(
    double: Double, terminal: Terminal, key: str, name: str
) -> None:
    process = terminal.start(double, *RUN, str(double.program), *LINE)
    double.wait_started()
    terminal.press(key)
    until(double.signals)
    process.send_signal(signal.SIGUSR1)  # forwarded after the key's signal would have been
    until(lambda: "SIGUSR1" in double.signals())
    double.end()
    assert process.wait(_TIMEOUT) == 0
    assert double.signals() == [name, "SIGUSR1"]


def test_ctrl_z_stops_both_and_fg_goes_on(double: Double, terminal: Terminal) -> None:
    job = " ".join([*RUN, str(double.program), *LINE])
    script = f'{job}; echo "stopped $?"; read word; fg; echo "ended $?"'
    shell = terminal.start(double, "/bin/sh", "-m", "-c", script)
    command = double.wait_started()
    runner = int(_stat(command)[1])
    terminal.press("\x1a")
    until(lambda: f"stopped {128 + signal.SIGTSTP}" in terminal.shown())
    until(lambda: (_stat(runner)[0], _stat(command)[0]) == ("T", "T"))
    terminal.press("\n")
    until(lambda: (_stat(runner)[0], _stat(command)[0]) == ("S", "S"))
    double.end()
    until(lambda: "ended 0" in terminal.shown())
    assert shell.wait(_TIMEOUT) == 0
    assert double.signals() == []


def test_the_command_reads_and_writes_the_terminal(double: Double, terminal: Terminal) -> None:
    script = "test -t 0 && test -t 1 && test -t 2 && read word && echo got $word"
    process = terminal.start(double, *RUN, "sh", "-c", script)
    terminal.press("hello\n")
    until(lambda: "got hello" in terminal.shown())
    assert process.wait(_TIMEOUT) == 0


@pytest.fixture
def alone() -> list[str]:
    """What makes a command the first process of a PID namespace, as in a container."""
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip(reason="no PID namespaces here")
    return ALONE


def test_as_first_process_it_hands_signals_on(double: Double, alone: list[str]) -> None:
    """The kernel keeps from the first process what it has no handler for."""
    process = double.start(command=[*_found(alone), *RUN, str(double.program), *LINE])
    double.wait_started()
    first = _first(process.pid)
    for name in ("SIGTERM", "SIGUSR1", "SIGHUP"):
        os.kill(first, getattr(signal, name))
        until(lambda: name in double.signals())  # noqa: B023
    assert double.let_end(process, "5") == 5
    assert double.signals() == ["SIGTERM", "SIGUSR1", "SIGHUP"]


def test_as_first_process_it_hands_on_what_came_before_the_command(
    double: Double, alone: list[str], tmp_path: Path
) -> None:
    """It is still looking for the command, in a directory that does not answer."""
    if hung.why_not():
        pytest.skip(reason=hung.why_not())
    at = tmp_path / "hung"
    at.mkdir()
    words = [*_found(alone), *RUN, "sh", "-c", f"exec {double.program} {' '.join(LINE)}"]
    path = f"{at}/bin:{double.host.environ()['PATH']}"
    with hung.mount(at) as asked:
        process = double.start(variables={"PATH": path}, command=words)
        assert asked.wait(_TIMEOUT)
        os.kill(_first(process.pid), signal.SIGTERM)
    out, err = process.communicate(timeout=_TIMEOUT)
    assert (process.returncode, out, err) == (128 + signal.SIGTERM, b"", b"")


def test_as_first_process_it_ends_as_a_shell_tells_of_a_signal(
    double: Double, alone: list[str]
) -> None:
    """It cannot be ended by a signal: no process can do that to the first one."""
    process = double.start(command=[*_found(alone), *RUN, str(double.program), *LINE])
    double.wait_started()
    double.end("SIGTERM")
    assert status_of(process) == 128 + signal.SIGTERM


def test_as_first_process_it_reaps_what_others_left(double: Double, alone: list[str]) -> None:
    """Fifty orphans end while the command runs: the command sees none of them as a zombie."""
    script = (
        "for i in 1 2 3 4 5 6 7 8 9 10; do (sh -c 'exit 3' & sh -c 'exit 4' &) ; done\n"
        f"exec {sys.executable} -c '\n"
        "import glob, os, time\n"
        "end = time.monotonic() + 20\n"
        "def zombies():\n"
        "    found = 0\n"
        '    for path in glob.glob("/proc/[0-9]*/stat"):\n'
        "        try:\n"
        '            found += open(path).read().rpartition(")")[2].split()[0] == "Z"\n'
        "        except OSError:\n"
        "            pass\n"
        "    return found\n"
        "while zombies() and time.monotonic() < end:\n"
        "    pass\n"
        "os._exit(1 if zombies() else 42)'"
    )
    process = double.start(command=[*_found(alone), *RUN, "sh", "-c", script])
    assert status_of(process) == 42


def _found(words: list[str]) -> list[str]:
    """The same with the program's full path."""
    path = subprocess.run(["which", words[0]], capture_output=True, check=True, text=True)
    return [path.stdout.strip(), *words[1:]]


def _first(pid: int) -> int:
    """The child of `unshare`: the first process of its namespace."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
