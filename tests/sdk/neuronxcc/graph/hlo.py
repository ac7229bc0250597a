"""HLO modules over the wire format: the few fields a rewrite needs, and new instructions."""

from __future__ import annotations

from dataclasses import dataclass, field

from neuronxcc.errors import CompileError
from neuronxcc.graph.wire import Message, WireError, pack

TUPLE, TOKEN = 13, 17
# PrimitiveType -> the name numpy and ml_dtypes know it by.
DTYPES = {
    1: "bool",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "uint8",
    7: "uint16",
    8: "uint32",
    9: "uint64",
    10: "float16",
    11: "float32",
    12: "float64",
    15: "complex64",
    16: "bfloat16",
    18: "complex128",
    19: "float8_e5m2",
    20: "float8_e4m3fn",
}
F32 = 11


@dataclass(frozen=True)
class Shape:
    """An array or tuple shape; `raw` is the proto it came from, layout included."""

    kind: int
    dims: tuple[int, ...]
    raw: bytes
    parts: tuple[Shape, ...] = ()

    @staticmethod
    def parse(raw: bytes) -> Shape:
        message = Message(raw)
        parts = tuple(Shape.parse(part) for part in message.blobs(4))
        return Shape(message.integer(2), tuple(message.integers(3)), raw, parts)

    @staticmethod
    def make(kind: int, dims: tuple[int, ...] = ()) -> Shape:
        """An array shape in the default, row-major layout."""
        layout = Message().set_integers(1, reversed(range(len(dims)))).encode()
        message = Message().add(2, kind).set_integers(3, dims)
        message.set_integers(6, [0] * len(dims))
        return Shape(kind, dims, message.add(5, layout).encode())

    @property
    def leaves(self) -> list[Shape]:
        """The arrays in it, in order."""
        if self.kind != TUPLE:
            return [self]
        return [leaf for part in self.parts for leaf in part.leaves]

    def describe(self) -> dict[str, object]:
        return {"dtype": DTYPES.get(self.kind, str(self.kind)), "shape": list(self.dims)}


class Instruction:
    """One instruction; everything not asked for stays as it came."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.opcode = message.text(2)
        self.id = message.integer(35)
        self.shape = Shape.parse(message.blob(3))

    @property
    def name(self) -> str:
        return self.message.text(1)

    @property
    def operands(self) -> list[int]:
        return self.message.integers(36)

    @operands.setter
    def operands(self, ids: list[int]) -> None:
        self.message.set_integers(36, ids)

    @property
    def called(self) -> list[int]:
        return self.message.integers(38)

    @property
    def target(self) -> str:
        """What a custom call calls."""
        return self.message.text(28)

    @property
    def parameter(self) -> int:
        return self.message.integer(9)


@dataclass
class Computation:
    """One computation: its own fields and its instructions, operands before users."""

    message: Message
    instructions: list[Instruction] = field(default_factory=list)

    @staticmethod
    def parse(raw: bytes) -> Computation:
        message = Message(raw)
        found = [Instruction(Message(blob)) for blob in message.blobs(2)]
        return Computation(message, found)

    @property
    def id(self) -> int:
        return self.message.integer(5)

    @property
    def root(self) -> Instruction:
        wanted = self.message.integer(6)
        return next(found for found in self.instructions if found.id == wanted)

    def encode(self) -> bytes:
        self.message.drop(2)
        for instruction in self.instructions:
            self.message.add(2, instruction.message.encode())
        return self.message.encode()


class Module:
    """A whole HLO module."""

    def __init__(self, raw: bytes) -> None:
        try:
            self.message = Message(raw)
            self.computations = [Computation.parse(blob) for blob in self.message.blobs(3)]
            self._check()
        except (WireError, StopIteration) as broken:
            raise CompileError("NCC_IGRA001", f"the graph is not an HLO module: {broken}") from None
        self._last = max(i.id for c in self.computations for i in c.instructions)

    def _check(self) -> None:
        # XLA's own loader dies on some of these instead of reporting them.
        if not self.computations or not self.message.text(2):
            raise WireError("it has no computations")
        known = {computation.id for computation in self.computations}
        if self.message.integer(6) not in known:
            raise WireError("it has no entry computation")
        for computation in self.computations:
            seen: set[int] = set()
            for instruction in computation.instructions:
                if not seen.issuperset(instruction.operands) or not instruction.opcode:
                    raise WireError(f"{instruction.name!r} uses what does not exist")
                if not known.issuperset(instruction.called):
                    raise WireError(f"{instruction.name!r} calls what does not exist")
                seen.add(instruction.id)
            _ = computation.root

    @property
    def entry(self) -> Computation:
        wanted = self.message.integer(6)
        return next(found for found in self.computations if found.id == wanted)

    def computation(self, wanted: int) -> Computation:
        return next(found for found in self.computations if found.id == wanted)

    @property
    def parameters(self) -> list[Instruction]:
        """The entry's parameters by number."""
        found = [i for i in self.entry.instructions if i.opcode == "parameter"]
        return sorted(found, key=lambda instruction: instruction.parameter)

    def inputs(self) -> list[Shape]:
        return [parameter.shape for parameter in self.parameters]

    def outputs(self) -> list[Shape]:
        return self.entry.root.shape.leaves

    def new_id(self, computation: Computation) -> int:
        """An unused id; newer XLA puts the computation's id into the upper half of it."""
        if self._last >> 32:
            return max(instruction.id for instruction in computation.instructions) + 1
        self._last += 1
        return self._last

    def encode(self) -> bytes:
        self.message.drop(3)
        for computation in self.computations:
            self.message.add(3, computation.encode())
        return self.message.encode()


class Rewriter:
    """Walks one computation and rebuilds its list, so that new instructions precede their users."""

    def __init__(self, module: Module, computation: Computation) -> None:
        self.module = module
        self.computation = computation
        self.shapes = {found.id: found.shape for found in computation.instructions}
        self._out: list[Instruction] = []
        self._fresh = 0

    def keep(self, instruction: Instruction) -> None:
        self._out.append(instruction)

    def emit(
        self, opcode: str, shape: Shape, operands: list[int], extra: Message | None = None
    ) -> int:
        """Append a new instruction and return its id."""
        message = Message(extra.encode() if extra else b"")
        return self._append(message, opcode, shape, operands)

    def replace(self, old: Instruction, opcode: str, operands: list[int], extra: Message) -> None:
        """Append an instruction that takes the place of `old`: same id, name and shape."""
        message = Message(extra.encode())
        message.add(1, old.message.blob(1)).add(2, opcode.encode()).add(3, old.shape.raw)
        message.add(35, old.id).set_integers(36, operands)
        self._out.append(Instruction(message))

    def _append(self, message: Message, opcode: str, shape: Shape, operands: list[int]) -> int:
        new = self._new_id()
        message.add(1, f"standin.{new}".encode()).add(2, opcode.encode()).add(3, shape.raw)
        message.add(35, new).set_integers(36, operands)
        self._out.append(Instruction(message))
        self.shapes[new] = shape
        return new

    def _new_id(self) -> int:
        self._fresh = max(self.module.new_id(self.computation), self._fresh + 1)
        return self._fresh

    def finish(self) -> None:
        self.computation.instructions = self._out


def dimensions(numbers: list[int]) -> Message:
    """The `dimensions` attribute of an instruction."""
    message = Message()
    return message.add(14, pack(numbers)) if numbers else message
