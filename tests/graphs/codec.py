"""Graphs: a wire codec for changes that no schema allows."""

from __future__ import annotations

from dataclasses import dataclass

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


@dataclass
class Field:
    """One field: its value as it stands on the wire, without a length."""

    number: int
    kind: int
    value: bytes


def varint(number: int, padding: int = 0) -> bytes:
    """A varint, or the same number in `padding` bytes too many."""
    digits = [number & 127]
    while number := number >> 7:
        digits.append(number & 127)
    digits += [0] * padding
    return bytes(d | 128 for d in digits[:-1]) + bytes(digits[-1:])


def number(data: bytes) -> int:
    """The number that a varint says."""
    return sum((byte & 127) << (7 * place) for place, byte in enumerate(data))


def decode(data: bytes) -> list[Field]:
    """The fields of a well-formed message."""
    found, at = [], 0
    while at < len(data):
        tag, at = _take(data, at)
        kind = number(tag) & 7
        if kind == VARINT:
            value, at = _take(data, at)
        else:
            size = {FIXED64: 8, FIXED32: 4}.get(kind)
            if size is None:
                length, at = _take(data, at)
                size = number(length)
            value, at = data[at : at + size], at + size
        found.append(Field(number(tag) >> 3, kind, value))
    return found


def _take(data: bytes, at: int) -> tuple[bytes, int]:
    stop = at
    while data[stop] > 127:
        stop += 1
    return data[at : stop + 1], stop + 1


def encode(fields: list[Field]) -> bytes:
    return b"".join(map(one, fields))


def one(field: Field, padding: int = 0) -> bytes:
    """A field; `padding` bytes too many in its tag."""
    length = varint(len(field.value)) if field.kind == BYTES else b""
    return varint(field.number << 3 | field.kind, padding) + length + field.value


def text(number: int, value: bytes) -> Field:
    return Field(number, BYTES, value)


def integer(number: int, value: int) -> Field:
    return Field(number, VARINT, varint(value & (1 << 64) - 1))


def edit(data: bytes, path: list[tuple[int, int]], change: object) -> bytes:
    """Change the message at a path of (number, which one of that number) by a function."""
    if not path:
        assert callable(change)
        fields = decode(data)
        return encode(change(fields) or fields)
    fields = decode(data)
    (wanted, index), *rest = path
    same = [field for field in fields if field.number == wanted]
    same[index].value = edit(same[index].value, rest, change)
    return encode(fields)
