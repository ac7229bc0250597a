"""What differs between two modules, in words."""

from __future__ import annotations

import random
from typing import Any

import pytest

from graphs import keys, neutral, semantic, zoo
from neffcache.graph import compare, hlo


def _compared(base: str, change: str, level: str = hlo.STRICT) -> list[str]:
    graph = zoo.graph(base)
    other = keys.changed(graph, semantic.CHANGES[change])
    assert other is not None
    return compare.compare(graph, other, level)


@pytest.mark.parametrize("level", keys.NORMALISING)
def test_field_and_instruction_are_named(level: str) -> None:
    (line,) = _compared("mixed", "comparison direction", level)
    assert line.startswith("computation main.")
    assert ", instruction " in line
    assert "comparison_direction differs: " in line


@pytest.mark.parametrize(
    ("base", "change", "words"),
    [
        ("collectives", "replica groups", "replica_groups is only in the second"),
        ("neuron_mlp", "custom-call config", "backend_config differs: "),
        ("llama", "operand order", "operand_ids differs"),
        ("llama", "root", "another root"),
        ("mlp", "module attribute", "module: frontend_attributes differs"),
        ("donated", "alias", "module: input_output_alias differs"),
        ("mlp", "scheduling name", "metadata differs"),
    ],
)
def test_difference_is_told_by_its_name(base: str, change: str, words: str) -> None:
    assert any(words in line for line in _compared(base, change))


@pytest.mark.parametrize("name", semantic.CHANGES)
def test_every_meaningful_change_is_told(name: str) -> None:
    for base in zoo.NAMES:
        graph = zoo.graph(base)
        other = keys.changed(graph, semantic.CHANGES[name])
        for level in keys.NORMALISING:
            assert other is None or compare.compare(graph, other, level), base


@pytest.mark.parametrize("name", neutral.STRICT)
def test_what_does_not_count_is_not_told(name: str) -> None:
    graph = zoo.graph("llama")
    other = keys.changed(graph, lambda m: neutral.STRICT[name](m, random.Random(1)))
    assert other is not None
    assert compare.compare(graph, other, hlo.STRICT) == []


@pytest.mark.parametrize("name", neutral.CANONICAL)
def test_names_and_ids_are_not_told_for_canonical(name: str) -> None:
    graph = zoo.graph("llama")
    other = keys.changed(graph, lambda m: neutral.CANONICAL[name](m, random.Random(1)))
    assert other is not None
    assert compare.compare(graph, other, hlo.CANONICAL) == []


def test_added_instruction_is_told_where_the_lists_part() -> None:
    def add(module: Any) -> None:
        entry = module.computations[-1]
        made = entry.instructions.add()
        made.CopyFrom(entry.instructions[0])
        made.name, made.id = "extra.1", entry.instructions[0].id + 100_000

    other = keys.changed(zoo.graph("llama"), add)
    assert other is not None
    assert any("extra.1" in line for line in compare.compare(zoo.graph("llama"), other, "strict"))


def test_list_of_differences_ends() -> None:
    lines = compare.compare(zoo.graph("llama"), zoo.graph("llama_step"), hlo.STRICT, most=5)
    assert len(lines) == 6


@pytest.mark.parametrize("data", [b"", b"text", b"\x1a\xff", b"\x0a\x01a"])
def test_what_is_no_module_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an HLO module"):
        compare.compare(data, data, hlo.STRICT)
