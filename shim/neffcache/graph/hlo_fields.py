"""Noun: which fields of an HLO module may decide the binary, by number; see shim/README.md."""

from neffcache.graph import wire

# Anything else than these makes `canonical` step down: it may hold an id or a name.
_VARINT, _FIXED32, _BYTES = 0, 5, 2
_MODULE_NUMBERS = (5, 6, 11, 16, 23)
_MODULE_BYTES = (1, 2, 3, 4, 7, 8, 9, 10, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22)
_COMPUTATION_NUMBERS = (5, 6, 7)
_COMPUTATION_BYTES = (1, 2, 4, 8)
_METADATA_NUMBERS = (4, 5, 6, 7, 8, 9, 13, 15, 17, 18, 19)
_METADATA_BYTES = (1, 2, 3, 5, 10, 12, 16, 20)
# fmt: off
_INSTRUCTION_NUMBERS = (
    9, 13, 18, 19, 23, 25, 26, 31, 35, 45, 47, 50, 56, 58, 60, 65, 66, 67, 69, 70, 71, 73, 75, 76,
    77, 78, 80, 81, 85, 89, 94, 95, 96, 97,
)
_INSTRUCTION_BYTES = (
    1, 2, 3, 7, 8, 11, 14, 15, 16, 17, 20, 21, 22, 27, 28, 29, 30, 32, 33, 34, 36, 37, 38, 40, 43,
    48, 49, 51, 52, 54, 55, 57, 59, 61, 62, 63, 68, 72, 74, 79, 82, 86, 87, 88, 90, 91, 92, 93, 98,
    99,
)
# fmt: on
_UNPACKED = (14, 20, 32, 34)  # lists of plain numbers, one field each in old writers
_MODULE_REPEATED = frozenset((3, 10, 13, 14, 22))

# Metadata of an instruction: where it was written in the source, and names for people.
_SOURCE = ((3, 2), (4, 0), (15, 0), (17, 0), (18, 0), (19, 0))
_LABELS = ((1, 2), (2, 2), (12, 2))


# Two readings of a text that may name something: narrow and wide.
_WORD = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-"
_OTHER = bytes(range(256)).translate(None, _WORD)
_BRACKETS = b",;:=%\"'(){}[]<>|&"
_ONLY_WORDS = bytes.maketrans(_OTHER, b" " * len(_OTHER))
_NO_BRACKETS = bytes.maketrans(_BRACKETS, b" " * len(_BRACKETS))


def _tags(numbers: "tuple[int, ...]", texts: "tuple[int, ...]") -> "frozenset[int]":
    return frozenset([n << 3 for n in numbers] + [n << 3 | _BYTES for n in texts])


# Tags of a module and a computation.
NAME, ENTRY_NAME, COMPUTATION, SHAPE = 1 << 3 | 2, 2 << 3 | 2, 3 << 3 | 2, 4 << 3 | 2
ID, ROOT = 5 << 3, 6 << 3
ENTRY_ID = 6 << 3
SCHEDULE, RECOVERY = 7 << 3 | 2, 20 << 3 | 2
FRAMES, MODULE_ATTRIBUTES, PJRT_ID = 17 << 3 | 2, 19 << 3 | 2, 23 << 3
LOCAL = frozenset((ID, FRAMES, PJRT_ID))  # of this process or its sources: never kept
# Tags of an instruction.
INSTRUCTION = 2 << 3 | 2
OPCODE, METADATA, TARGET, CONFIG, ATTRIBUTES = 18, 58, 28 << 3 | 2, 43 << 3 | 2, 68 << 3 | 2
PAYLOAD = 99 << 3 | 2
OWN_ID, OPERANDS, CONTROL, CALLED = 35 << 3, 36 << 3 | 2, 37 << 3 | 2, 38 << 3 | 2
ORIGINAL = 88 << 3 | 2
LISTS = frozenset((OPERANDS, CONTROL, CALLED))
# What an instruction has once: twice could hide one from us.
REDUCED = frozenset((METADATA, ATTRIBUTES))
STRICT_SPECIAL = frozenset((OPCODE, METADATA, TARGET, CONFIG, ATTRIBUTES, PAYLOAD))
CANONICAL_SPECIAL = STRICT_SPECIAL | LISTS | {NAME, OWN_ID, ORIGINAL}

