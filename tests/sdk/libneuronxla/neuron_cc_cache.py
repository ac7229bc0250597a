"""Where releases up to now keep the persistent compile cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libneuronxla.generation import CURRENT, NAME

if CURRENT.moved:
    raise ModuleNotFoundError(f"libneuronxla {NAME} has no neuron_cc_cache", name=__name__)
if TYPE_CHECKING or not CURRENT.alien:
    from libneuronxla.compile_cache import (
        CompileCache,
        CompileCacheEntry,
        CompileCacheFs,
        CompileCacheS3,
        create_compile_cache,
    )
else:
    from libneuronxla.alien_cache import CompileCache, CompileCacheEntry, create_compile_cache

    CompileCacheFs = CompileCacheS3 = CompileCache
from libneuronxla.cache_url import CacheUrl

__all__ = [
    "CacheUrl",
    "CompileCache",
    "CompileCacheEntry",
    "CompileCacheFs",
    "CompileCacheS3",
    "create_compile_cache",
]
