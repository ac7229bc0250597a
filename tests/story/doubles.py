"""A host whose compiler is a double: it can be held, let go, and asked which signals reached it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hosts import REAL_COMPILER, TRAIN, Host
from running import is_alive
from story.caller import Caller, Streams
from waiting import until

_SOURCE = Path(__file__).with_name("double.py")
_TIMEOUT = 30
LINE = ("compile", "--framework=XLA", str(TRAIN), "--output", "out.neff", "--target=trn1")


@dataclass
class Double:
    """The double of one host; `start` runs it, through the shim or without."""

    root: Path

    def __post_init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []
        bin_ = self.root / "double"
        bin_.mkdir(parents=True)
        self.program = bin_ / "neuronx-cc"
        self.program.write_text(f"#!{sys.executable} -IS\n{_SOURCE.read_text()}")
        self.program.chmod(0o755)
        self.work = self.root / "work"
        self.work.mkdir()
        self.events = self.root / "events"
        self._fifo = self.root / "fifo"
        os.mkfifo(self._fifo)
        named = {
            "DOUBLE_EVENTS": str(self.events),
            "DOUBLE_FIFO": str(self._fifo),
            "DOUBLE_NEFF": str(self._neff()),
            "NEFFCACHE_COMPILER_ID": "double",
        }
        self.host = Host(self.root / "host", named, bin_)
        self.shim = self.host.shims / "neuronx-cc"

    def _neff(self) -> Path:
        cwd = self.root / "neff"
        cwd.mkdir()
        environ = {"SDKSTANDIN_FAKE": "1", "LANG": "C.UTF-8"}
        subprocess.run(
            [REAL_COMPILER, *LINE], cwd=cwd, env=environ, check=True, capture_output=True
        )
        return cwd / "out.neff"

    def start(
        self,
        caller: Caller | None = None,
        streams: Streams | None = None,
        variables: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
    ) -> subprocess.Popen[bytes]:
        """Call the shim (or another command), without waiting for anything."""
        environ = self.host.environ(**(variables or {}))
        line = list(command) or [str(self.shim), *LINE]
        process = (caller or Caller()).start(line, environ, self.work, streams)
        self._started.append(process)
        return process

    def lines(self) -> list[str]:
        """What the double has noted so far."""
        return self.events.read_text().splitlines() if self.events.exists() else []

    def signals(self) -> list[str]:
        """The signals that reached it, in order."""
        return [line for line in self.lines() if line.startswith("SIG")]

    def pids(self) -> list[int]:
        """The doubles started so far."""
        return [int(line.split()[1]) for line in self.lines() if line.startswith("started ")]

    def wait_started(self, count: int = 1) -> int:
        """Wait until a double runs; its process id."""
        until(lambda: len(self.pids()) >= count)
        return self.pids()[-1]

    def end(self, word: str = "0") -> None:
        """Let the waiting double end with a status, or die by a signal."""
        self._fifo.write_text(word)

    def let_end(self, process: subprocess.Popen[bytes], word: str = "0") -> int:
        """Let the double end, and its caller; the caller's status."""
        self.end(word)
        return status_of(process)

    def end_all(self) -> None:
        """Whatever a failed test has left."""
        for process in self._started:
            if process.returncode is None and process.poll() is None:
                process.kill()
                process.communicate()
        for pid in self.pids():
            if is_alive(pid) and _is_double(pid, self.program):
                os.kill(pid, 9)


def status_of(process: subprocess.Popen[bytes]) -> int:
    """The status of a call, which must end; nobody may hold its pipes any longer."""
    process.communicate(timeout=_TIMEOUT)
    return process.returncode


def _is_double(pid: int, program: Path) -> bool:
    return str(program).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
