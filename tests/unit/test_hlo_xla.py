"""HLO digests against XLA itself: its loader and its printer."""

from __future__ import annotations

import importlib
import random
import re
from typing import Any

import pytest

from graphs import keys, neutral, schema, semantic, zoo

pytestmark = pytest.mark.skipif(
    bool(schema.too_old()), reason=schema.too_old() or "XLA's loader can judge"
)
# Known to XLA's loader without a check that ends the process.
_HARMLESS = (
    *("constant", "operand order", "comparison direction", "order of ids", "alias", "sharding"),
    *("module attribute", "attribute", "dynamic", "channel", "scheduling name"),
)
_COUNTED = re.compile(r"\b([A-Za-z_][\w-]*)(?:\.\d+)+\b")
# Programs as they are: what custom calls name is not XLA's concern.
_BASES = tuple(name for name in zoo.NAMES if name not in zoo.NEURON)


def _text(graph: bytes) -> str:
    """XLA's canonical text without the module's name and the counters of other names."""
    _hlo: Any = importlib.import_module("jaxlib._hlo")  # an older jaxlib has it elsewhere
    options = _hlo.HloPrintOptions.canonical()
    options.print_large_constants = True
    text = str(_hlo.HloModule.from_serialized_hlo_module_proto(graph).to_string(options))
    head, comma, rest = text.partition(",")
    assert head.startswith("HloModule ")
    return comma + _COUNTED.sub(r"\1", rest)


@pytest.mark.parametrize("base", _BASES)
@pytest.mark.parametrize("name", [*neutral.STRICT, *neutral.CANONICAL])
def test_xla_prints_the_same_after_a_neutral_change(name: str, base: str) -> None:
    rng = random.Random(base)
    change = (neutral.STRICT | neutral.CANONICAL)[name]
    graph = zoo.graph(base)
    other = keys.changed(graph, lambda module: change(module, rng))
    assert other is not None
    assert _text(other) == _text(graph)


@pytest.mark.parametrize("base", _BASES)
def test_same_canonical_key_only_where_xla_prints_the_same(base: str) -> None:
    graph = zoo.graph(base)
    texts = {keys.key(graph, "canonical"): _text(graph)}
    for name in _HARMLESS:
        other = keys.changed(graph, semantic.CHANGES[name])
        if other is None:
            continue
        try:
            text = _text(other)
        except (RuntimeError, ValueError):
            continue  # refused: no program at all
        assert texts.setdefault(keys.key(other, "canonical"), text) == text, name
