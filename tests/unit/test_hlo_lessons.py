"""HLO digests: mistakes that a prototype made."""

from __future__ import annotations

import functools
import random
from typing import Any

import pytest

from graphs import codec, keys, neutral, semantic, zoo
from neffcache.graph import hlo


def _named(size: int, name: str) -> bytes:
    """A graph with an attribute of `size` bytes that is the name of an instruction."""
    module = keys.module(zoo.graph("mixed"))
    found = module.computations[-1].instructions[-1]
    found.name = name
    found.frontend_attributes.map["k"] = "n" * size
    return keys.written(module)


@pytest.mark.parametrize("size", [*range(48, 58), *range(65, 91), *range(97, 123), 45, 46, 95])
def test_word_of_an_attribute_is_not_glued_to_its_length(size: int) -> None:
    assert keys.key(_named(size, "n" * size), hlo.CANONICAL) != keys.key(
        _named(size, "m" * size), hlo.CANONICAL
    )


def test_name_without_an_attribute_that_refers_to_it_does_not_count() -> None:
    assert keys.key(_named(50, "a"), hlo.CANONICAL) == keys.key(_named(50, "b"), hlo.CANONICAL)


@pytest.mark.parametrize(
    "text", ["{0}", "x,{0}", "[{0}]", "a:{0};b", '{{"n": "{0}"}}', "({0})", "a={0}"]
)
def test_name_is_found_in_any_text(text: str) -> None:
    keys_found = set()
    for name in ("add.1", "add.2"):
        module = keys.module(zoo.graph("mixed"))
        module.computations[-1].instructions[-1].name = name
        module.frontend_attributes.map["k"] = text.format("add.1")
        keys_found.add(keys.key(keys.written(module), hlo.CANONICAL))
    assert len(keys_found) == 2


def test_attribute_behind_the_name_it_refers_to_is_found() -> None:
    """In the last instruction about the first: a second look is needed."""
    found = set()
    for name in ("first.1", "first.2"):
        module = keys.module(zoo.graph("llama"))
        instructions = module.computations[-1].instructions
        instructions[0].name = name
        instructions[-1].frontend_attributes.map["k"] = "first.1"
        found.add(keys.key(keys.written(module), hlo.CANONICAL))
    assert len(found) == 2


@pytest.mark.parametrize("base", ["tx_llama_fwd", "llama", "loops"])
def test_ids_are_renumbered_by_rank_not_by_place(base: str) -> None:
    graph = zoo.graph(base)
    spread = keys.changed(graph, lambda m: neutral.CANONICAL["ids with gaps"](m, random.Random(1)))
    traded = keys.changed(graph, semantic.CHANGES["order of ids"])
    assert spread is not None
    assert traded is not None
    assert keys.key(spread, hlo.CANONICAL) == keys.key(graph, hlo.CANONICAL)
    assert keys.key(traded, hlo.CANONICAL) != keys.key(graph, hlo.CANONICAL)


@pytest.mark.parametrize("number", [3, 4, 15, 17, 18, 19])
def test_dropped_number_with_another_wire_type_stays(number: int) -> None:
    """It is a field that nobody knows: a later schema's, maybe."""
    path = [(3, -1), (2, -1), (7, 0)]
    field = codec.integer(3, 7) if number == 3 else codec.text(number, b"seven")
    other = codec.edit(zoo.graph("mixed"), path, lambda old: [*old, field])
    for level in keys.NORMALISING:
        assert keys.key(other, level) != keys.key(zoo.graph("mixed"), level)


@pytest.mark.parametrize("size", [60_000, 65_536, 66_000, 200_000])
def test_ids_of_large_instructions_are_read(size: int) -> None:
    """Operands and names around a literal that is not held as a whole."""

    def enlarge(module: Any) -> None:
        for found in semantic.instructions(module, "constant"):
            found.literal.u8s = bytes(size)

    graph = keys.changed(zoo.graph("mixed"), enlarge)
    assert graph is not None
    for change in neutral.CANONICAL.values():
        other = keys.changed(graph, functools.partial(change, rng=random.Random(1)))
        assert other is not None
        found = keys.digest(other, hlo.CANONICAL)
        assert (found.level, found.hexdigest) == (hlo.CANONICAL, keys.key(graph, hlo.CANONICAL))


def test_last_byte_of_a_large_literal_counts() -> None:
    found = set()
    for last in (b"a", b"b"):
        module = keys.module(zoo.graph("mixed"))
        next(semantic.instructions(module, "constant")).literal.u8s = bytes(200_000) + last
        found |= {keys.key(keys.written(module), level) for level in keys.NORMALISING}
    assert len(found) == 4


@pytest.mark.parametrize("count", range(120, 140))
def test_long_lists_of_operands_are_read(count: int) -> None:
    """Lists around 128 bytes: their length takes two."""
    module = keys.module(zoo.graph("tx_conv"))
    entry = module.computations[-1]
    last = entry.instructions[-1]
    last.operand_ids[:] = [entry.instructions[0].id] * count
    one = keys.written(module)
    last.operand_ids[0] = entry.instructions[1].id
    other = keys.written(module)
    assert keys.digest(one, hlo.CANONICAL).level == hlo.CANONICAL
    assert keys.key(one, hlo.CANONICAL) != keys.key(other, hlo.CANONICAL)


def test_computations_may_come_before_those_they_call() -> None:
    def turn(module: Any) -> None:
        bodies = [found.SerializeToString() for found in module.computations]
        for found, body in zip(module.computations, bodies[::-1], strict=True):
            found.ParseFromString(body)

    other = keys.changed(zoo.graph("mlp"), turn)
    assert other is not None
    assert keys.digest(other, hlo.CANONICAL).level == hlo.CANONICAL
    assert keys.key(other, hlo.CANONICAL) != keys.key(zoo.graph("mlp"), hlo.CANONICAL)
