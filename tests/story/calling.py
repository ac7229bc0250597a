"""Calling one particular `neuronx-cc` with one particular PATH."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hosts import BIN, TRAIN, Done, Host, finish
from story.caller import Caller

LINE = ("compile", "--framework=XLA", str(TRAIN), "--output", "out.neff", "--target=trn1")
SYSTEM = ("/usr/bin", "/bin")


def path(*directories: Path | str) -> str:
    """A PATH of these directories and the system's."""
    return ":".join(map(str, (*directories, *SYSTEM)))


def call(
    host: Host,
    program: Path,
    *directories: Path | str,
    line: tuple[str, ...] = LINE,
    variables: Mapping[str, str] | None = None,
) -> Done:
    """Run a program with these directories on PATH, to its end."""
    work = host.root / "work"
    work.mkdir(exist_ok=True)
    environ = host.environ(**{"PATH": path(*directories), **(variables or {})})
    return finish(Caller().start([str(program), *line], environ, work))


def only_compiler(directory: Path) -> Path:
    """A directory that holds the real compiler and nothing else."""
    directory.mkdir()
    (directory / "neuronx-cc").write_bytes((BIN / "neuronx-cc").read_bytes())
    (directory / "neuronx-cc").chmod(0o755)
    return directory


def write_program(directory: Path, text: str) -> Path:
    """A program called `neuronx-cc`."""
    directory.mkdir(exist_ok=True)
    program = directory / "neuronx-cc"
    program.write_text(text)
    program.chmod(0o755)
    return program
