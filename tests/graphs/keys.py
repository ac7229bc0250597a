"""Graphs: the product's digest of a graph, and graphs as modules that can be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphs import schema
from neffcache.graph import hlo, source

NORMALISING = (hlo.STRICT, hlo.CANONICAL)


def keep(target: bytes, config: bytes) -> None:
    """Resolve nothing: every configuration stays as it is."""
    del target, config


def digest(
    graph: bytes, level: str, resolve: Callable[[bytes, bytes], bytes | None] = keep
) -> hlo.Digest:
    return hlo.digest(source.Source.of(graph), level, resolve)


def key(graph: bytes, level: str) -> str:
    return digest(graph, level).hexdigest


def module(graph: bytes) -> Any:
    return schema.message("xla.HloModuleProto").FromString(graph)


def written(changed: Any) -> bytes:
    return bytes(changed.SerializeToString(deterministic=True))


def changed(graph: bytes, change: Callable[[Any], object]) -> bytes | None:
    """The graph after a change; None when the change says that it does not apply."""
    made = module(graph)
    return None if change(made) is False else written(made)
