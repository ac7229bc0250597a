"""One graph of a model, through libneuronxla and its cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import libneuronxla


def compile_hlo_module(hlo: bytes, flags: Sequence[str] = (), tag: str = "") -> bytes:
    """A graph's NEFF; the hash that names it is of the graph and its tag."""
    key = hashlib.sha256(hlo + tag.encode()).hexdigest()[:20]
    return libneuronxla.neuron_xla_compile(
        hlo,
        " ".join(flags),
        input_format="hlo",
        platform_target="trn1",
        cache_key=key,
        retry_failed_compilation=False,
        lazy=False,
        use_cache=True,
        cache_dir=None,
    )
