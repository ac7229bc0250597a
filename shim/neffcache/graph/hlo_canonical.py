"""Noun: an HLO module up to names and ids that nothing refers to: the level `canonical`."""

from neffcache.graph import hlo_fields as known
from neffcache.graph import hlo_ids, hlo_strict, wire
from neffcache.graph.hlo_fields import Unsafe
from neffcache.graph.source import fields

_OWN_ID, _OPERANDS, _CALLED = b"\x98\x02", b"\xa2\x02", b"\xb2\x02"
_ONE, _TWO = _OPERANDS + b"\x04", _OPERANDS + b"\x08"
_PARAMETER = b"parameter"
# What no field starts with, as none has number 0.
_ENTRY, _PARAMETERS = b"\x05", b"\x07"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.graph.hlo_strict import Read, Resolve, Spans
    from neffcache.graph.sink import Edit, Sink
    from neffcache.graph.source import Source


class Canonical(hlo_strict.Strict):
    """One walk that names instructions and computations by their place in their list.

    XLA sorts both by id when it loads a module, so where the list is not in the order of ids, that
    order is kept too. Whoever is referred to must come before; a computation may also be given.
    """

    canonical = True
    special = known.CANONICAL_SPECIAL
    empty = frozenset((known.METADATA, known.NAME, *known.LISTS))

    def __init__(self, source: "Source", sink: "Sink", resolve: "Resolve") -> None:
        super().__init__(source, sink, resolve)
        self.words: set[bytes] = set()  # met in attributes
        self.kept: frozenset[bytes] = frozenset()  # names that are kept in full
        self.given: dict[bytes, bytes] = {}  # places of all computations, when known
        self._places: dict[bytes, bytes] = {}  # id → place, of the computations read
        self._entry = b"\x00"
        self._ids: dict[bytes, bytes] = {}  # the same of this computation's instructions
        self._order: list[int] = []  # numbers that compare as the ids do
        self._width = hlo_ids.width(1)
        self._parameters: list[bytes] = []
        self._fields: dict[int, bytes] = {}  # of this computation, besides instructions
        self._seen: set[int] = set()  # fields of the module

    # ---- the module

    def outline(self, begin: int, end: int) -> None:
        """Read what stands behind the computations but is needed among them."""
        for tag, _start, value, stop in fields(self.source, begin, end):
            if tag not in known.MODULE:
                raise Unsafe(f"unknown module field {tag >> 3} of wire type {tag & 7}")
            if tag in known.MODULE_ONCE:
                if tag in self._seen:
                    raise Unsafe(f"module field {tag >> 3} is there twice")
                self._seen.add(tag)
            if tag in {known.SCHEDULE, known.RECOVERY} and stop > value:
                raise Unsafe(f"module field {tag >> 3} holds references")
            if tag == known.ENTRY_ID:
                self._entry = self.read(value, stop)
            elif tag == known.MODULE_ATTRIBUTES:
                self.words |= known.words(self.read(value, stop))

    def find_computations(self, begin: int, end: int) -> None:
        """Learn the places of all computations, for modules that refer to later ones."""
        places: dict[bytes, bytes] = {}
        for tag, _start, value, stop in fields(self.source, begin, end):
            if tag == known.COMPUTATION:
                own = b"\x00"
                for inner, _, place, finish in fields(self.source, value, stop):
                    if inner == known.ID:
                        own = self.read(place, finish)
                places[own] = hlo_ids.place(len(places))
        self.given = places

    def _module_field(self, tag: int, start: int, value: int, stop: int) -> None:
        if tag == known.NAME or tag in known.LOCAL or tag == known.ENTRY_ID:
            return
        if tag == known.ENTRY_NAME:
            self.sink.keep(b"f", known.with_length(b"\x12", self._named(self.read(value, stop))))
        elif tag == known.SHAPE:
            self.sink.keep(b"f", self._shape(self.read(value, stop)))
        else:
            super()._module_field(tag, start, value, stop)

    def finish(self) -> None:
        if self._entry not in self._places:
            raise Unsafe("the entry computation is not there")
        order = [int.from_bytes(own, "little") for own in self._places]
        self.sink.keep(
            b"f", _ENTRY + self._places[self._entry] + hlo_ids.ranks(self._places, order)
        )

    # ---- a computation

    def open(self) -> None:
        self._ids = {}
        self._order = []
        self._parameters = []
        self._fields = {}

    def computation_field(self, tag: int, start: int, value: int, stop: int) -> None:
        if tag not in known.COMPUTATION_KNOWN:
            raise Unsafe(f"unknown computation field {tag >> 3} of wire type {tag & 7}")
        if tag in self._fields:
            raise Unsafe(f"computation field {tag >> 3} is there twice")
        whole = tag not in {known.NAME, known.SHAPE, known.ID, known.ROOT}
        self._fields[tag] = self.read(start if whole else value, stop)

    def close(self) -> bytes:
        found = self._fields
        own = found.pop(known.ID, b"\x00")
        root = self._ids.get(found.pop(known.ROOT, b"\x00"))
        if root is None:
            raise Unsafe("a root is not there")
        if own in self._places:
            raise Unsafe("a computation's id is there twice")
        self._places[own] = hlo_ids.place(len(self._places))
        parts = [root, hlo_ids.ranks(self._ids, self._order)]
        if own == self._entry:
            names = [one[:4] + self._named(one[4:]) for one in self._parameters]
            parts += [known.with_length(_PARAMETERS, name) for name in names]
        parts.append(known.with_length(b"\x0a", self._named(found.pop(known.NAME, b""))))
        parts.append(self._shape(found.pop(known.SHAPE, b"")))
        parts += [body for _, body in sorted(found.items())]
        return b"".join(parts)

    def _named(self, name: bytes) -> bytes:
        return name if name in self.kept else known.stem(name)

    def _shape(self, body: bytes) -> bytes:
        """A program shape whose parameters' names lose their counters."""
        parts = []
        for tag, start, value, stop in wire.fields(body, 0, len(body)):
            if tag == known.COMPUTATION:  # field 3: a parameter's name
                parts.append(known.with_length(b"\x1a", self._named(body[value:stop])))
            else:
                parts.append(body[start:stop])
        return known.with_length(b"\x22", b"".join(parts))

    # ---- its instructions

    def _quick(self, data: bytes, at: int, limit: int) -> int:
        limit = min(limit, self._next_custom(data, at))
        add, recall, number_of = self.sink.pieces.append, self._heads.known.get, int.from_bytes
        ids, ordered, keep = self._ids, self._order.append, self.kept
        find, plain, parameter, places = (
            data.find,
            self._heads.plain,
            self._parameters.append,
            self.given or self._places,
        )
        learn, is_plain = self._heads.learn, self._heads.is_plain
        width, mask, wanted = self._width
        try:
            while data[at] == 18 and at < limit:
                size = data[at + 1]
                begin = at + 2
                if size > 127:
                    size += (data[begin] << 7) - 128
                    begin += 1
                stop = begin + size
                opcode = begin + data[begin + 1] + 2
                own = find(_OWN_ID, opcode, stop)
                head = data[opcode:own] if own > 0 else b""
                kept = recall(head) or learn(head)
                tail = own + 2 + width
                raw = data[own + 2 : tail]
                number = number_of(raw, "little")
                refers, count, calls = b"", 0, 0
                if data[tail] == 0xA2 and data[tail + 1] == 2:
                    count = data[tail + 2]
                    listed = data[tail + 3 : tail + 3 + count]
                    refers = (
                        _ONE + ids[listed]
                        if count == width
                        else _TWO + ids[listed[:width]] + ids[listed[width:]]
                        if count == width + width
                        else hlo_ids.references(_OPERANDS, listed, ids)
                    )
                    tail += 3 + count
                if data[tail] == 0xB2 and data[tail + 1] == 2:
                    calls = data[tail + 2]
                    tail += 3 + calls
                    refers += hlo_ids.references(_CALLED, data[tail - calls : tail], places)
                last = data[tail:stop]
                if (
                    not kept
                    or number & mask != wanted
                    or tail > stop
                    or stop > limit
                    or count | calls > 127
                    or data[begin] != 10
                    or opcode - begin > 129
                    or size > 16383
                    or not (last in plain or is_plain(last))
                ):
                    return at
                name = data[begin:opcode]
                place = len(ids).to_bytes(4, "little")
                if kept[1] == 9 and kept[2:11] == _PARAMETER:
                    parameter(place + name[2:])
                add((name if keep and name[2:] in keep else b"") + kept + refers + last)
                ids[raw] = place
                ordered(number)
                at = stop
        except (
            IndexError,
            KeyError,
            hlo_ids.Later,
            wire.Malformed,
        ):  # whatever it is, `_instruction` says
            pass
        return at

    def check(self, tag: int) -> None:
        if tag not in known.INSTRUCTION_KNOWN:
            raise Unsafe(f"unknown instruction field {tag >> 3} of wire type {tag & 7}")

    def reduced(self, tag: int, body: bytes) -> bytes:
        if tag == known.ATTRIBUTES:
            self.words |= known.words(body)
        return super().reduced(tag, body)

    def more_edits(self, spans: "Spans", read: "Read", end: int, made: "list[Edit]") -> None:
        if known.ORIGINAL in spans:
            raise Unsafe("an original value holds names")
        start, value, stop = spans.get(known.NAME, (0, 0, 0))
        name = read(value, stop)
        if stop and name not in self.kept:
            made.append((start, stop, b""))
        start, value, stop = spans.get(known.OPCODE, (0, 0, 0))
        place = hlo_ids.place(len(self._ids))
        if read(value, stop) == _PARAMETER:
            self._parameters.append(place + name)
        for tag in known.LISTS & spans.keys():
            start, value, stop = spans[tag]
            places = (self.given or self._places) if tag == known.CALLED else self._ids
            new = hlo_ids.references(wire.encode(tag), read(value, stop), places)
            made.append((start, stop, new))
        start, value, stop = spans.get(known.OWN_ID, (end, end, end))
        made.append((start, stop, b""))
        raw = read(value, stop) or b"\x00"
        self._ids[raw] = place
        self._order.append(int.from_bytes(raw, "little"))
        self._width = hlo_ids.width(len(raw))
