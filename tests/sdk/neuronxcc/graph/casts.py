"""`--auto-cast`: operands rounded to a narrow type, so that the flag shows in the numbers."""

from __future__ import annotations

from neuronxcc.graph.hlo import F32, Computation, Instruction, Module, Rewriter
from neuronxcc.graph.wire import Message

# Exponent and mantissa bits; reduce-precision survives XLA's own simplification, a pair of
# conversions may not.
PRECISIONS = {"bf16": (8, 7), "fp16": (5, 10), "tf32": (8, 10), "fp8_e4m3": (4, 3)}
_MATMULT = {"dot", "convolution"}
_ALL = _MATMULT | {
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "power",
    "exponential",
    "log",
    "tanh",
    "logistic",
    "rsqrt",
    "sqrt",
    "sine",
    "cosine",
    "reduce",
}
# What these call combines single numbers in XLA's own patterns: left alone.
_COMBINERS = {"reduce", "reduce-window", "scatter", "select-and-scatter", "sort", "map"}


def apply(module: Module, mode: str, narrow: str) -> None:
    """Rewrite the module for `--auto-cast=mode --auto-cast-type=narrow`."""
    if mode == "none":
        return
    opcodes = _ALL if mode == "all" else _MATMULT
    skipped = _combiners(module)
    for computation in module.computations:
        if computation.id not in skipped and _uses(computation, opcodes):
            _round(module, computation, opcodes, PRECISIONS[narrow])


def _combiners(module: Module) -> set[int]:
    return {
        called
        for computation in module.computations
        for instruction in computation.instructions
        if instruction.opcode in _COMBINERS
        for called in instruction.called
    }


def _uses(computation: Computation, opcodes: set[str]) -> bool:
    return any(instruction.opcode in opcodes for instruction in computation.instructions)


def _round(
    module: Module, computation: Computation, opcodes: set[str], bits: tuple[int, int]
) -> None:
    rewriter = Rewriter(module, computation)
    rounded: dict[int, int] = {}
    for instruction in computation.instructions:
        if instruction.opcode in opcodes:
            _round_operands(rewriter, instruction, bits, rounded)
        rewriter.keep(instruction)
    rewriter.finish()


def _round_operands(
    rewriter: Rewriter, instruction: Instruction, bits: tuple[int, int], rounded: dict[int, int]
) -> None:
    attributes = Message().add(18, bits[0]).add(19, bits[1])
    operands = instruction.operands
    for at, operand in enumerate(operands):
        shape = rewriter.shapes[operand]
        if shape.kind != F32:
            continue
        if operand not in rounded:
            rounded[operand] = rewriter.emit("reduce-precision", shape, [operand], attributes)
        operands[at] = rounded[operand]
    instruction.operands = operands
