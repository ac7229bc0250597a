"""Graphs: random small programs of JAX, each a chain of steps, and mutants of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

SHAPES = ((3, 4), (4, 3))
_LARGEST = 8  # no side of a value grows beyond this


@dataclass(frozen=True)
class Step:
    """An operation on the value before it, and perhaps on an older one.

    Attributes:
        op: one of OPS.
        other: which of the older values.
        number: a constant; choice: an axis, a start, a size.
    """

    op: str
    other: int
    number: float
    choice: int


Program = tuple[Step, ...]
Op = Callable[[Any, Any, Step], Any]


def _fit(y: Any, shape: tuple[int, ...]) -> Any:
    """An older value in the shape that is needed."""
    return jnp.resize(y, shape)


def _slice(x: Any, _y: Any, step: Step) -> Any:
    axis = step.choice % 2
    start = step.choice // 2 % x.shape[axis]
    return lax.slice_in_dim(x, start, x.shape[axis], axis=axis)


def _concatenate(x: Any, y: Any, step: Step) -> Any:
    axis = step.choice % 2
    x = lax.slice_in_dim(x, 0, min(x.shape[axis], _LARGEST // 2), axis=axis)
    return jnp.concatenate([x, _fit(y, x.shape)], axis=axis)


def _scan(x: Any, _y: Any, step: Step) -> Any:
    def body(carry: Any, row: Any) -> Any:
        return jnp.tanh(carry * step.number + row), carry - row

    return lax.scan(body, jnp.zeros(x.shape[1], x.dtype), x)[1]


def _cond(x: Any, _y: Any, step: Step) -> Any:
    return lax.cond(jnp.sum(x) > step.number, lambda v: v * 2 + step.number, jnp.sin, x)


def _table(x: Any, _y: Any, step: Step) -> Any:
    return x + jnp.asarray(np.cos(np.arange(x.shape[1]) * step.number), x.dtype)


# Operations that may stand for each other, as mutants exchange them.
FAMILIES: tuple[dict[str, Op], ...] = (
    {
        "tanh": lambda x, _y, _s: jnp.tanh(x),
        "sin": lambda x, _y, _s: jnp.sin(x),
        "cos": lambda x, _y, _s: jnp.cos(x),
        "negative": lambda x, _y, _s: -x,
        "abs": lambda x, _y, _s: jnp.abs(x),
    },
    {
        "add": lambda x, y, _s: x + _fit(y, x.shape),
        "subtract": lambda x, y, _s: x - _fit(y, x.shape),
        "subtracted": lambda x, y, _s: _fit(y, x.shape) - x,
        "multiply": lambda x, y, _s: x * jnp.tanh(_fit(y, x.shape)),
        "maximum": lambda x, y, _s: jnp.maximum(x, _fit(y, x.shape)),
        "where": lambda x, y, s: jnp.where(x > s.number, x, _fit(y, x.shape)),
        "where not": lambda x, y, s: jnp.where(x > s.number, _fit(y, x.shape), x),
    },
    {
        "scale": lambda x, _y, s: x * s.number,
        "shift": lambda x, _y, s: x + s.number,
        "table": _table,
        "scan": _scan,
        "cond": _cond,
    },
    {
        "sum": lambda x, _y, s: x - jnp.sum(x, axis=s.choice % 2, keepdims=True),
        "max": lambda x, _y, s: x - jnp.max(x, axis=s.choice % 2, keepdims=True),
        "cumsum": lambda x, _y, s: jnp.cumsum(x, axis=s.choice % 2),
        "reverse": lambda x, _y, s: lax.rev(x, (s.choice % 2,)),
    },
    {
        "reshape": lambda x, _y, _s: x.reshape(x.shape[::-1]),
        "transpose": lambda x, _y, _s: x.T,
        "slice": _slice,
        "concatenate": _concatenate,
        "dot": lambda x, y, s: x @ jnp.tanh(_fit(y, (x.shape[1], 2 + s.choice % 3))),
    },
)
OPS: dict[str, Op] = {name: op for family in FAMILIES for name, op in family.items()}

# Which of them read a step's number, its choice, an older value.
_WITH_NUMBER = frozenset(("where", "where not", *FAMILIES[2]))
_WITH_CHOICE = frozenset(("sum", "max", "cumsum", "reverse", "slice", "concatenate", "dot"))
_WITH_OTHER = frozenset(("concatenate", "dot", *FAMILIES[1]))


def apply(program: Program, *inputs: Any) -> Any:
    """What a program computes: the last of its values."""
    values = list(inputs)
    for step in program:
        values.append(OPS[step.op](values[-1], values[step.other % len(values)], step))
    return values[-1]


def make(rng: random.Random) -> Program:
    """A random program."""
    return tuple(_step(rng) for _ in range(rng.randint(3, 7)))


def _step(rng: random.Random) -> Step:
    op = rng.choice(sorted(rng.choice(FAMILIES)))
    return Step(op, rng.randrange(8), rng.randint(-20, 20) / 8 + 0.3, rng.randrange(8))


def mutant(program: Program, rng: random.Random) -> Program:
    """The program with one small change: a constant, an operation, an operand, an axis or size."""
    at = rng.randrange(len(program))
    step = program[at]
    family = next(family for family in FAMILIES if step.op in family)
    changes = [replace(step, op=rng.choice(sorted(set(family) - {step.op})))]
    if step.op in _WITH_NUMBER:
        changes.append(replace(step, number=step.number + rng.choice([-0.5, 0.25, 1.0])))
    if step.op in _WITH_CHOICE:
        changes.append(replace(step, choice=step.choice + 1))
    if step.op in _WITH_OTHER:
        changes.append(replace(step, other=step.other + 1))
    return (*program[:at], rng.choice(changes), *program[at + 1 :])


def inputs(rng: random.Random) -> list[Any]:
    """Random numbers to run a program on."""
    made = np.random.default_rng(rng.randrange(1 << 30))
    return [made.standard_normal(shape).astype(np.float32) for shape in SHAPES]


def graph(program: Program, lines: int = 0) -> bytes:
    """A program as an HLO module, traced from a source with so many more lines."""
    names: dict[str, Any] = {"apply": apply, "steps": program}
    source = "\n" * lines + "def program(*xs):\n    return apply(steps, *xs)\n"
    exec(compile(source, "/src/program.py", "exec"), names)  # noqa: S102  the source above
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in SHAPES]
    lowered = jax.jit(names["program"], keep_unused=True).lower(*arguments)
    return bytes(lowered.compiler_ir(dialect="hlo").as_serialized_hlo_module_proto())
