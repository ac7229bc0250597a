"""Noun: what is kept of the parts of instructions that come again and again, remembered."""

from neffcache.graph import hlo_fields, wire
from neffcache.graph.hlo_fields import Unsafe
from neffcache.graph.wire import Malformed

_MEMO = 4096
_MEMORABLE = 512  # a longer rest of an instruction will not come again
_NUMBERS = b"\x48\x68"  # the place of a parameter or in a tuple, which differ most
_PLAIN_WHEN_EMPTY = hlo_fields.CANONICAL_SPECIAL - {
    hlo_fields.METADATA,
    hlo_fields.NAME,
    hlo_fields.OWN_ID,
    hlo_fields.OPCODE,
    *hlo_fields.LISTS,
}


class Heads:
    """What is kept of all before an instruction's id.

    Attributes:
        known: opcode, shape, metadata and plain fields → what is kept of them.
        plain: rests of instructions that are whole fields without references.
    """

    __slots__ = ("_canonical", "_notes", "known", "plain")

    def __init__(self, canonical: bool) -> None:
        self.known: dict[bytes, bytes] = {}
        self.plain = {b""}
        self._notes: dict[bytes, bytes] = {}  # metadata → what is kept of it
        self._canonical = canonical

    def learn(self, head: bytes) -> bytes:
        """What is kept of a head; nothing when it is not plain.

        Whole fields: opcode, shape, metadata, and then none that needs care. As this is how the
        bytes read from their beginning, they end where a field begins.
        """
        try:
            coded = head[1]
            shaped = head[coded + 3]
            note = coded + shaped + 4
            value, size = note + 2, head[note + 1]
            if size > 127:
                value += 1
                size += (head[note + 2] << 7) - 128
            stop = value + size
            if (
                head[0] != 18
                or head[coded + 2] != 26
                or head[note] != 58
                or coded | shaped | (head[value - 1] & 128) > 127
                or stop > len(head)
                or not (stop == len(head) or self.is_plain(head[stop:]))
            ):
                return b""
            body = head[value:stop]
            kept = self._notes.get(body)
            if kept is None:
                kept = hlo_fields.reduced_metadata(body, self._canonical)
                _remember(self._notes, body, kept)
        except (IndexError, Malformed, Unsafe, ValueError):  # `_instruction` says what it is
            return b""
        kept = head[:note] + kept + head[stop:]
        _remember(self.known, head, kept)
        return kept

    def is_plain(self, rest: bytes) -> bool:
        """Whether it is whole fields that need no care; remembered when so."""
        if rest in self.plain or (len(rest) == 2 and rest[0] in _NUMBERS and rest[1] < 128):
            return True
        if len(rest) > _MEMORABLE:
            return False
        try:
            for tag, _start, value, stop in wire.fields(rest, 0, len(rest)):
                if not self._needs_no_care(tag, stop == value):
                    return False
        except (IndexError, Malformed):
            return False
        if len(self.plain) >= _MEMO:
            self.plain.clear()
        self.plain.add(rest)
        return True

    def _needs_no_care(self, tag: int, empty: bool) -> bool:
        if not self._canonical:
            return tag not in hlo_fields.STRICT_SPECIAL
        return tag in hlo_fields.PLAIN or (empty and tag in _PLAIN_WHEN_EMPTY)


def _remember(memo: "dict[bytes, bytes]", key: bytes, value: bytes) -> None:
    if len(memo) >= _MEMO:
        memo.clear()
    if len(key) < 1 << 16:
        memo[key] = value
