"""Graphs: what two levels keep of a module, said with XLA's own schema instead of bytes."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.message import DecodeError

from graphs import schema

SOURCE: tuple[str, ...] = ("source_file", "source_line", "source_end_line", "source_column")
SOURCE += ("source_end_column", "stack_frame_id")
LABELS = (*SOURCE, "op_type", "op_name", "deduplicated_name")
_SUFFIX = re.compile(r"(?:\.\d+)+$")


def load(graph: bytes) -> Any:
    """The module; None when XLA's parser would refuse it."""
    try:
        return schema.message("xla.HloModuleProto").FromString(graph)
    except DecodeError:
        return None


def strict(graph: bytes) -> bytes | None:
    """Everything but source positions and process-local ids."""
    module = load(graph)
    if module is None:
        return None
    _reduce(module, SOURCE)
    return _bytes(module)


def canonical(graph: bytes) -> tuple[bytes, object] | None:
    """The same up to names and ids that nothing refers to, and the order that XLA gives by id."""
    module = load(graph)
    if module is None:
        return None
    kept = _words(module)
    _reduce(module, LABELS)
    order: list[object] = [_order(module.computations)]
    places = {found.id: at for at, found in enumerate(module.computations)}
    module.ClearField("name")
    module.entry_computation_name = _stem(module.entry_computation_name, kept)
    _strip(module.host_program_shape, kept)
    for computation in module.computations:
        order.append(_order(computation.instructions))
        _rename(computation, computation.id == module.entry_computation_id, kept)
        _renumber(computation, places)
    module.entry_computation_id = places.get(module.entry_computation_id, -1)
    return _bytes(module), order


def _reduce(module: Any, fields: tuple[str, ...]) -> None:
    for name in ("id", "pjrt_id", "stack_frame_index"):
        _clear(module, name)
    for computation in module.computations:
        for instruction in computation.instructions:
            for name in fields:
                if instruction.HasField("metadata"):
                    _clear(instruction.metadata, name)
            if not instruction.metadata.ByteSize():
                instruction.ClearField("metadata")


def _clear(message: Any, name: str) -> None:
    if schema.knows(message, name):
        message.ClearField(name)


def _bytes(module: Any) -> bytes:
    """Fields that the schema does not know go along."""
    return bytes(module.SerializeToString(deterministic=True))


def _words(module: Any) -> set[str]:
    holders = [module, *(i for c in module.computations for i in c.instructions)]
    found: set[str] = set()
    for holder in holders:
        for pair in holder.frontend_attributes.map.items():
            for text in pair:
                found |= {text, *re.findall(r"[A-Za-z0-9_.\-]+", text)}
                found |= set(re.findall(r"[^\s,;:=%\"'(){}\[\]<>|&]+", text))
    return found


def _stem(name: str, kept: set[str]) -> str:
    return name if name in kept else _SUFFIX.sub("", name)


def _strip(shape: Any, kept: set[str]) -> None:
    shape.parameter_names[:] = [_stem(name, kept) for name in shape.parameter_names]


def _order(items: Any) -> list[int]:
    return sorted(range(len(items)), key=lambda at: items[at].id)


def _rename(computation: Any, is_entry: bool, kept: set[str]) -> None:
    computation.name = _stem(computation.name, kept)
    _strip(computation.program_shape, kept)
    for instruction in computation.instructions:
        if instruction.name in kept:
            continue
        parameter = is_entry and instruction.opcode == "parameter"
        instruction.name = _stem(instruction.name, kept) if parameter else ""


def _renumber(computation: Any, computations: dict[int, int]) -> None:
    places = {found.id: at for at, found in enumerate(computation.instructions)}
    for instruction in computation.instructions:
        instruction.id = places[instruction.id]
        for name in ("operand_ids", "control_predecessor_ids"):
            ids = getattr(instruction, name)
            ids[:] = [places.get(found, -1 - found) for found in ids]
        called = instruction.called_computation_ids
        called[:] = [computations.get(found, -1 - found) for found in called]
    computation.root_id = places.get(computation.root_id, -1)
    computation.id = computations[computation.id]
