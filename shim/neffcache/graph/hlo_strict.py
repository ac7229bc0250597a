"""Noun: an HLO module without source positions and process-local ids: the level `strict`."""

from neffcache.graph import hlo_fields as known
from neffcache.graph import hlo_heads, wire
from neffcache.graph.hlo_fields import Unsafe
from neffcache.graph.source import field, fields
from neffcache.graph.wire import Malformed

SMALL = 1 << 16  # a larger instruction is not held as a whole
_STRIDE = 1 << 20  # bytes between two looks at how much has gathered
_LONG = 16 << 20  # no metadata, attributes, names, ids or configuration are longer
# Wire order puts attributes last; JAX writes an empty statistics_viz behind them.
_ENDS = (b"\xa2\x04\x00", b"\xa2\x04\x00\x92\x05\x00")
_ATTRIBUTES = b"\xa2\x04"
_CUSTOM = b"custom-call"
_OWN_ID = b"\x98\x02"
REPLACED = b"\x02"  # starts a replaced configuration: no field has number 0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from neffcache.graph.sink import Edit, Sink
    from neffcache.graph.source import Source

    Resolve = Callable[[bytes, bytes], bytes | None]
    Read = Callable[[int, int], bytes]
    Spans = dict[int, tuple[int, int, int]]  # tag → start, value, end


