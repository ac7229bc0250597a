"""Native torch-neuronx: StableHLO, the compiler by `shutil.which`, NEFFs in a directory of its own.

Their names are digests of graph and flags, chosen here; waiters end after 1200 s.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

VARIABLE = "TORCH_NEURONX_NEFF_CACHE_DIR"


def compile_module(module: bytes, lnc: int = 1, extra: Sequence[str] = ()) -> str:
    """The path of the NEFF of a StableHLO module or an HLO proto, compiled where it is not there.

    Raises:
        RuntimeError: there is no compiler, or it failed; with its output.
    """
    flags = ["--model-type", "transformer", "--lnc", str(lnc), "-O1", "--auto-cast=none"]
    digest = hashlib.sha256(b"\0".join([module, *(word.encode() for word in (*flags, *extra))]))
    top = os.environ.get(VARIABLE) or os.path.join(tempfile.gettempdir(), "neff_cache")
    kept = os.path.join(top, digest.hexdigest()[:32], "module.neff")
    if not os.path.exists(kept):
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        with tempfile.TemporaryDirectory() as work:
            made = _compile(work, module, [*flags], extra)
            shutil.copyfile(made, f"{kept}.{os.getpid()}")
            os.replace(f"{kept}.{os.getpid()}", kept)
    return kept


def _compile(work: str, module: bytes, flags: Sequence[str], extra: Sequence[str]) -> str:
    compiler = shutil.which("neuronx-cc")
    if compiler is None:
        raise RuntimeError("neuronx-cc is not on PATH")
    text = module.lstrip().startswith((b"module", b"ML\xefR"))
    graph = os.path.join(work, "module.mlir" if text else "module.hlo.pb")
    neff = os.path.join(work, "module.neff")
    with open(graph, "wb") as file:
        file.write(module)
    command = [compiler, "compile", graph, "--framework", "XLA", "--target", "trn1", *flags]
    done = subprocess.run(
        [*command, "--output", neff, *extra], cwd=work, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"status {done.returncode}: {done.stdout}{done.stderr}")
    return neff
