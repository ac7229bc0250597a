"""Callers of the compiler: how each stands, and what it is told when the compiler has ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launcher.py")
# The launcher's own environment: argument and variable bytes survive as UTF-8 with surrogates.
_ENVIRON = {"LC_ALL": "C.UTF-8"}
Stream = int | None


@dataclass(frozen=True)
class Streams:
    """What the caller gives as standard streams."""

    stdin: Stream = subprocess.DEVNULL
    stdout: Stream = subprocess.PIPE
    stderr: Stream = subprocess.PIPE


@dataclass(frozen=True)
class Caller:
    """How a caller stands before it becomes `neuronx-cc`; texts may hold escaped bytes."""

    umask: int = 0o022
    ignored: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    opened: Mapping[int, str] = field(default_factory=dict)
    closed: tuple[int, ...] = ()
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    alarm: float = 0.0
    terminal: bool = False
    cwd_removed: bool = False

    def start(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        cwd: Path,
        streams: Streams | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program (its path first) in a directory."""
        told = {
            "program": command[0],
            "argv": ["neuronx-cc", *command[1:]],
            "environ": dict(environ),
            "umask": self.umask,
            "ignored": self.ignored,
            "blocked": self.blocked,
            "opened": {str(number): path for number, path in self.opened.items()},
            "closed": self.closed,
            "limits": dict(self.limits),
            "alarm": self.alarm,
            "terminal": self.terminal,
            "cwd_removed": self.cwd_removed,
        }
        given = streams or Streams()
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(told)],
            cwd=cwd,
            env=_ENVIRON,
            stdin=given.stdin,
            stdout=given.stdout,
            stderr=given.stderr,
        )
