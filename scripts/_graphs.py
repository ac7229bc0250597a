"""Demo: two real programs, as HLO graphs with inputs and with the numbers that JAX itself gets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Arrays = list[np.ndarray[Any, np.dtype[Any]]]
_HEADS, _WIDTH, _WORDS, _LAYERS = 4, 64, 32, 2


@dataclass(frozen=True)
class Program:
    """A program: its name, its HLO proto, inputs in order, and JAX's own outputs in order."""

    name: str
    graph: bytes
    inputs: Arrays
    outputs: Arrays


def programs() -> list[Program]:
    """The demo's programs."""
    return [_program("mlp train step", _mlp_step, _mlp_inputs()), _llama()]


def _program(name: str, function: Any, inputs: Any) -> Program:
    lowered = jax.jit(function).lower(*inputs)
    graph = lowered.compiler_ir(dialect="hlo").as_serialized_hlo_module_proto()
    outputs = jax.tree_util.tree_leaves(jax.jit(function)(*inputs))
    leaves = jax.tree_util.tree_leaves(inputs)
    return Program(name, graph, [np.asarray(x) for x in leaves], [np.asarray(x) for x in outputs])


def _normal(seed: int, *shape: int) -> Any:
    return jax.random.normal(jax.random.PRNGKey(seed), shape) / math.sqrt(shape[0])


def _mlp_inputs() -> Any:
    weights = {"in": _normal(1, 32, 128), "out": _normal(2, 128, 10)}
    return weights, _normal(3, 16, 32), _normal(4, 16, 10)


def _mlp_step(weights: Any, x: Any, wanted: Any) -> Any:
    """One step of gradient descent: (new weights, loss)."""

    def loss(w: Any) -> Any:
        return jnp.mean((jax.nn.gelu(x @ w["in"]) @ w["out"] - wanted) ** 2)

    value, slope = jax.value_and_grad(loss)(weights)
    return jax.tree_util.tree_map(lambda w, g: w - 0.1 * g, weights, slope), value


def _llama() -> Program:
    names = {"q": _WIDTH, "k": _WIDTH, "v": _WIDTH, "o": _WIDTH, "up": 128, "gate": 128}
    layers = [
        {
            name: _normal(10 * layer + at, _WIDTH, size)
            for at, (name, size) in enumerate(names.items())
        }
        | {"down": _normal(10 * layer + 8, 128, _WIDTH)}
        for layer in range(_LAYERS)
    ]
    return _program("llama-like forward", _forward, (layers, _normal(99, _WORDS, _WIDTH)))


def _forward(layers: Any, x: Any) -> Any:
    for layer in layers:
        x = x + _attention(layer, _rms(x))
        h = _rms(x)
        x = x + (jax.nn.silu(h @ layer["gate"]) * (h @ layer["up"])) @ layer["down"]
    return _rms(x)


def _rms(x: Any) -> Any:
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)


def _attention(layer: Any, x: Any) -> Any:
    """Causal attention with rotary positions."""
    q, k, v = ((x @ layer[n]).reshape(len(x), _HEADS, -1).swapaxes(0, 1) for n in "qkv")
    scores = _rotate(q) @ _rotate(k).swapaxes(1, 2) / math.sqrt(q.shape[-1])
    mask = jnp.tril(jnp.ones((len(x), len(x)), bool))
    mixed = jax.nn.softmax(jnp.where(mask, scores, -1e9), axis=-1) @ v
    return mixed.swapaxes(0, 1).reshape(len(x), -1) @ layer["o"]


def _rotate(x: Any) -> Any:
    half = x.shape[-1] // 2
    angle = jnp.outer(jnp.arange(x.shape[1]), 10000.0 ** (-jnp.arange(half) / half))
    a, b = x[..., :half], x[..., half:]
    return jnp.concatenate(
        [a * jnp.cos(angle) - b * jnp.sin(angle), a * jnp.sin(angle) + b * jnp.cos(angle)], axis=-1
    )
