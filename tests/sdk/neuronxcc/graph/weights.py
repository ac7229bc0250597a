"""The weights of a `model/` directory, turned into constants of its graph.

Which parameter a weight belongs to: the one whose instruction name, op_name or frontend
attribute is the weight's name (the `.7` that XLA appends does not count). Weights that no name
fits take, in the order of metadata.json, the last of the remaining parameters: inputs come first.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from neuronxcc.errors import CompileError
from neuronxcc.graph.hlo import Instruction, Module
from neuronxcc.graph.literals import dtype_of, literal, retype
from neuronxcc.graph.wire import Message

_SUFFIX = re.compile(r"(\.\d+)+$")
Weights = dict[str, np.ndarray[Any, Any]]


def load(files: dict[str, str]) -> Weights:
    """Read the arrays; a pickle is refused."""
    try:
        return {name: np.load(path, allow_pickle=False) for name, path in files.items()}
    except (OSError, ValueError, EOFError) as broken:
        raise CompileError("NCC_IGRA003", f"a weight cannot be read: {broken}") from None


def apply(module: Module, weights: Weights) -> None:
    """Turn the parameters that hold weights into constants and number the others anew."""
    if not weights:
        return
    baked = _assign(module.parameters, weights)
    numbers: dict[int, int] = {}
    for parameter in module.parameters:
        if parameter.parameter in baked:
            _bake(parameter, baked[parameter.parameter])
        else:
            numbers[parameter.parameter] = len(numbers)
            parameter.message.set(9, numbers[parameter.parameter])
    _renumber(module, numbers)


def _names(parameter: Instruction) -> set[str]:
    names = {parameter.name, Message(parameter.message.blob(7)).text(2)}
    for entry in Message(parameter.message.blob(68)).blobs(1):
        names.add(Message(entry).text(2))
    return names | {_SUFFIX.sub("", name) for name in names}


def _assign(parameters: list[Instruction], weights: Weights) -> dict[int, np.ndarray[Any, Any]]:
    baked: dict[int, np.ndarray[Any, Any]] = {}
    rest: list[str] = []
    for name in weights:
        for parameter in parameters:
            if parameter.parameter not in baked and name in _names(parameter):
                baked[parameter.parameter] = weights[name]
                break
        else:
            rest.append(name)
    free = [found.parameter for found in parameters if found.parameter not in baked]
    if len(rest) > len(free):
        raise CompileError("NCC_IGRA004", "there are more weights than parameters")
    if rest:
        baked.update(zip(free[-len(rest) :], (weights[name] for name in rest), strict=True))
    return baked


def _bake(parameter: Instruction, array: np.ndarray[Any, Any]) -> None:
    shape = parameter.shape
    array = retype(array, shape.kind)
    if array.shape != shape.dims or array.dtype != dtype_of(shape.kind):
        raise CompileError(
            "NCC_IGRA005", f"a weight of shape {array.shape} does not fit {shape.describe()}"
        )
    parameter.opcode = "constant"
    parameter.message.drop(9, 40, 61, 68).set(2, b"constant").set(8, literal(array, shape))


def _renumber(module: Module, numbers: dict[int, int]) -> None:
    entry = module.entry
    for owner, field in ((module.message, 4), (entry.message, 4)):
        owner.set(field, _program_shape(Message(owner.blob(field)), numbers))
    # input_output_alias names the parameter in field 2, buffer_donor in field 1 of an entry
    for field, number in ((8, 2), (18, 1)):
        _realias(module.message, field, number, numbers)
    # shardings of parameters stand in parameter order; one device needs none
    module.message.drop(12, 14)


def _program_shape(shape: Message, numbers: dict[int, int]) -> bytes:
    for field in (1, 3):
        kept = [blob for at, blob in enumerate(shape.blobs(field)) if at in numbers]
        shape.drop(field)
        for blob in kept:
            shape.add(field, blob)
    return shape.encode()


def _realias(module: Message, field: int, number: int, numbers: dict[int, int]) -> None:
    if not module.values(field):
        return
    entries = Message()
    for blob in Message(module.blob(field)).blobs(1):
        entry = Message(blob)
        if entry.integer(number) in numbers:
            entries.add(1, entry.set(number, numbers[entry.integer(number)]).encode())
    module.set(field, entries.encode())
