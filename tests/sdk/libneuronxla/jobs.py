"""A working directory with a graph in it, and the two ways to start the compiler there."""

from __future__ import annotations

import subprocess
from pathlib import Path

from libneuronxla.generation import CURRENT

_WRAPPED = "--enable-internal-neff-wrapper"


class Job:
    """A compile for whoever has a graph's bytes.

    Attributes:
        flags: for the compiler, the target first.
        hlo, neff, wrapped: where graph and results lie; `wrapped` only when the compiler makes one.
    """

    def __init__(self, folder: Path, module: bytes, flags: list[str]) -> None:
        self.folder, self.flags = folder, flags
        self.hlo, self.neff = self._names()
        self.wrapped = folder / "wrapped_neff.hlo"
        self.hlo.write_bytes(module)

    def _names(self) -> tuple[Path, Path]:
        return self.folder / CURRENT.hlo, self.folder / "model.neff"

    def _line(self) -> list[str]:
        target = self.flags[0].removeprefix("--target=")
        return CURRENT.line(target, str(self.hlo), str(self.neff), self.flags[1:])

    def compile(self) -> bytes:
        """Have it compiled; raises RuntimeError with the compiler's output."""
        done = subprocess.run(
            ["neuronx-cc", *self._line()],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"status {done.returncode}: {done.stdout.decode(errors='replace')}")
        return self.neff.read_bytes()


class PjrtJob(Job):
    """A compile for PJRT, which wants its NEFF wrapped."""

    def _names(self) -> tuple[Path, Path]:
        return self.folder / "file.code", self.folder / "file.neff"

    def _line(self) -> list[str]:
        start = ["compile", "--framework=XLA", self.flags[0], "--verbose=35", _WRAPPED]
        return [*start, f"--output={self.neff}", str(self.hlo), *self.flags[1:]]

    def result(self) -> bytes:
        """The wrapper around the NEFF, if there is one, else the NEFF."""
        return (self.wrapped if self.wrapped.exists() else self.neff).read_bytes()
