"""From source to executable: everything that changes the numbers happens here, in order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from neuronxcc.graph.hlo import Module, Shape
from neuronxcc.graph.kernel_files import Kernel, find
from neuronxcc.graph.load import Source

# LLVM takes most of the time of a compile, and at level 0 a third of what it takes at 2.
_BACKEND_LEVELS = {"1": 0, "2": 0, "3": 2}


@dataclass(frozen=True)
class Lowered:
    """A compiled graph and what is worth saying about it."""

    executable: bytes
    optimized_sha256: str
    inputs: list[Shape] = field(default_factory=list)
    outputs: list[Shape] = field(default_factory=list)
    kernels: list[Kernel] = field(default_factory=list)


def lower(source: Source, flags: dict[str, object]) -> Lowered:
    """Compile for real."""
    from neuronxcc import xla
    from neuronxcc.graph import casts, collectives, kernels, weights

    hlo = xla.stablehlo_to_hlo(source.graph) if source.is_stablehlo else source.graph
    module = Module(hlo)
    weights.apply(module, weights.load(source.weights))
    found = kernels.apply(module)
    collectives.apply(module)
    casts.apply(module, str(flags["auto-cast"]), str(flags["auto-cast-type"]))
    compiled = xla.compile_hlo(module.encode(), _BACKEND_LEVELS[str(flags["optlevel"])])
    digest = hashlib.sha256(compiled.text.encode()).hexdigest()
    return Lowered(compiled.executable, digest, module.inputs(), module.outputs(), found)


def pretend(source: Source, shapes: bool) -> Lowered:
    """Pack the graph itself as the executable: quick, for tests that only count compiles."""
    kernels = find(source.graph)
    digest = hashlib.sha256(source.digest.encode())
    for kernel in kernels:
        digest.update(kernel.digest.encode())
    if not shapes or source.is_stablehlo:
        outputs = [Shape.make(11)] if shapes else []
        return Lowered(source.graph, digest.hexdigest(), [], outputs, kernels)
    module = Module(source.graph)
    return Lowered(source.graph, digest.hexdigest(), module.inputs(), module.outputs(), kernels)
