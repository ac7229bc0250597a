"""Interop: optimum-neuron's own code, started as a process of its own on a host."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from hub import clients

_SIDE = Path(__file__).with_name("optimum_side.py")
# Its imports alone take seconds.
_TIMEOUT = 300


class Optimum:
    """One user's optimum-neuron.

    Attributes:
        python: the interpreter that has it.
        home: HF_HOME, where it saves a name and keeps what it downloads.
    """

    def __init__(self, python: Path, home: Path, environ: dict[str, str]) -> None:
        self.python, self.home = python, home
        self.environ = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": clients.beside("optimum", "standins"),
            "LANG": "C.UTF-8",
            "HOME": str(home.parent),
            "HF_HOME": str(home),
            **environ,
        }
        home.mkdir(parents=True, exist_ok=True)

    @property
    def saved_name(self) -> Path:
        """The file with the name of the user's repository."""
        return self.home / "optimum_neuron_custom_cache"

    def __call__(self, command: str, *words: str | Path, **variables: str) -> dict[str, Any]:
        """The answer to one command of `optimum_side`, with some variables set besides."""
        done = subprocess.run(
            [str(self.python), str(_SIDE), command, *map(str, words)],
            env={**self.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout.splitlines()[-1])
        assert isinstance(answer, dict)
        return answer
