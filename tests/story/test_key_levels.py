"""Story: what makes one program two keys, and what does not, by the level and through the shim."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from graphs import codec, neutral, traced
from graphs.codec import Field
from graphs.traced import Way
from hosts import TRAIN, Host

STRICT, CANONICAL, RAW = "strict", "canonical", "raw"
LEVELS = (RAW, STRICT, CANONICAL)
HIT, MISS = "hit_local", "compiled"
Make = Callable[[Way], bytes]
WRITERS = {"in.pb": traced.hlo, "in.mlir": traced.text}


def _outcome(host: Host, tmp_path: Path, level: str, one: bytes, other: bytes) -> str:
    """How the call with the other graph ends, after one with the first."""
    assert one != other
    graph = tmp_path / "graph"
    for content in (one, other):
        graph.write_bytes(content)
        variables = {"NEFFCACHE_KEY_LEVEL": level}
        assert host.compile(tmp_path / "work", graph, variables=variables).status == 0
    first, second = host.outcomes()
    assert first == MISS
    return second


@pytest.mark.parametrize("level", [STRICT, CANONICAL])
@pytest.mark.parametrize("make", WRITERS.values(), ids=["hlo", "text"])
@pytest.mark.parametrize("way", traced.SAME)
def test_how_a_program_was_traced_does_not_count(
    host: Host, tmp_path: Path, way: str, make: Make, level: str
) -> None:
    base, other = make(traced.BASE), make(traced.SAME[way])
    if base == other:
        pytest.skip(reason="this writer does not show how it was traced")
    assert _outcome(host, tmp_path, level, base, other) == HIT


@pytest.mark.parametrize("way", traced.SAME)
def test_at_raw_every_byte_counts(host: Host, tmp_path: Path, way: str) -> None:
    base, other = traced.hlo(traced.BASE), traced.hlo(traced.SAME[way])
    assert _outcome(host, tmp_path, RAW, base, other) == MISS


@pytest.mark.parametrize(("level", "outcome"), [(STRICT, MISS), (CANONICAL, HIT)])
@pytest.mark.parametrize("way", traced.RENAMED)
def test_names_count_at_strict_and_not_at_canonical(
    host: Host, tmp_path: Path, way: str, level: str, outcome: str
) -> None:
    base, other = traced.hlo(traced.BASE), traced.hlo(traced.RENAMED[way])
    assert _outcome(host, tmp_path, level, base, other) == outcome


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("make", WRITERS.values(), ids=["hlo", "text"])
def test_what_a_program_computes_counts_at_every_level(
    host: Host, tmp_path: Path, make: Make, level: str
) -> None:
    host.variables["NEFFCACHE_KEY_LEVEL"] = level
    ways = {"base": traced.BASE, **traced.DIFFERENT}
    for name, way in ways.items():
        (tmp_path / name).write_bytes(make(way))
        assert host.compile(tmp_path / "work", tmp_path / name).status == 0
    assert host.outcomes() == [MISS] * len(ways)
    assert len(host.entries()) == len(ways)


def _with_more(graph: bytes, more: Callable[[int], list[Field]]) -> bytes:
    """A module with more fields in every instruction, in the order in which XLA writes them."""

    def instruction(body: bytes, at: int) -> bytes:
        added = more(at)
        kept = [field for field in codec.decode(body) if field.number != added[0].number]
        return codec.encode(sorted(kept + added, key=lambda field: field.number))

    module = codec.decode(graph)
    for computation in (field for field in module if field.number == 3):
        fields = codec.decode(computation.value)
        for at, field in enumerate(field for field in fields if field.number == 2):
            field.value = instruction(field.value, at)
        computation.value = codec.encode(fields)
    return codec.encode(module)


def _attributes(at: int) -> list[Field]:
    """An attribute map."""
    pairs = [(b"neff_output_names", b"output%d" % at), (b"has_collectives", b"0"), (b"x", b"y")]
    entries = [codec.encode([codec.text(1, name), codec.text(2, value)]) for name, value in pairs]
    return [codec.text(68, codec.encode([codec.text(1, entry) for entry in entries]))]


@pytest.mark.parametrize("level", [STRICT, CANONICAL])
def test_the_order_of_maps_does_not_count(host: Host, tmp_path: Path, level: str) -> None:
    """Some writers serialise attribute maps in an order that differs by process."""
    base = _with_more(TRAIN.read_bytes(), _attributes)
    shuffled = neutral.reordered_maps(base, random.Random(5))
    assert _outcome(host, tmp_path, level, base, shuffled) == HIT


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_in_a_map_counts(host: Host, tmp_path: Path, level: str) -> None:
    base = _with_more(TRAIN.read_bytes(), _attributes)
    other = _with_more(TRAIN.read_bytes(), lambda at: _attributes(at + (at == 3)))
    assert _outcome(host, tmp_path, level, base, other) == MISS


def _debug(line: int, op: str) -> bytes:
    """A torch_xla graph as XLA_IR_DEBUG makes it write one."""

    def metadata(at: int) -> list[Field]:
        labels = [codec.text(1, op.encode()), codec.text(2, b"%b[x=%d]/root" % (op.encode(), at))]
        place = [codec.text(3, b"/src/train.py"), codec.integer(4, line + at)]
        return [codec.text(7, codec.encode(labels + place))]

    return _with_more(TRAIN.read_bytes(), metadata)


@pytest.mark.parametrize(
    ("level", "other", "outcome"),
    [
        (STRICT, _debug(17, "xla__add"), HIT),
        (STRICT, _debug(10, "xla__mul"), MISS),
        (STRICT, TRAIN.read_bytes(), MISS),
        (CANONICAL, _debug(10, "xla__mul"), HIT),
        (CANONICAL, TRAIN.read_bytes(), HIT),
    ],
    ids=["moved", "other labels", "no labels", "other labels, canonical", "no labels, canonical"],
)
def test_debug_information_counts_by_its_level(
    host: Host, tmp_path: Path, level: str, other: bytes, outcome: str
) -> None:
    host.variables["XLA_IR_DEBUG"] = "1"
    assert _outcome(host, tmp_path, level, _debug(10, "xla__add"), other) == outcome


def test_debugging_itself_counts_at_every_level(host: Host, tmp_path: Path) -> None:
    for level in LEVELS:
        for value in ("0", "1"):
            variables = {"NEFFCACHE_KEY_LEVEL": level, "XLA_IR_DEBUG": value}
            host.compile(tmp_path / "work", TRAIN, variables=variables)
    assert host.outcomes() == [MISS] * 6


def test_levels_never_share_an_entry(host: Host, tmp_path: Path) -> None:
    for level in (*LEVELS, *LEVELS):
        host.compile(tmp_path / "work", TRAIN, variables={"NEFFCACHE_KEY_LEVEL": level})
    assert host.outcomes() == [MISS] * 3 + [HIT] * 3
