"""Protocol buffer messages without a schema: fields in wire order, changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Value = int | bytes
Field = tuple[int, int, Value]


class WireError(ValueError):
    """The bytes are not a protocol buffer message."""


def varint(number: int) -> bytes:
    """Encode an integer; a negative one takes ten bytes, as protobuf writes int64."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Decode the integer that starts at `at`; return it and where the next thing starts."""
    number = shift = 0
    while shift < 70:
        if at >= len(data):
            raise WireError("the message ends inside a number")
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
    raise WireError("a number is too long")


def signed(number: int) -> int:
    """Read an unsigned 64-bit number as protobuf's int64."""
    return number - (1 << 64) if number >> 63 else number


def _value(data: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == VARINT:
        return read_varint(data, at)
    if kind == BYTES:
        size, at = read_varint(data, at)
    elif kind in (FIXED64, FIXED32):
        size = 8 if kind == FIXED64 else 4
    else:
        raise WireError(f"wire type {kind} is unknown")
    if at + size > len(data):
        raise WireError("a field is longer than its message")
    return data[at : at + size], at + size


def _fields(data: bytes) -> Iterator[Field]:
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag < 8:
            raise WireError("field number 0")
        value, at = _value(data, at, tag & 7)
        yield tag >> 3, tag & 7, value


def length_delimited(number: int, value: bytes) -> bytes:
    """One field holding bytes, a string or a message."""
    return varint(number << 3 | BYTES) + varint(len(value)) + value


def _encode(field: Field) -> bytes:
    number, kind, value = field
    if isinstance(value, int):
        return varint(number << 3 | kind) + varint(value)
    if kind == BYTES:
        return length_delimited(number, value)
    return varint(number << 3 | kind) + value


class Message:
    """A message as the list of its fields, numbered as in XLA's hlo.proto and xla_data.proto."""

    def __init__(self, data: bytes = b"") -> None:
        self.fields: list[Field] = list(_fields(data))

    def encode(self) -> bytes:
        return b"".join(map(_encode, self.fields))

    def values(self, number: int) -> list[Value]:
        return [value for found, _, value in self.fields if found == number]

    def blobs(self, number: int) -> list[bytes]:
        return [value for value in self.values(number) if isinstance(value, bytes)]

    def blob(self, number: int) -> bytes:
        """The last bytes field of that number (protobuf: the last one wins), or nothing."""
        found = self.blobs(number)
        return found[-1] if found else b""

    def text(self, number: int) -> str:
        return self.blob(number).decode("utf-8", "replace")

    def integer(self, number: int) -> int:
        """The integer of that number, 0 when absent, as int64."""
        found = [value for value in self.values(number) if isinstance(value, int)]
        return signed(found[-1]) if found else 0

    def integers(self, number: int) -> list[int]:
        """A repeated integer, packed or not."""
        found: list[int] = []
        for value in self.values(number):
            found += [signed(value)] if isinstance(value, int) else unpack(value)
        return found

    def drop(self, *numbers: int) -> Message:
        self.fields = [field for field in self.fields if field[0] not in numbers]
        return self

    def set(self, number: int, value: Value) -> Message:
        """Make this the only field of that number."""
        self.drop(number)
        return self.add(number, value)

    def add(self, number: int, value: Value) -> Message:
        self.fields.append((number, VARINT if isinstance(value, int) else BYTES, value))
        return self

    def set_integers(self, number: int, values: Iterable[int]) -> Message:
        """Make this packed repeated integer the only field of that number."""
        self.drop(number)
        packed = pack(values)
        return self.add(number, packed) if packed else self


def pack(values: Iterable[int]) -> bytes:
    return b"".join(map(varint, values))


def unpack(data: bytes) -> list[int]:
    numbers: list[int] = []
    at = 0
    while at < len(data):
        number, at = read_varint(data, at)
        numbers.append(signed(number))
    return numbers
