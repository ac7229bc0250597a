"""HLO digests of edited bytes: equal only where XLA's own schema sees no difference that counts."""

from __future__ import annotations

import os
import random

import pytest

from graphs import codec, fuzz, keys, normal, schema, zoo
from neffcache.graph import hlo
from neffcache.invocation import Bypass

pytestmark = pytest.mark.skipif(
    bool(schema.too_old()), reason=schema.too_old() or "XLA's schema can judge"
)
# A longer run (200,000 edits and more) for a change in how graphs are read.
LONG = "LONG_TESTS" in os.environ
_BASES = zoo.NAMES if LONG else ("tx_conv", "sharded", "conv", "mixed", "neuron_mlp")
_EDITS = 12_000 if LONG else 500


def _key(graph: bytes, level: str) -> str:
    try:
        return keys.key(graph, level)
    except Bypass:
        return ""


@pytest.mark.timeout(3600 if LONG else 120)
@pytest.mark.parametrize("base", _BASES)
def test_edited_bytes_never_share_a_key_unsoundly(base: str) -> None:
    rng = random.Random(base)
    graph = zoo.graph(base)
    own = {level: keys.key(graph, level) for level in keys.NORMALISING}
    forms = {hlo.STRICT: normal.strict(graph), hlo.CANONICAL: normal.canonical(graph)}
    for _ in range(_EDITS):
        other = fuzz.edited(graph, rng)
        if _key(other, hlo.STRICT) == own[hlo.STRICT]:
            assert normal.strict(other) in {forms[hlo.STRICT], None}
        if _key(other, hlo.CANONICAL) == own[hlo.CANONICAL]:
            assert normal.canonical(other) in (forms[hlo.CANONICAL], None)


@pytest.mark.parametrize("base", ["sharded", "neuron_mlp"])
def test_no_part_of_a_graph_raises_or_shares_a_key(base: str) -> None:
    graph = zoo.graph(base)
    step = 1 if len(graph) < 2000 else 7
    for level in keys.NORMALISING:
        own = keys.key(graph, level)
        assert all(_key(graph[:size], level) != own for size in range(0, len(graph), step))


_ADD = b"\x12\x0c\x12\x03add\x1a\x00\x3a\x00\x98\x02\x01"
_PAIR = b"\x0a\x04\x0a\x00\x12\x00"
_MANY = 50_000


def _module(body: bytes) -> bytes:
    return codec.one(codec.text(3, body))


def _instruction(*fields: bytes) -> bytes:
    return codec.one(codec.text(2, b"".join(fields)))


# Name → (bytes, level they reach).
HOSTILE = {
    "names that look like calls": (
        _module(_instruction(b"\x0a\x0bcustom-call", b"\x12\x03add") * _MANY),
        hlo.STRICT,
    ),
    "heads that reach far": (
        _module(_ADD + b"\x12\x06\x0a\x00\x12\x7f\x3a\x00" * _MANY),
        hlo.RAW,
    ),
    "endless counters": (
        _module(_ADD + codec.one(codec.text(1, b".1" * (2 << 20)))),
        hlo.STRICT,
    ),
    "empty fields": (_module(_ADD + b"\x0a\x00" * _MANY * 4), hlo.STRICT),
    "fields of the module": (_module(_ADD) + b"\x0a\x00" * _MANY * 4, hlo.STRICT),
    "small computations": (_module(_ADD) * _MANY, hlo.STRICT),
    "attributes": (
        _module(
            _ADD + _instruction(b"\x12\x03add", b"\xa2\x04\x06\x0a\x04\x0a\x00\x12\x00") * _MANY
        ),
        hlo.STRICT,
    ),
    "one large map": (
        _module(_instruction(b"\x12\x03add", codec.one(codec.text(68, _PAIR * _MANY)))),
        hlo.CANONICAL,
    ),
    "metadata of many fields": (
        _module(_instruction(b"\x12\x03add", codec.one(codec.text(7, b"\x20\x01" * _MANY)))),
        hlo.CANONICAL,
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear_whatever_the_bytes(name: str) -> None:
    """Megabytes of what made readers slow; anything worse than linear would take minutes."""
    data, level = HOSTILE[name]
    assert keys.digest(data, hlo.CANONICAL).level == level
