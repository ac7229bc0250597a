"""HLO digests: what may decide the binary changes every level, what cannot changes none."""

from __future__ import annotations

import functools
import random

import pytest

from graphs import keys, neutral, normal, semantic, zoo
from neffcache.graph import hlo


@pytest.mark.parametrize("name", semantic.CHANGES)
def test_meaningful_change_changes_every_level(name: str) -> None:
    applied = 0
    for base in zoo.NAMES:
        graph = zoo.graph(base)
        other = keys.changed(graph, semantic.CHANGES[name])
        if other is None:
            continue
        applied += 1
        for level in hlo.LEVELS:
            assert keys.key(graph, level) != keys.key(other, level), (base, level)
    assert applied


@pytest.mark.parametrize("name", semantic.CHANGES)
def test_meaningful_change_shows_through_a_neutral_one(name: str) -> None:
    rng = random.Random(name)
    graph = zoo.graph("neuron_mlp")
    other = keys.changed(graph, semantic.CHANGES[name])
    for change in (neutral.STRICT | neutral.CANONICAL).values():
        if other is not None and "ids" not in name and name not in {"control dependency", "callee"}:
            other = keys.changed(other, functools.partial(change, rng=rng))
    for level in keys.NORMALISING:
        assert other is None or keys.key(graph, level) != keys.key(other, level)


@pytest.mark.parametrize("base", zoo.NAMES)
def test_every_graph_reaches_the_level_asked_for(base: str) -> None:
    for level in hlo.LEVELS:
        assert keys.digest(zoo.graph(base), level).level == level


@pytest.mark.parametrize("base", zoo.NAMES)
@pytest.mark.parametrize("name", neutral.STRICT)
def test_source_positions_and_module_ids_do_not_count(name: str, base: str) -> None:
    rng = random.Random(base)
    graph = zoo.graph(base)
    other = keys.changed(graph, lambda module: neutral.STRICT[name](module, rng))
    assert other is not None
    assert other != graph
    for level in keys.NORMALISING:
        assert keys.key(graph, level) == keys.key(other, level)


@pytest.mark.parametrize("base", zoo.NAMES)
@pytest.mark.parametrize("name", neutral.CANONICAL)
def test_canonical_ignores_names_and_id_values(name: str, base: str) -> None:
    rng = random.Random(base)
    graph = zoo.graph(base)
    other = keys.changed(graph, lambda module: neutral.CANONICAL[name](module, rng))
    assert other is not None
    found = keys.digest(other, hlo.CANONICAL)
    assert (found.hexdigest, found.level) == (keys.key(graph, hlo.CANONICAL), hlo.CANONICAL)


@pytest.mark.parametrize("base", zoo.NAMES)
@pytest.mark.parametrize("name", neutral.CANONICAL)
def test_strict_keeps_names_and_id_values(name: str, base: str) -> None:
    rng = random.Random(base)
    graph = zoo.graph(base)
    other = keys.changed(graph, lambda module: neutral.CANONICAL[name](module, rng))
    assert other is not None
    same = keys.key(other, hlo.STRICT) == keys.key(graph, hlo.STRICT)
    assert same == (normal.strict(other) == normal.strict(graph))


@pytest.mark.parametrize("base", zoo.NEURON)
def test_order_of_maps_does_not_count(base: str) -> None:
    rng = random.Random(1)
    graph = zoo.graph(base)
    others = {neutral.reordered_maps(graph, rng) for _ in range(8)}
    assert len(others) > 1
    for level in keys.NORMALISING:
        assert {keys.key(other, level) for other in others} == {keys.key(graph, level)}


def test_levels_never_share_a_digest() -> None:
    graph = zoo.graph("mixed")
    assert len({keys.key(graph, level) for level in hlo.LEVELS}) == len(hlo.LEVELS)


@pytest.mark.parametrize("base", zoo.NAMES)
def test_two_graphs_of_the_zoo_never_share_a_digest(base: str) -> None:
    for level in keys.NORMALISING:
        equal = [
            n
            for n in zoo.NAMES
            if keys.key(zoo.graph(n), level) == keys.key(zoo.graph(base), level)
        ]
        assert equal == [base]
