"""A graph in a work directory: by the bare name from PATH, or by the compiler's Python entry."""

from __future__ import annotations

import os
import subprocess
import sys


def compile_hlo(graph: bytes, work: str, name: str = "kernel", in_process: bool = False) -> str:
    """The path of the graph's NEFF in the work directory.

    Raises:
        RuntimeError: the compiler failed.
    """
    os.makedirs(work, exist_ok=True)
    path = os.path.join(os.path.abspath(work), "hlo_module.pb")
    with open(path, "wb") as file:
        file.write(graph)
    line = ["compile", "--framework", "XLA", path, "--pipeline", "compile", "SaveTemps"]
    line += ["--target", "trn1", f"--output={name}.neff", "--lnc", "1"]
    if in_process:
        status = _enter(line, work)
    else:
        status = subprocess.run(["neuronx-cc", *line], cwd=work, check=False).returncode
    if status:
        raise RuntimeError(f"neuronx-cc ended with status {status}")
    return os.path.join(work, f"{name}.neff")


def _enter(line: list[str], work: str) -> int:
    """What the console script does, in this process; arguments and directory are put back."""
    from neuronxcc.driver.CommandDriver import main

    before, words = os.getcwd(), sys.argv
    os.chdir(work)
    sys.argv = ["neuronx-cc", *line]
    try:
        return main()
    finally:
        sys.argv = words
        os.chdir(before)