MODULE = _tags(_MODULE_NUMBERS, _MODULE_BYTES)
MODULE_ONCE = MODULE - _tags((), tuple(_MODULE_REPEATED))
COMPUTATION_KNOWN = _tags(_COMPUTATION_NUMBERS, _COMPUTATION_BYTES)
METADATA_KNOWN = _tags(_METADATA_NUMBERS, _METADATA_BYTES)
INSTRUCTION_KNOWN = _tags(_INSTRUCTION_NUMBERS + _UNPACKED, _INSTRUCTION_BYTES) | {24 << 3 | 5}
PLAIN = INSTRUCTION_KNOWN - CANONICAL_SPECIAL
SOURCE = frozenset(number << 3 | kind for number, kind in _SOURCE)
LABELS = SOURCE | {number << 3 | kind for number, kind in _LABELS}


class Unsafe(Exception):
    """This level may not be used for the module; the next safer one may."""


def with_length(tag: bytes, value: bytes) -> bytes:
    """A field whose value is bytes."""
    return tag + wire.encode(len(value)) + value


def reduced_metadata(body: bytes, canonical: bool) -> bytes:
    """An instruction's metadata without what cannot decide the binary, as a field; or nothing."""
    if not body:
        return b""
    if body[0] == 18 and len(body) < 130:  # the usual: op_name, then at most a frame's id
        named = body[1] + 2
        frame = body[named:]
        if named == len(body) or (frame[:1] == b"x" and 1 < len(frame) < 4 and _is_number(frame)):
            body[2:named].decode()
            return b"" if canonical else b"\x3a%c" % named + body[:named]
    dropped = LABELS if canonical else SOURCE
    kept = []
    for tag, start, value, stop in wire.fields(body, 0, len(body)):
        if canonical and tag not in METADATA_KNOWN:
            raise Unsafe(f"unknown metadata field {tag >> 3} of wire type {tag & 7}")
        if tag not in dropped:
            kept.append(body[start:stop])
        elif tag & 7 == _BYTES:
            body[value:stop].decode()  # a reader refuses what is not UTF-8, so dropping hides it
    return with_length(b"\x3a", b"".join(kept)) if kept else b""


def _is_number(field: bytes) -> bool:
    """Whether a field of two or three bytes is a whole number."""
    return field[-1] < 128 <= field[-2] + (len(field) == 2) * 128


def sorted_map(body: bytes) -> bytes:
    """A message that is one map, by its keys; any other message as it is."""
    entries = []
    for tag, _start, value, stop in wire.fields(body, 0, len(body)):
        if tag != NAME:
            return body
        entry = body[value:stop]
        parts = list(wire.fields(entry, 0, len(entry)))
        if [part[0] for part in parts] not in ([10, 18], [8, 18]):
            return body
        entries.append((entry[: parts[0][3]], entry))
    if len({key for key, _ in entries}) < len(entries):
        return body
    entries.sort()
    return b"".join([with_length(b"\x0a", entry) for _, entry in entries])


def stem(name: bytes) -> bytes:
    """A name without the numbers that XLA counts equal names with: "add.2.1" is "add"."""
    end = len(name)
    while True:
        at = end
        while at and 48 <= name[at - 1] <= 57:
            at -= 1
        if at == end or not at or name[at - 1] != 46:
            return name[:end]
        end = at - 1


def words(attributes: bytes) -> "set[bytes]":
    """Everything in a map's keys and values that may be the name of something in the module."""
    found: set[bytes] = set()
    for tag, _start, value, stop in wire.fields(attributes, 0, len(attributes)):
        if tag & 7 != _BYTES:
            continue
        for inner, _, begin, end in wire.fields(attributes[value:stop], 0, stop - value):
            if inner & 7 == _BYTES:
                text = attributes[value + begin : value + end]
                found.add(text)
                found.update(text.translate(_ONLY_WORDS).split())
                found.update(text.translate(_NO_BRACKETS).split())
    return found
