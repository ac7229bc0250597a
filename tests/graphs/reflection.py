"""Graphs: every field of every message of XLA's schema, changed where a module has it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

# Messages whose absent fields are set too; of others only those that are there are changed.
_OPEN = {"HloModuleProto", "HloComputationProto", "HloInstructionProto", "OpMetadata", "OpSharding"}
_OPEN |= {"Window", "Layout", "Shape"}


def sites(message: Any) -> dict[tuple[str, str], list[tuple[Any, Any]]]:
    """(message type, field) → every message object with it, and the field's descriptor."""
    found: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for holder in _messages(message):
        kind = holder.DESCRIPTOR.name
        present = {field.name for field, _ in holder.ListFields()}
        for field in holder.DESCRIPTOR.fields:
            if field.name in present or kind in _OPEN:
                found.setdefault((kind, field.name), []).append((holder, field))
    return found


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            continue
        for one in value if field.is_repeated else [value]:
            yield from _messages(one)


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
        values.append(_other(field.default_value or 0, field, rng) if _is_number(field) else "x")


def _is_number(field: Any) -> bool:
    return field.cpp_type != field.CPPTYPE_STRING


def _other(value: Any, field: Any, rng: random.Random) -> Any:
    if field.enum_type is not None:
        numbers = [one.number for one in field.enum_type.values if one.number != value]
        return rng.choice(numbers or [1])
    if isinstance(value, bytes):
        return value + b"x"
    if isinstance(value, str):
        return value + rng.choice(["x", ".7", "é"])
    if isinstance(value, bool) or field.cpp_type == field.CPPTYPE_BOOL:
        return not value
    if isinstance(value, float):
        return 2.0 if value != 2.0 else 3.0
    return int(value) + rng.choice([1, 2, 58, 127])
