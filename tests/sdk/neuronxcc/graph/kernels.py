"""NKI kernels: custom calls replaced by what the kernel file says, so that its content counts."""

from __future__ import annotations

from neuronxcc.errors import CompileError
from neuronxcc.graph.hlo import DTYPES, TUPLE, Instruction, Module, Rewriter, Shape
from neuronxcc.graph.kernel_files import TARGET, Kernel, read
from neuronxcc.graph.literals import constant, linear
from neuronxcc.graph.wire import Message

# Markers and annotations that compute nothing.
_IDENTITIES = ("AwsNeuronModuleMarker", "Sharding", "AwsNeuronTransferWithStaticRing")
_PLAIN_COPY = {"bool", "complex64", "complex128"}


def apply(module: Module) -> list[Kernel]:
    """Replace every native kernel by what its file says; refuse custom calls nobody knows."""
    kernels: list[Kernel] = []
    for computation in module.computations:
        if not any(found.opcode == "custom-call" for found in computation.instructions):
            continue
        rewriter = Rewriter(module, computation)
        for instruction in computation.instructions:
            if instruction.opcode != "custom-call":
                rewriter.keep(instruction)
            elif instruction.target == TARGET:
                kernels.append(read(instruction.message.blob(43)))
                _inline(rewriter, instruction, kernels[-1])
            else:
                _other(rewriter, instruction)
        rewriter.finish()
    return kernels


def _other(rewriter: Rewriter, instruction: Instruction) -> None:
    if instruction.target.startswith(_IDENTITIES) and len(instruction.operands) == 1:
        rewriter.replace(instruction, "copy", instruction.operands, Message())
    elif instruction.target.startswith("AwsNeuron"):
        raise CompileError("NCC_EVRF001", f"custom call {instruction.target} is not supported")
    else:
        rewriter.keep(instruction)


def _inline(rewriter: Rewriter, instruction: Instruction, kernel: Kernel) -> None:
    shape = instruction.shape
    if shape.kind != TUPLE:
        value = _compute(rewriter, instruction, shape, kernel)
        rewriter.replace(instruction, "copy", [value], Message())
        return
    values = [_compute(rewriter, instruction, part, kernel) for part in shape.parts]
    rewriter.replace(instruction, "tuple", values, Message())


def _compute(rewriter: Rewriter, instruction: Instruction, result: Shape, kernel: Kernel) -> int:
    """x is the first operand of the result's type and size, or ones where none is."""
    for operand in instruction.operands:
        shape = rewriter.shapes[operand]
        if (shape.kind, shape.dims) == (result.kind, result.dims):
            source = operand
            break
    else:
        source = constant(rewriter, 1.0, result)
    if DTYPES[result.kind] in _PLAIN_COPY:
        return source
    return linear(rewriter, source, kernel.scale, kernel.offset)
