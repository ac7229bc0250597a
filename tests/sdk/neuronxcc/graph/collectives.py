"""Collectives on one device: every rank is taken to hold the same data, so group size shows.

A sum over N ranks is N times the value, a gather N copies: a NEFF built for 8 ranks gives other
numbers than one for 32, though no network is involved.
"""

from __future__ import annotations

from neuronxcc.errors import CompileError
from neuronxcc.graph.hlo import TUPLE, Instruction, Module, Rewriter, Shape, dimensions
from neuronxcc.graph.literals import constant
from neuronxcc.graph.wire import Message, unpack

_KINDS = {"all-reduce", "all-gather", "reduce-scatter", "collective-permute"}
_REFUSED = {"all-to-all", "collective-broadcast", "send", "recv", "infeed", "outfeed"}


def apply(module: Module) -> None:
    """Replace every collective by what it computes when all ranks agree."""
    for computation in module.computations:
        opcodes = {instruction.opcode for instruction in computation.instructions}
        if opcodes & _REFUSED:
            raise CompileError("NCC_EVRF001", f"{min(opcodes & _REFUSED)} is not supported")
        if not opcodes & _KINDS:
            continue
        rewriter = Rewriter(module, computation)
        for instruction in computation.instructions:
            if instruction.opcode in _KINDS:
                _rewrite(rewriter, instruction)
            else:
                rewriter.keep(instruction)
        rewriter.finish()


def group_size(instruction: Instruction) -> int:
    """Ranks in the (first) replica group, however this version of XLA writes it; 1 if unnamed."""
    message = instruction.message
    for groups in message.blobs(49):
        return max(1, len(Message(groups).integers(1)))
    for devices in message.blobs(87):
        return _listed(Message(devices))
    for iota in message.blobs(92):
        return max(1, Message(iota).integer(2))
    return 1


def _listed(devices: Message) -> int:
    for groups in devices.blobs(1):
        return max(1, len(Message(groups).integers(1)))
    for iota in devices.blobs(2):
        return max(1, Message(iota).integer(2))
    return 1


def _rewrite(rewriter: Rewriter, instruction: Instruction) -> None:
    ranks = group_size(instruction)
    results = instruction.shape.parts if instruction.shape.kind == TUPLE else (instruction.shape,)
    values = [
        _one(rewriter, instruction, operand, shape, ranks)
        for operand, shape in zip(instruction.operands, results, strict=True)
    ]
    if instruction.shape.kind == TUPLE:
        rewriter.replace(instruction, "tuple", values, Message())
    else:
        rewriter.replace(instruction, "copy", values, Message())


def _one(
    rewriter: Rewriter, instruction: Instruction, operand: int, result: Shape, ranks: int
) -> int:
    if instruction.opcode == "collective-permute":
        return operand
    if instruction.opcode == "all-gather":
        return _gather(rewriter, instruction, operand, result)
    combined = _combine(rewriter, instruction, operand, ranks)
    if instruction.opcode == "reduce-scatter":
        return _first_part(rewriter, combined, result)
    return combined


def _combine(rewriter: Rewriter, instruction: Instruction, operand: int, ranks: int) -> int:
    shape = rewriter.shapes[operand]
    combiner = rewriter.module.computation(instruction.called[0]).root.opcode
    opcode = {"add": "multiply", "multiply": "power"}.get(combiner)
    if opcode is None:  # max, min, and, or: the value itself
        return operand
    return rewriter.emit(opcode, shape, [operand, constant(rewriter, ranks, shape)])


def _gather(rewriter: Rewriter, instruction: Instruction, operand: int, result: Shape) -> int:
    at = (unpack(instruction.message.blob(14)) or [0])[0]
    copies = result.dims[at] // rewriter.shapes[operand].dims[at]
    return rewriter.emit("concatenate", result, [operand] * copies, dimensions([at]))


def _first_part(rewriter: Rewriter, value: int, result: Shape) -> int:
    attributes = Message()
    for size in result.dims:
        # SliceDimensions: start 1 (0, so absent), limit 2, stride 3
        attributes.add(17, Message().add(2, size).add(3, 1).encode())
    return rewriter.emit("slice", result, [value], attributes)
