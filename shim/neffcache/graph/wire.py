"""Noun: protocol buffers' wire format, read without a schema and without copies."""

# A varint of 64 bits takes ten bytes; tags of more than two belong to fields above 2047.
_LONGEST = 10
_LARGEST_TAG = (1 << 32) - 1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    # tag, where the field starts, where its value starts, where it ends
    Field = tuple[int, int, int, int]


class Malformed(Exception):
    """These bytes are not a message, or not as any known writer writes one."""


def varint(data: bytes, at: int) -> "tuple[int, int]":
    """(value, where the next thing starts); IndexError at the end of the data."""
    value = data[at]
    if value < 128:
        return value, at + 1
    value &= 127
    for place in range(1, _LONGEST):
        byte = data[at + place]
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at + place + 1
    raise Malformed("a number is longer than ten bytes")


def encode(number: int) -> bytes:
    """A varint in its shortest form."""
    if number < 128:
        return bytes((number,))
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def is_plain(raw: bytes) -> bool:
    """Whether a varint has its shortest form and is not negative."""
    return len(raw) == 1 or (raw[-1] != 0 and len(raw) < _LONGEST)


def split(packed: bytes) -> "list[bytes]":
    """The varints of a packed list, as written."""
    found = []
    at = 0
    while at < len(packed):
        stop = varint(packed, at)[1]
        found.append(packed[at:stop])
        at = stop
    return found


def field(data: bytes, at: int) -> "Field":
    """The field that starts at `at`; its end may lie beyond the data, its header may not.

    Raises:
        Malformed: no field of a message looks like that, or its tag is written too long.
        IndexError: the data ends within the header.
    """
    tag, value = varint(data, at)
    if tag < 8 or tag > _LARGEST_TAG or data[value - 1] == 0:
        raise Malformed("a tag is out of range or in long form")
    kind = tag & 7
    if kind == 2:
        size, value = varint(data, value)
        return tag, at, value, value + size
    if kind == 0:
        return tag, at, value, varint(data, value)[1]
    if kind in {1, 5}:
        return tag, at, value, value + (8 if kind == 1 else 4)
    raise Malformed(f"wire type {kind}")


def fields(data: bytes, at: int, end: int) -> "Iterator[Field]":
    """The fields between two places, which must end exactly there."""
    while at < end:
        found = field(data, at)
        at = found[3]
        if at > end:
            raise Malformed("a field is longer than its message")
        yield found
