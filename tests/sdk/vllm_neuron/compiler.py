"""One graph of a served model: `$VLLM_CACHE_ROOT/neuron/compile_cache/<digest>/`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence


def compile_graph(graph: bytes, flags: Sequence[str] = ()) -> str:
    """The path of a graph's NEFF, compiled where it is not there.

    Raises:
        RuntimeError: there is no compiler, or it failed.
    """
    digest = hashlib.sha256(b"\0".join([graph, *(flag.encode() for flag in flags)])).hexdigest()
    folder = os.path.join(_root(), digest[:16])
    neff = os.path.join(folder, f"graph_{digest[16:24]}.neff")
    if os.path.exists(neff):
        return neff
    compiler = shutil.which("neuronx-cc")
    if compiler is None:
        raise RuntimeError("neuronx-cc is not on PATH")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "graph.hlo"), "wb") as file:
        file.write(graph)
    command = [compiler, "compile", os.path.join(folder, "graph.hlo"), "--framework", "XLA"]
    command += ["--target", "trn1", "--output", neff]
    command += ["--logfile", os.path.join(folder, "log-neuron-cc.txt"), *flags]
    status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    if status:
        raise RuntimeError(f"neuronx-cc ended with status {status}")
    return neff


def _root() -> str:
    top = os.environ.get("VLLM_CACHE_ROOT") or os.path.expanduser("~/.cache/vllm")
    return os.path.join(os.path.abspath(top), "neuron", "compile_cache")
