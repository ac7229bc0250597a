"""Graphs: one small JAX program, traced from sources that differ in how they are written."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

SOURCE = """
import jax
import jax.numpy as jnp

@jax.jit
def layer(w, x):
    return jnp.tanh(x @ w)

def other(w, x):
    return layer(w, x) * 2

def step(ws, x):
    with jax.named_scope("body"):
        for w in ws:
            x = layer(w, x)
    return jnp.sum(jnp.where(x > 0.25, x, -x), axis=1)
"""
# A process counts its modules: two traces of one program are never quite the same.
_counter = itertools.count()


@dataclass(frozen=True)
class Way:
    """A way to write down and to trace the program."""

    lines: int = 0
    file: str = "/src/train.py"
    replaced: tuple[tuple[str, str], ...] = ()
    first: str = ""  # a program that is traced before
    step: str = "step"


@functools.cache
def lowered(way: Way) -> Any:
    """The program, lowered by JAX."""
    source = "\n" * way.lines + SOURCE
    for old, new in way.replaced:
        assert old in source
        source = source.replace(old, new)
    names: dict[str, Any] = {}
    exec(compile(source, way.file, "exec"), names)  # noqa: S102  the source above
    w, x = jnp.zeros((4, 4)), jnp.zeros((3, 4))
    if way.first:
        jax.jit(names[way.first]).lower(w, x)
    for _ in range(next(_counter)):
        jax.jit(lambda x: x).lower(x)
    return jax.jit(names[way.step]).lower([w, w], x)


def hlo(way: Way) -> bytes:
    """As an HLO module."""
    graph = lowered(way).compiler_ir(dialect="hlo").as_serialized_hlo_module_proto()
    return bytes(graph)


def text(way: Way) -> bytes:
    """As StableHLO with locations."""
    return str(lowered(way).as_text(debug_info=True)).encode()


BASE = Way()
SAME = {
    "lines moved": Way(lines=137),
    "another file": Way(file="/elsewhere/a/longer/name.py"),
    "other lines in it": Way(replaced=(("def other", "def unused():\n    return 1\n\ndef other"),)),
    "traced after another": Way(first="other"),
    "local variable renamed": Way(
        replaced=(("for w in", "for weight in"), ("(w, x)\n    r", "(weight, x)\n    r"))
    ),
}
RENAMED = {
    "function renamed": Way(replaced=(("def step", "def train"),), step="train"),
    "scope renamed": Way(replaced=(('"body"', '"core"'),)),
}
DIFFERENT = {
    "constant": Way(replaced=(("0.25", "0.26"),)),
    "operation": Way(replaced=(("jnp.tanh", "jnp.sin"),)),
    "operands exchanged": Way(replaced=(("x, -x)", "-x, x)"),)),
    "axis": Way(replaced=(("axis=1", "axis=0"),)),
    "precision": Way(replaced=(("x @ w", "jnp.matmul(x, w, precision='highest')"),)),
    "type": Way(replaced=(("(x @ w)", "((x @ w).astype(jnp.bfloat16)).astype(x.dtype)"),)),
}
