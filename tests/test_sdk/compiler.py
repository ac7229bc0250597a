"""The installed stand-in as the tests start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
Done = subprocess.CompletedProcess[str]


class Compiler:
    """The installed `neuronx-cc` and `neff-run`, started in one work directory."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.script = BIN / "neuronx-cc"

    def __call__(
        self, *arguments: str | Path, env: dict[str, str] | None = None, **switches: str
    ) -> Done:
        """Run neuronx-cc; keywords are switches: FAIL="none" sets SDKSTANDIN_FAIL."""
        named = {f"SDKSTANDIN_{name}": value for name, value in switches.items()}
        return self._run([self.script, *arguments], {**(env or {}), **named})

    def compile(
        self, graph: Path, *flags: str, env: dict[str, str] | None = None, **switches: str
    ) -> Path:
        """Compile for trn1, which must succeed, and return the NEFF."""
        output = graph.with_suffix(".neff")
        line = ["compile", "--framework=XLA", str(graph), "--output", str(output), "--target=trn1"]
        done = self(*line, *flags, env=env, **switches)
        assert done.returncode == 0, done.stderr
        return output

    def neff_run(self, *arguments: str | Path) -> Done:
        return self._run([BIN / "neff-run", *arguments], {})

    def _run(self, command: list[str | Path], env: dict[str, str]) -> Done:
        families = ("SDKSTANDIN_", "NEURON_", "NKI_", "XLA_")
        plain = {name: value for name, value in os.environ.items() if not name.startswith(families)}
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.cwd,
            env={**plain, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