class Strict:
    """One walk over a module, its kept bytes into a sink.

    Nearly every instruction is name, opcode, shape, metadata in this order and a rest that holds
    nothing of interest, which `_quick` proves with a few looks; `_instruction` reads any other
    field by field. Both keep the same bytes.
    """

    canonical = False
    special = known.STRICT_SPECIAL
    empty = frozenset((known.METADATA,))  # what says nothing when empty

    def __init__(self, source: "Source", sink: "Sink", resolve: "Resolve") -> None:
        self.source = source
        self.sink = sink
        self._resolve = resolve
        self._heads = hlo_heads.Heads(self.canonical)
        self._custom = (-1, -1)  # base of the window, place of the next custom call in it
        self._others: list[bytes] = []  # what a computation has besides instructions

    def walk(self, begin: int, end: int) -> None:
        """Read the module between two positions."""
        computations = 0
        at = begin
        while at < end:
            tag, start, value, stop = field(self.source, at, end)
            at = stop
            if tag == known.COMPUTATION:
                self._computation(value, stop)
                computations += 1
            else:
                self._module_field(tag, start, value, stop)
        if not computations:
            raise Malformed("no computation")
        self.finish()

    def finish(self) -> None:
        """What can be said at the end only."""

    def read(self, begin: int, end: int) -> bytes:
        """Bytes that must be held to be looked at."""
        if end - begin > _LONG:
            raise Unsafe(f"a field to look into has {end - begin} bytes")
        return self.source.read(begin, end)

    def _module_field(self, tag: int, start: int, value: int, stop: int) -> None:
        if tag in known.LOCAL:
            return
        if tag in {known.MODULE_ATTRIBUTES, known.SCHEDULE}:
            body = known.sorted_map(self.read(value, stop))
            self.sink.keep(b"f", known.with_length(wire.encode(tag), body))
        else:
            self.sink.stream(b"f", self.source, (start, stop), [])

    # ---- a computation: an empty piece, its instructions, another empty piece, the rest of it

    def _computation(self, begin: int, end: int) -> None:
        source, sink = self.source, self.sink
        sink.pieces.append(b"")
        self.open()
        at, count = begin, 0
        while at < end:
            source.load(at, min(end - at, 2 * SMALL))
            data, base = source.data, source.base
            if data[at - base] == known.INSTRUCTION:
                limit = min(end - base, len(data), at - base + _STRIDE)
                reached = self._quick(data, at - base, limit) + base
                count += reached > at
                at = reached
                sink.relieve()
            elif count and not self.canonical and self._is_rest(data, at - base, end - base):
                self._others.append(data[at - base : end - base])
                break
            if at < end:
                tag, start, value, stop = field(source, at, end)
                at = stop
                if tag == known.INSTRUCTION:
                    self._instruction(value, stop)
                    count += 1
                else:
                    self.computation_field(tag, start, value, stop)
        if not count:
            raise Malformed("a computation without instructions")
        sink.pieces += (b"", self.close())

    def open(self) -> None:
        """A computation begins."""
        self._others = []

    def close(self) -> bytes:
        """What to keep of a computation besides its instructions."""
        return b"".join(self._others)

    def computation_field(self, tag: int, start: int, value: int, stop: int) -> None:
        """A field of a computation that is no instruction."""
        del tag, value
        self._others.append(self.read(start, stop))

    def _is_rest(self, data: bytes, at: int, end: int) -> bool:
        """Whether shape and id come now, after which no writer puts an instruction.

        One there would only be kept as it is; that it is no custom call is made sure.
        """
        if end > len(data) or data[at] != known.SHAPE or end - at > SMALL:
            return False
        stop = wire.field(data, at)[3]
        return stop < end and data[stop] == known.ID and self._next_custom(data, at) >= end

    # ---- its instructions

    def _next_custom(self, data: bytes, at: int) -> int:
        """Where the next custom call can be at the earliest: nothing before can hide one."""
        base, place = self._custom
        if base != self.source.base or place < at:
            place = data.find(_CUSTOM, at)
            place = len(data) if place < 0 else place
            self._custom = (self.source.base, place)
        return place

    def _quick(self, data: bytes, at: int, limit: int) -> int:
        """Take the plain instructions from `at` on; where the first other thing begins."""
        limit = min(limit, self._next_custom(data, at))
        add, find = self.sink.pieces.append, data.find
        recall, learn = self._heads.known.get, self._heads.learn
        try:
            while data[at] == 18:
                size = data[at + 1]
                begin = at + 2
                if size > 127:
                    high = data[begin]
                    if high > 127:  # a third byte
                        return at
                    size += (high << 7) - 128
                    begin += 1
                stop = begin + size
                if stop > limit:
                    return at
                name = data[begin + 1]
                opcode = begin + name + 2
                own = find(_OWN_ID, opcode, stop)
                head = data[opcode:own] if own > 0 else b""
                kept = recall(head) or learn(head)
                tail = data[own:stop]
                if (
                    not tail.endswith(_ENDS)
                    or 58 in tail
                    or name > 127
                    or data[begin] != 10
                    or not kept
                ):
                    return at
                add(data[begin:opcode] + kept + tail)
                at = stop
        except IndexError:  # a look beyond the window, or a module cut short: `field` tells
            pass
        return at

    def _instruction(self, begin: int, end: int) -> None:
        """Any instruction, field by field."""
        if end - begin > SMALL:
            edits = self.edits(fields(self.source, begin, end), self.read, end)
            self.sink.stream(b"", self.source, (begin, end), edits)
            return
        body = self.source.read(begin, end)
        inner = wire.fields(body, 0, len(body))
        edits = self.edits(inner, lambda start, stop: body[start:stop], len(body))
        parts: list[bytes] = []
        at = 0
        for start, stop, new in edits:
            parts += (body[at:start], new)
            at = stop
        piece = b"".join(parts) + body[at:]
        if not piece:
            raise Unsafe("an instruction says nothing")
        self.sink.pieces.append(piece)

    def edits(self, fields: "Iterable[wire.Field]", read: "Read", end: int) -> "list[Edit]":
        """What is to be replaced in an instruction, in order."""
        spans: Spans = {}
        made: list[Edit] = []
        for tag, start, value, stop in fields:
            self.check(tag)
            if tag not in self.special:
                continue
            if stop == value:
                if tag in self.empty:
                    made.append((start, stop, b""))
            elif tag in spans:
                raise Unsafe(f"instruction field {tag >> 3} is there twice")
            else:
                spans[tag] = (start, value, stop)
        for tag in known.REDUCED & spans.keys():
            start, value, stop = spans[tag]
            made.append((start, stop, self.reduced(tag, read(value, stop))))
        self._outside(spans, read, end, made)
        self.more_edits(spans, read, end, made)
        made.sort()
        return made

    def check(self, tag: int) -> None:
        """Refuse a field that this level does not know."""

    def reduced(self, tag: int, body: bytes) -> bytes:
        """Metadata or attributes as this level keeps them."""
        if tag == known.METADATA:
            return known.reduced_metadata(body, self.canonical)
        return known.with_length(_ATTRIBUTES, known.sorted_map(body))

    def more_edits(self, spans: "Spans", read: "Read", end: int, made: "list[Edit]") -> None:
        """What other levels replace besides."""

    def _outside(self, spans: "Spans", read: "Read", end: int, made: "list[Edit]") -> None:
        """Replace a custom call's configuration when it names files."""
        texts = []
        for tag in (known.OPCODE, known.TARGET, known.CONFIG, known.PAYLOAD):
            _start, value, stop = spans.get(tag, (0, 0, 0))
            texts.append(read(value, stop))
        opcode, target, config, payload = texts
        if opcode != _CUSTOM and not target:
            return
        new = self._resolve(target, config)
        if new is not None:
            start, _value, stop = spans.get(known.CONFIG, (end, 0, end))
            made.append((start, stop, b""))
            made.append((end, end, REPLACED + wire.encode(len(new)) + new))
        if payload and self._resolve(target, payload) is not None:
            raise Unsafe("a custom call's payload names a file")
