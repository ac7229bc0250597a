"""Running the installed stand-in: `cc(...)` in a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
Done = subprocess.CompletedProcess[str]


class Compiler:
    """The installed `neuronx-cc` and `neff-run`, started in one work directory."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.script = BIN / "neuronx-cc"

    def __call__(self, *arguments: str | Path, cwd: Path | None = None, **switches: str) -> Done:
        """Run neuronx-cc; keywords are switches: FAIL="none" sets SDKSTANDIN_FAIL."""
        return self._run([self.script, *arguments], cwd, switches)

    def compile(self, graph: Path, *flags: str, **switches: str) -> Path:
        """Compile for trn1, which must succeed, and return the NEFF."""
        output = graph.with_suffix(".neff")
        done = self(
            *("compile", "--framework=XLA", graph, "--output", output, "--target=trn1", *flags),
            **switches,
        )
        assert done.returncode == 0, done.stderr
        return output

    def neff_run(self, *arguments: str | Path) -> Done:
        return self._run([BIN / "neff-run", *arguments], None, {})

    def _run(self, command: list[str | Path], cwd: Path | None, switches: dict[str, str]) -> Done:
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("SDK", "NEURON"))}
        environ.update(
            (
                name if "_" in name and name.split("_")[0] in _FAMILIES else f"SDKSTANDIN_{name}",
                value,
            )
            for name, value in switches.items()
        )
        return subprocess.run(
            [str(word) for word in command],
            cwd=cwd or self.cwd,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


_FAMILIES = ("NEURON", "XLA", "NKI")


@pytest.fixture
def cc(tmp_path: Path) -> Compiler:
    """The compiler, in a fresh directory."""
    work = tmp_path / "work"
    work.mkdir()
    return Compiler(work)
