"""Servers: each has a port of its own, is waited for, and ends with what started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from _pytest.outcomes import Skipped

from running import is_alive
from servers import processes, shared, tools
from waiting import until

SERVER = """
import socket, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(child.pid, flush=True)
time.sleep(600)
"""
# Starts a server, says which, and goes away without a word to it.
CARELESS = """
import os, sys
from pathlib import Path
from servers import processes
log = Path(sys.argv[1])
server = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
with processes.running(server, log, lambda: bool(log.read_text())) as one:
    print(one.pid, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_no_port_is_given_twice() -> None:
    with processes.claimed(300) as first, processes.claimed(300) as second:
        assert len({*first, *second}) == 600


def test_a_server_ends_with_its_block_and_with_all_that_it_started(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with processes.claimed() as (port,):
        words = (sys.executable, "-c", SERVER, port)
        with processes.running(words, log, lambda: processes.answers(port)) as server:
            until(lambda: log.read_text().endswith("\n"))
            child = int(log.read_text())
            assert is_alive(child)
        assert not processes.answers(port)
    assert server.returncode is not None
    until(lambda: not is_alive(child))


def test_a_server_that_ends_by_itself_says_why(tmp_path: Path) -> None:
    words = (sys.executable, "-c", "raise SystemExit('no room for me')")
    with (
        pytest.raises(processes.StartError, match="no room for me"),
        processes.running(words, tmp_path / "log", lambda: False),
    ):
        pass


def test_a_server_ends_when_its_tests_are_killed(tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-c", CARELESS, tmp_path / "log"),
        env={**os.environ, "PYTHONPATH": str(Path(processes.__file__).parents[1])},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    until(lambda: not is_alive(int(done.stdout)))


def test_a_server_that_is_missing_is_left_out_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(tools.TOOLS, "none", tools.Tool(("no-such-program",), "apt", ("some",)))
    monkeypatch.delenv("CI", raising=False)
    assert tools.why_not("none") == "none is not installed: as root, apt-get install some"

    @contextmanager
    def start() -> Iterator[None]:
        tools.programs("none")
        yield

    with pytest.raises(Skipped, match="no server: none is not installed: as root, apt-get"):
        shared.get(start)


def test_in_ci_a_missing_server_is_a_failure_unless_its_manager_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(tools.TOOLS, "none", tools.Tool(("no-such-program",), "apt", ("some",)))
    monkeypatch.setattr(tools, "_UNREACHABLE", tmp_path / "apt.unreachable")
    monkeypatch.setattr(tools, "wants_system", lambda: True)

    @contextmanager
    def start() -> Iterator[None]:
        tools.programs("none")
        yield

    with pytest.raises(tools.MissingError):
        shared.get(start)
    (tmp_path / "apt.unreachable").touch()
    with pytest.raises(Skipped, match="no server: none is not installed"):
        shared.get(start)
