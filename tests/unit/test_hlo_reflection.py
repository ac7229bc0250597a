"""HLO digests against XLA's own schema: any field of any message, changed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from graphs import keys, normal, reflection, schema, zoo
from neffcache.graph import hlo

pytestmark = pytest.mark.skipif(
    bool(schema.too_old()), reason=schema.too_old() or "XLA's schema can judge"
)
LONG = "LONG_TESTS" in os.environ
_SITES = 8 if LONG else 1  # of each kind in each graph
# An empty message where an instruction or a computation should be: see test_hlo_guards.
_BREAKING = {"instructions", "computations"}
# Custom calls in a module that is broken otherwise are refused: see test_hlo_guards.
_BASES = (
    tuple(n for n in zoo.NAMES if n not in zoo.NEURON and n != "collectives")
    if LONG
    else ("tx_conv", "conv", "linear", "sharded", "mixed", "mlp")
)


def _mutants(base: str) -> Iterator[tuple[tuple[str, str], bytes]]:
    rng = random.Random(base)
    graph = zoo.graph(base)
    for kind, paths in sorted(reflection.sites(keys.module(graph)).items()):
        for path in rng.sample(paths, min(_SITES, len(paths))):
            module = keys.module(graph)
            reflection.change_at(module, path, kind[1], rng)
            yield kind, keys.written(module)


@pytest.mark.parametrize("base", _BASES)
def test_any_changed_field_counts_as_the_schema_says(base: str) -> None:
    graph = keys.written(keys.module(zoo.graph(base)))
    wanted = {hlo.STRICT: normal.strict(graph), hlo.CANONICAL: normal.canonical(graph)}
    own = {level: keys.key(graph, level) for level in keys.NORMALISING}
    for kind, other in _mutants(base):
        if kind[1] in _BREAKING:
            continue
        found = keys.digest(other, hlo.STRICT)
        assert found.level == hlo.STRICT, (kind, found.reasons)
        same = normal.strict(other) == wanted[hlo.STRICT]
        assert (found.hexdigest == own[hlo.STRICT]) == same, kind
        found = keys.digest(other, hlo.CANONICAL)
        if found.level == hlo.CANONICAL:
            same = normal.canonical(other) == wanted[hlo.CANONICAL]
            assert (found.hexdigest == own[hlo.CANONICAL]) == same, kind
        else:
            assert found.reasons, kind
            assert found.hexdigest == keys.key(other, hlo.STRICT), kind
