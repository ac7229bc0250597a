"""`wrapped_neff.hlo`: an HLO module whose root is a custom call that carries the NEFF."""

from __future__ import annotations

import os

from neuronxcc import neff
from neuronxcc.graph.hlo import TUPLE, Shape
from neuronxcc.graph.wire import BYTES, Message, length_delimited, varint

TARGET = "AwsNeuronNeff"
_BACKEND_CONFIG, _INSTRUCTIONS, _COMPUTATIONS = 43, 2, 3


def write(path: str, neff_path: str, inputs: list[Shape], outputs: list[Shape]) -> None:
    """Write the module; the NEFF is copied through as the last field of the last message."""
    result = outputs[0] if len(outputs) == 1 else _tuple(outputs)
    signature = _signature(inputs, result)
    size = os.path.getsize(neff_path)
    call = _open(_call(inputs, result).encode(), _BACKEND_CONFIG, size)
    entry = _open(_computation(inputs, signature), _INSTRUCTIONS, len(call) + size)
    module = Message().add(1, b"wrapped_neff").add(2, b"main").add(4, signature)
    module.add(5, 0).add(6, 1)
    head = _open(module.encode(), _COMPUTATIONS, len(entry) + len(call) + size)
    with open(path, "wb") as file:
        file.write(head + entry + call)
        neff.copy(neff_path, file)


def _open(fields: bytes, number: int, size: int) -> bytes:
    """These fields, then the start of a last one whose `size` bytes are written afterwards."""
    return fields + varint(number << 3 | BYTES) + varint(size)


def _tuple(parts: list[Shape]) -> Shape:
    message = Message().add(2, TUPLE)
    for part in parts:
        message.add(4, part.raw)
    return Shape.parse(message.encode())


def _signature(inputs: list[Shape], result: Shape) -> bytes:
    message = Message()
    for shape in inputs:
        message.add(1, shape.raw)
    message.add(2, result.raw)
    for number in range(len(inputs)):
        message.add(3, f"p{number}".encode())
    return message.encode()


def _computation(inputs: list[Shape], signature: bytes) -> bytes:
    head = Message().add(1, b"main").add(4, signature).add(5, 1).add(6, len(inputs) + 1)
    parameters = b"".join(
        length_delimited(_INSTRUCTIONS, _parameter(number, shape).encode())
        for number, shape in enumerate(inputs)
    )
    return head.encode() + parameters


def _parameter(number: int, shape: Shape) -> Message:
    message = Message().add(1, f"p{number}".encode()).add(2, b"parameter").add(3, shape.raw)
    return message.add(9, number).add(35, number + 1)


def _call(inputs: list[Shape], result: Shape) -> Message:
    message = Message().add(1, b"neff").add(2, b"custom-call").add(3, result.raw)
    message.add(28, TARGET.encode()).add(35, len(inputs) + 1)
    return message.set_integers(36, range(1, len(inputs) + 1))
