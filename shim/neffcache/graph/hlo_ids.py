"""Noun: ids of instructions and computations as places in their lists."""

from neffcache.graph import hlo_fields, wire
from neffcache.graph.hlo_fields import Unsafe

RANKS = b"\x06"  # starts an order: no field has number 0


class Later(Unsafe):
    """Something is referred to before it comes."""


def place(index: int) -> bytes:
    return index.to_bytes(4, "little")


def width(size: int) -> "tuple[int, int, int]":
    """(size, mask, what a number read from that many bytes has under it if they are one varint)."""
    wanted = b"\x80" * (size - 1) + b"\x00"
    return size, int.from_bytes(b"\x80" * size, "little"), int.from_bytes(wanted, "little")


def references(tag: bytes, packed: bytes, places: "dict[bytes, bytes]") -> bytes:
    """A list of ids as a list of places."""
    try:
        found = b"".join([places[own] for own in wire.split(packed)])
    except KeyError:
        raise Later("an id refers to nothing that came before") from None
    return hlo_fields.with_length(tag, found) if found else b""


def ranks(places: "dict[bytes, bytes]", order: "list[int]") -> bytes:
    """The order of ids, where it is not the list's; the ids are checked."""
    if len(places) != len(order):
        raise Unsafe("an id is there twice")
    together = b"".join(places)
    # A zero byte can only end a varint: in the id 0, or in one that is written too long.
    if together.count(0) > (b"\x00" in places) or max(map(len, places)) > 9:
        raise Unsafe("an id is negative or in long form")
    ordered = sorted(order)
    if ordered == order:
        return b""
    place_of = dict(zip(order, places.values(), strict=True))
    return hlo_fields.with_length(RANKS, b"".join(map(place_of.__getitem__, ordered)))
