"""`torch_neuronx.trace`: a model directory, and the compiler that is searched for on PATH."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

# What is known to be behind these deaths.
_DEATHS = {
    -9: "killed, most likely by the kernel when memory ran out",
    -6: "it aborted",
    -11: "it crashed",
}
Arguments = Sequence[str] | str | None


def find_executable(name: str) -> str | None:
    """The first regular file of that name on PATH, whether it can be run or not."""
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    return None


def hlo_compile(filename: str, compiler_workdir: str, compiler_args: Arguments = None) -> str:
    """Compile a model directory, or the graph in it; the NEFF's path.

    Raises:
        RuntimeError: there is no compiler, or it failed; a death by signal is told apart.
    """
    compiler = find_executable("neuronx-cc")
    if compiler is None:
        raise RuntimeError("neuronx-cc is not on PATH")
    neff = os.path.join(compiler_workdir, "graph.neff")
    given = shlex.split(compiler_args) if isinstance(compiler_args, str) else compiler_args or ()
    command = [compiler, "compile", filename, "--framework", "XLA"]
    if not any(word.startswith("--target") for word in given):
        command += ["--target", "trn1"]
    command += ["--output", neff, *given]
    status = subprocess.run(command, check=False).returncode
    if status:
        why = _DEATHS.get(status, f"it ended with status {status}")
        raise RuntimeError(f"neuronx-cc: {why}; command: {shlex.join(command)}")
    return neff


def generate_neff(
    hlo: bytes,
    weights: Mapping[str, Any],
    compiler_workdir: str,
    compiler_args: Arguments = None,
    inline_weights_to_neff: bool = True,
) -> str:
    """Write a graph and its weights down as `model/` and compile that; the NEFF's path.

    Without weights in the NEFF, the graph alone is compiled, as a file.
    """
    model = os.path.join(compiler_workdir, "model")
    _write(os.path.join(model, "graph.hlo"), hlo)
    if not inline_weights_to_neff:
        return hlo_compile(os.path.join(model, "graph.hlo"), compiler_workdir, compiler_args)
    named = {name: f"weights/{name}.npy" for name in weights}
    if weights:
        import numpy as np

        os.makedirs(os.path.join(model, "weights"), exist_ok=True)
        for name, array in weights.items():
            np.save(os.path.join(model, named[name]), array)
    stated = {"model_files": "graph.hlo", "version": "1.0", "weights": named}
    _write(os.path.join(model, "metadata.json"), json.dumps(stated).encode())
    return hlo_compile(model, compiler_workdir, compiler_args)


def _write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
