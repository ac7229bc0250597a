"""Graphs: every field of every message of XLA's schema, changed where a module has it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

# Messages whose absent fields are set too; of others only those that are there are changed.
_OPEN = {"HloModuleProto", "HloComputationProto", "HloInstructionProto", "OpMetadata", "OpSharding"}
_EMPTY: dict[int, Any] = {FieldDescriptor.CPPTYPE_STRING: ""}
_OPEN |= {"Window", "Layout", "Shape"}


Path = tuple[tuple[str, int], ...]  # fields from the module on, with the place in a list or -1
Sites = dict[tuple[str, str], list[Path]]


def sites(module: Any) -> Sites:
    """(message type, field) → every message with it."""
    found: Sites = {}
    for path, holder in _messages((), module):
        kind = holder.DESCRIPTOR.name
        present = {field.name for field, _ in holder.ListFields()}
        for field in holder.DESCRIPTOR.fields:
            if field.name in present or kind in _OPEN:
                found.setdefault((kind, field.name), []).append(path)
    return found


def _messages(path: Path, message: Any) -> Iterator[tuple[Path, Any]]:
    yield path, message
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        if field.is_repeated:
            for place, one in enumerate(value):
                yield from _messages((*path, (field.name, place)), one)
        else:
            yield from _messages((*path, (field.name, -1)), value)


def change_at(module: Any, path: Path, name: str, rng: random.Random) -> None:
    """Give a field of the message at a path another value."""
    for step, place in path:
        module = getattr(module, step)
        module = module if place < 0 else module[place]
    change(module, module.DESCRIPTOR.fields_by_name[name], rng)


def change(holder: Any, field: Any, rng: random.Random) -> None:
    """Give a field another value."""
    value = getattr(holder, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key = field.message_type.fields_by_name["key"]
        if key.cpp_type == key.CPPTYPE_STRING:
            value[f"k{rng.random()}"] = "v"
        else:
            value[rng.randrange(1 << 30)].SetInParent()
    elif field.is_repeated:
        _change_list(value, field, rng)
    elif field.message_type is not None:
        _toggle(holder, field, value)
    else:
        setattr(holder, field.name, _other(value, field, rng))


def _toggle(holder: Any, field: Any, value: Any) -> None:
    if holder.HasField(field.name):
        holder.ClearField(field.name)
    else:
        value.SetInParent()


def _change_list(values: Any, field: Any, rng: random.Random) -> None:
    if field.message_type is not None:
        if len(values) and rng.random() < 0.5:
            del values[-1]
        else:
            values.add()
    elif len(values) and rng.random() < 0.5:
        at = rng.randrange(len(values))
        values[at] = _other(values[at], field, rng)
    else:
        values.append(_other(_EMPTY.get(field.cpp_type, 0), field, rng))


def _other(value: Any, field: Any, rng: random.Random) -> Any:
    if field.enum_type is not None:
        numbers = [one.number for one in field.enum_type.values if one.number != value]
        return rng.choice(numbers or [1])
    if field.type == field.TYPE_BYTES:
        return (value or b"") + b"x"
    if isinstance(value, str):
        return value + rng.choice(["x", ".7", "é"])
    if isinstance(value, bool) or field.cpp_type == field.CPPTYPE_BOOL:
        return not value
    if isinstance(value, float):
        return 2.0 if value != 2.0 else 3.0
    step = rng.choice([1, 2, 58, 127])
    return int(value) + (step if value < 1 << 30 else -step)
