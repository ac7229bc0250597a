"""The input of a compile as bytes: a graph file of any name, or a `model/` directory."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from neuronxcc.errors import CompileError

BYTECODE = b"ML\xefR"
_TEXT_STARTS = (b"module", b"#", b"//", b'"builtin.module"', b"builtin.module", b"func.func")


@dataclass(frozen=True)
class Source:
    """What was read: the graph's bytes, the weight files, and one digest of it all."""

    name: str
    graph: bytes
    digest: str
    weights: dict[str, str] = field(default_factory=dict)

    @property
    def is_stablehlo(self) -> bool:
        """By content: the callers' suffixes say nothing reliable."""
        return self.graph.startswith(BYTECODE) or self.graph.lstrip().startswith(_TEXT_STARTS)


def load(path: str) -> Source:
    """Read the input."""
    if os.path.isdir(path):
        return _directory(path)
    graph = _read(path)
    return Source(os.path.basename(path), graph, hashlib.sha256(graph).hexdigest())


def _directory(path: str) -> Source:
    from neuronxcc.graph.model import describe

    graph_path, weights = describe(path)
    graph = _read(graph_path)
    digest = hashlib.sha256(graph)
    for name in sorted(weights):
        digest.update(b"\0" + os.fsencode(name) + b"\0" + _read(weights[name]))
    return Source(os.path.basename(path.rstrip("/")), graph, digest.hexdigest(), weights)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as failed:
        reason = failed.strerror or str(failed)
        raise CompileError("NCC_EUOC002", f"cannot open {path}: {reason}") from None
    if not content:
        raise CompileError("NCC_EUOC003", f"{path} is empty")
    return content
