"""Graphs: edits of bytes that know nothing of graphs."""

from __future__ import annotations

import random


def edited(graph: bytes, rng: random.Random) -> bytes:
    """One to three edits, somewhere."""
    made = bytearray(graph)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _edit(made, rng)
    return bytes(made)


def _edit(made: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(made))
    size = rng.choice((1, 1, 2, 3, 8, 40))
    kind = rng.randrange(7)
    if kind == 0:
        made[at] = rng.randrange(256)
    elif kind == 1:
        made[at] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del made[at : at + size]
    elif kind == 3:
        made[at:at] = rng.randbytes(size)
    elif kind == 4:
        made[at:at] = made[at : at + size]
    elif kind == 5:
        other = rng.randrange(len(made))
        made[at : at + size] = made[other : other + size]
    else:  # a tag that matters, where it does not belong
        made[at] = rng.choice((10, 18, 26, 34, 40, 48, 58, 0x98, 0xA2, 0xB2, 0xDA, 0xE2))
