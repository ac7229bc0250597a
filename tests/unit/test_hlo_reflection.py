"""HLO digests against XLA's own schema: any field of any message, changed."""

from __future__ import annotations

import random

import pytest
from graphs import keys, normal, reflection, zoo
from neffcache.graph import hlo

_SITES = 2  # of each kind in each graph
_SMALL = [name for name in zoo.NAMES if name not in {"tx_llama_train", "tx_llama_fwd"}]


def _mutants(base: str) -> list[tuple[tuple[str, str], bytes]]:
    rng = random.Random(base)
    graph = zoo.graph(base)
    made = []
    counts = {kind: len(found) for kind, found in reflection.sites(keys.module(graph)).items()}
    for kind, count in sorted(counts.items()):
        for place in rng.sample(range(count), min(_SITES, count)):
            module = keys.module(graph)
            reflection.change(*reflection.sites(module)[kind][place], rng)
            made.append((kind, keys.written(module)))
    return made


@pytest.mark.parametrize("base", _SMALL)
def test_any_changed_field_counts_as_the_schema_says(base: str) -> None:
    graph = keys.written(keys.module(zoo.graph(base)))
    wanted = {hlo.STRICT: normal.strict(graph), hlo.CANONICAL: normal.canonical(graph)}
    own = {level: keys.key(graph, level) for level in keys.NORMALISING}
    for kind, other in _mutants(base):
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
