"""Proof kit: twins of an HLO graph, the same program with other source positions, names, ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from neffcache.graph import hlo_fields as known
from neffcache.graph import wire

# tag, value: of a number its bytes, of anything longer what stands behind its length.
Field = tuple[int, bytes]
# Messages around the module, by form; the module is field 1 of each.
_AROUND = {"module": 0, "proto": 1, "snapshot": 2}
_OP_NAME, _FILE, _LINE = 2 << 3 | 2, 3 << 3 | 2, 4 << 3
_PARAMETER_NAME = 3 << 3 | 2  # of a program's shape


class NoTwin(Exception):
    """One line: why this graph has no twin."""


def moved(graph: bytes, form: str) -> bytes:
    """The same program written elsewhere: other source positions, no frames, other module id."""
    return _inside(graph, form, _moved_module)


def renamed(graph: bytes, form: str) -> bytes:
    """Besides, with other names and labels where nothing refers to them, and other ids.

    Ids keep their order, and names that the graph's inputs are known by keep their stem.
    """
    return _inside(graph, form, lambda module: _Renamer(_moved_module(module)).module())


def _inside(graph: bytes, form: str, change: Callable[[bytes], bytes]) -> bytes:
    if form not in _AROUND:
        raise NoTwin("it is no HLO graph")
    try:
        return _at_depth(graph, _AROUND[form], change)
    except (wire.Malformed, IndexError) as error:
        raise NoTwin(f"it cannot be read: {error}") from error


def _at_depth(body: bytes, depth: int, change: Callable[[bytes], bytes]) -> bytes:
    if not depth:
        return change(body)
    return write(
        (tag, _at_depth(value, depth - 1, change) if tag == known.NAME else value)
        for tag, value in read(body)
    )


def read(body: bytes) -> list[Field]:
    """The fields of a message. Raises Malformed, IndexError."""
    return [(tag, body[value:stop]) for tag, _, value, stop in wire.fields(body, 0, len(body))]


def write(fields: Iterable[Field]) -> bytes:
    """The message that these fields make."""
    return b"".join(
        wire.encode(tag) + (wire.encode(len(value)) if tag & 7 == 2 else b"") + value
        for tag, value in fields
    )


def _in_order(fields: list[Field]) -> bytes:
    return write(sorted(fields, key=lambda field: field[0] >> 3))


def _each(fields: list[Field], tag: int, change: Callable[[bytes], bytes]) -> list[Field]:
    return [(one, change(value) if one == tag else value) for one, value in fields]


def values(fields: list[Field], tag: int) -> list[bytes]:
    """Every value of a tag."""
    return [value for one, value in fields if one == tag]


def _last(fields: list[Field], tag: int, default: bytes = b"") -> bytes:
    return [default, *values(fields, tag)][-1]


# ---- other source positions


def _moved_module(body: bytes) -> bytes:
    kept = [(tag, value) for tag, value in read(body) if tag not in known.LOCAL]
    fields = _each(kept, known.COMPUTATION, _moved_computation)
    return write([*fields, (known.ID, wire.encode(987654))])


def _moved_computation(body: bytes) -> bytes:
    return write(_each(read(body), known.INSTRUCTION, _moved_instruction))


def _moved_instruction(body: bytes) -> bytes:
    """With metadata in its place among the fields, whether or not there was any."""
    fields = read(body)
    metadata = read(_last(fields, known.METADATA))
    kept = [(tag, value) for tag, value in metadata if tag not in known.SOURCE]
    line = wire.encode(4000 + len(body))
    new = _in_order([*kept, (_FILE, b"/elsewhere/moved.py"), (_LINE, line)])
    if values(fields, known.METADATA):
        return write(_each(fields, known.METADATA, lambda _old: new))
    at = sum(tag < known.METADATA for tag, _ in fields)
    return write([*fields[:at], (known.METADATA, new), *fields[at:]])


# ---- other names and ids


class _Renamer:
    """Renames one module; what a name or an id becomes is the same in all its places."""

    def __init__(self, body: bytes) -> None:
        self._fields = read(body)
        if _last(self._fields, known.SCHEDULE):
            raise NoTwin("it holds a schedule, which refers to ids")
        self._computations = [read(one) for one in values(self._fields, known.COMPUTATION)]
        self._instructions = [
            [read(one) for one in values(fields, known.INSTRUCTION)]
            for fields in self._computations
        ]
        self._words = known.words(_last(self._fields, known.MODULE_ATTRIBUTES))
        every = [one for ones in self._instructions for one in ones]
        for one in every:
            self._words |= known.words(_last(one, known.ATTRIBUTES))
        self._taken = set(self._words)
        for fields in [*every, *self._computations]:
            self._taken.add(_last(fields, known.NAME))
        self._next = 70_000
        self._names: dict[bytes, bytes] = {}
        self._ids = _renumbered([_last(one, known.OWN_ID, b"\0") for one in every], 3, 1000)
        self._numbers = _renumbered(
            [_last(one, known.ID, b"\0") for one in self._computations], 5, 500
        )

    def module(self) -> bytes:
        """The module, renamed."""
        pairs = zip(self._computations, self._instructions, strict=True)
        bodies = iter([self._computation(fields, inner) for fields, inner in pairs])
        fields = _each(self._fields, known.COMPUTATION, lambda _old: next(bodies))
        fields = _each(fields, known.NAME, lambda _old: b"renamed_module")
        fields = _each(fields, known.ENTRY_NAME, self._counted)
        fields = _each(fields, known.SHAPE, self._shape)
        return write(_each(fields, known.ENTRY_ID, self._numbers.__getitem__))

    def _computation(self, fields: list[Field], inner: list[list[Field]]) -> bytes:
        bodies = iter([self._instruction(one) for one in inner])
        fields = _each(fields, known.INSTRUCTION, lambda _old: next(bodies))
        fields = _each(fields, known.NAME, self._counted)
        fields = _each(fields, known.SHAPE, self._shape)
        fields = _each(fields, known.ID, self._numbers.__getitem__)
        return write(_each(fields, known.ROOT, self._ids.__getitem__))

    def _instruction(self, fields: list[Field]) -> bytes:
        is_input = _last(fields, known.OPCODE) == b"parameter"
        fields = _each(fields, known.NAME, self._counted if is_input else self._other)
        fields = _each(fields, known.METADATA, _relabelled)
        fields = _each(fields, known.OWN_ID, self._ids.__getitem__)
        for tag in (known.OPERANDS, known.CONTROL):
            fields = _each(fields, tag, lambda packed: _mapped(packed, self._ids))
        return write(_each(fields, known.CALLED, lambda packed: _mapped(packed, self._numbers)))

    def _shape(self, body: bytes) -> bytes:
        return write(_each(read(body), _PARAMETER_NAME, self._counted))

    def _counted(self, name: bytes) -> bytes:
        """The name with another number behind it."""
        return self._new(name, known.stem(name))

    def _other(self, name: bytes) -> bytes:
        """A name that has nothing of it."""
        return self._new(name, b"renamed")

    def _new(self, name: bytes, start: bytes) -> bytes:
        if not name or name in self._words:
            return name
        if name not in self._names:
            made = name
            while made in self._taken:
                self._next += 1
                made = b"%b.%d" % (start, self._next)
            self._taken.add(made)
            self._names[name] = made
        return self._names[name]


def _relabelled(body: bytes) -> bytes:
    dropped = known.LABELS - known.SOURCE
    kept = [(tag, value) for tag, value in read(body) if tag not in dropped]
    return _in_order([*kept, (_OP_NAME, b"renamed/scope/operation")])


def _renumbered(ids: list[bytes], step: int, start: int) -> dict[bytes, bytes]:
    """Other ids in the same order; 0, which is not written, stays."""
    found = sorted((wire.varint(raw, 0)[0], raw) for raw in set(ids))
    return {
        raw: wire.encode(start + step * at) if number else raw
        for at, (number, raw) in enumerate(found)
    }


def _mapped(packed: bytes, ids: dict[bytes, bytes]) -> bytes:
    try:
        return b"".join(ids[raw] for raw in wire.split(packed))
    except KeyError:
        raise NoTwin("an id in it refers to nothing") from None
