"""Story: at a terminal: Ctrl-C arrives once, Ctrl-Z stops the whole job and fg goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import is_alive
from story.doubles import LINE, Double
from story.terminal import Terminal
from waiting import until

_TIMEOUT = 30


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


@pytest.mark.parametrize(("key", "name"), [("\x03", "SIGINT"), ("\x1c", "SIGQUIT")])
def test_key_reaches_the_compiler_once(
    double: Double, terminal: Terminal, key: str, name: str
) -> None:
    process = terminal.start(double, str(double.shim), *LINE)
    double.wait_started()
    terminal.press(key)
    until(double.signals)
    process.send_signal(signal.SIGUSR1)  # forwarded after the key's signal would have been
    until(lambda: "SIGUSR1" in double.signals())
    double.end()
    assert process.wait(_TIMEOUT) == 0
    assert double.signals() == [name, "SIGUSR1"]


@pytest.mark.parametrize("leader", ["the shim", "a shell"])
def test_hung_up_terminal_tells_the_compiler_once(double: Double, leader: str) -> None:
    """The kernel tells the session's leader alone; when that has ended, the whole group."""
    terminal = Terminal()
    command = [str(double.shim), *LINE]
    if leader == "a shell":
        command = ["/bin/sh", "-c", f"{' '.join(command)}; true"]
    session = terminal.start(double, *command)
    shim = _parent(double.wait_started())
    terminal.close()
    until(double.signals)
    os.kill(shim, signal.SIGUSR1)  # forwarded after the other one would have been
    until(lambda: "SIGUSR1" in double.signals())
    double.end()
    session.wait(_TIMEOUT)
    until(lambda: not is_alive(shim))
    assert double.signals() == ["SIGHUP", "SIGUSR1"]


def test_ctrl_z_stops_both_and_fg_goes_on(double: Double, terminal: Terminal) -> None:
    job = f"{double.shim} {' '.join(LINE)}"
    script = f'{job}; echo "stopped $?"; read word; fg; echo "ended $?"'
    shell = terminal.start(double, "/bin/sh", "-m", "-c", script)
    compiler = double.wait_started()
    shim = _parent(compiler)
    terminal.press("\x1a")
    until(lambda: f"stopped {128 + signal.SIGTSTP}" in terminal.shown())
    assert (_state(shim), _state(compiler)) == ("T", "T")
    terminal.press("\n")
    until(lambda: (_state(shim), _state(compiler)) == ("S", "S"))
    double.end()
    until(lambda: "ended 0" in terminal.shown())
    assert shell.wait(_TIMEOUT) == 0
    assert double.signals() == []
    assert double.host.outcomes() == ["compiled"]


def test_ctrl_z_without_a_shell_that_could_go_on_stops_nothing(
    double: Double, terminal: Terminal
) -> None:
    process = terminal.start(double, str(double.shim), *LINE)
    compiler = double.wait_started()
    terminal.press("\x1a\x03")  # the second one tells that the first has arrived
    until(double.signals)
    process.send_signal(signal.SIGUSR1)
    until(lambda: "SIGUSR1" in double.signals())
    assert "T" not in (_state(process.pid), _state(compiler))
    double.end()
    assert process.wait(_TIMEOUT) == 0


def _state(pid: int) -> str:
    return _stat(pid)[0]


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
