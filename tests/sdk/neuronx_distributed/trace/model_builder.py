"""ModelBuilder: v1 asks libneuronxla's cache, v2 never does and keeps its work directory."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence

import libneuronxla


class ModelBuilder:
    """Graphs of one model by tag, compiled in a directory below the work directory."""

    def __init__(self, compiler_workdir: str) -> None:
        self.compiler_workdir = compiler_workdir

    def compile_tag(self, tag: str, hlo: bytes, flags: Sequence[str] = ()) -> bytes:
        """A graph's NEFF, as v1 (and NxDI through it) has it made."""
        work = os.path.join(self.compiler_workdir, tag)
        os.makedirs(work, exist_ok=True)
        return libneuronxla.neuron_xla_compile(
            hlo,
            " ".join([*flags, "--logfile", os.path.join(work, "log-neuron-cc.txt")]),
            input_format="hlo",
            platform_target="trn1",
            cache_key=hashlib.sha256(hlo).hexdigest()[:20],
            retry_failed_compilation=False,
            lazy=False,
            use_cache=True,
            cache_dir=None,
            work_dir=work,
            create_subdir=False,
        )


def compile(hlo: bytes, compiler_workdir: str, flags: Sequence[str] = ()) -> bytes:  # noqa: A001
    """A graph's NEFF, as v2 has it made: no cache, a directory named by the time."""
    work = os.path.join(compiler_workdir, time.strftime("%Y%m%d_%H%M%S") + f"_{time.time_ns()}")
    return libneuronxla.neuron_xla_compile(
        hlo,
        list(flags),
        input_format="hlo",
        platform_target="trn1",
        cache_key=None,
        use_cache=False,
        work_dir=work,
        create_subdir=False,
    )
