"""Graphs: lowers the programs of the zoo in a process of its own, with eight devices."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

F = jnp.float32


def z(*shape: int, dtype: Any = F) -> Any:
    return jax.ShapeDtypeStruct(shape, dtype)


def mlp(w: Any, x: Any, y: Any) -> Any:
    def loss(w: Any) -> Any:
        return jnp.mean((jax.nn.gelu(x @ w["a"] + w["b"]) @ w["c"] - y) ** 2)

    value, slope = jax.value_and_grad(loss)(w)
    return jax.tree.map(lambda p, g: p - 0.1 * g, w, slope), value


def attention(layers: Any, x: Any) -> Any:
    for at, layer in enumerate(layers):
        with jax.named_scope(f"layer{at}"):
            q, k, v = (x @ layer[n] for n in "qkv")
            mask = jnp.tril(jnp.ones((8, 8), bool))
            x = x + jax.nn.softmax(jnp.where(mask, q @ k.T, -1e9)) @ v
            x = x * lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6)
    return x


def attention_step(layers: Any, x: Any) -> Any:
    return jax.grad(lambda p: jnp.sum(attention(p, x) ** 2))(layers)


def conv(w: Any, x: Any) -> Any:
    def loss(w: Any) -> Any:
        y = lax.conv_general_dilated(x, w, (2, 1), ((1, 2), (0, 1)), rhs_dilation=(1, 2))
        return jnp.sum(lax.reduce_window(y, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "SAME"))

    return jax.value_and_grad(loss)(w)


def loops(x: Any, n: Any) -> Any:
    def body(carry: Any, row: Any) -> Any:
        return jnp.tanh(carry + row), carry.sum()

    y, sums = lax.scan(body, x[0], x)
    y = lax.while_loop(lambda s: s[1] < n, lambda s: (s[0] * 2, s[1] + 1), (y, jnp.int32(0)))[0]
    return lax.cond(n > 3, lambda v: v + 1, jnp.cos, y), sums


def odds(x: Any, i: Any) -> Any:
    key = jax.random.PRNGKey(3)
    a, b = lax.sort((x, x * 2), num_keys=1, is_stable=True)
    c = jnp.fft.rfft(x) * jax.random.normal(key, (x.shape[0] // 2 + 1,))
    d = x.at[i].add(1.0, unique_indices=True)
    e = lax.dynamic_slice(x, (i[0],), (4,))
    f = lax.pad(x, 1.0, ((1, 2, 1),))
    g = lax.reduce_precision(x, 5, 10)
    h = jnp.clip(x[::-1], -1, 1)[1:9:2]
    return a, b, c, d, e, f, g, h, lax.top_k(x, 3), jnp.argmax(x), lax.rng_uniform(0.0, 1.0, (4,))


def linear(m: Any, b: Any) -> Any:
    low = jnp.linalg.cholesky(m)
    return lax.linalg.triangular_solve(low, b, left_side=True, lower=True), jnp.cumsum(b, 0)


def mixed(x: Any, y: Any, n: Any) -> Any:
    p = lax.dot_general(x, y, (((1,), (0,)), ((), ())), precision=lax.Precision.HIGHEST)
    q = lax.bitcast_convert_type(x, jnp.int32) // 3 + n
    table = jnp.asarray([[1, 2, 3], [4, 5, 6]], jnp.int32)
    return p.astype(jnp.bfloat16), q, (x > 0) & (x < 2), table * n, jnp.exp(x) @ jnp.ones((4, 2))


def embed(t: Any, i: Any) -> Any:
    return jax.grad(lambda t: jnp.sum(jnp.take(t, i, axis=0) ** 2))(t)


def collect(x: Any) -> Any:
    a = lax.psum(x, "a")
    b = lax.all_gather(x, "b")
    c = lax.psum_scatter(b, "b", tiled=False)
    d = lax.ppermute(x, "a", [(0, 1), (1, 2), (2, 3), (3, 0)])
    e = lax.all_to_all(jnp.stack([x, x]), "b", 0, 0)
    return a + c + d + e.sum(0) + lax.axis_index("a")


def mesh() -> Mesh:
    return jax.make_mesh((4, 2), ("a", "b"), axis_types=(jax.sharding.AxisType.Auto,) * 2)


def programs() -> dict[str, Callable[[], Any]]:
    """Name → something that lowers it."""
    grid = mesh()
    rows = NamedSharding(grid, PartitionSpec("a", None))
    columns = NamedSharding(grid, PartitionSpec(None, "b"))
    weights = {"a": z(8, 16), "b": z(16), "c": z(16, 4)}
    layers = [{n: z(8, 8) for n in "qkv"} for _ in range(2)]
    spread = jax.shard_map(
        collect, mesh=grid, in_specs=PartitionSpec("a", "b"), out_specs=PartitionSpec("a", "b")
    )
    return {
        "mlp": partial(jax.jit(mlp).lower, weights, z(4, 8), z(4, 4)),
        "donated": partial(jax.jit(mlp, donate_argnums=(0,)).lower, weights, z(4, 8), z(4, 4)),
        "llama": partial(jax.jit(attention).lower, layers, z(8, 8)),
        "llama_step": partial(jax.jit(attention_step).lower, layers, z(8, 8)),
        "conv": partial(jax.jit(conv).lower, z(4, 3, 3, 3), z(2, 3, 9, 9)),
        "loops": partial(jax.jit(loops).lower, z(5, 6), z(dtype=jnp.int32)),
        "odds": partial(jax.jit(odds).lower, z(16), z(2, dtype=jnp.int32)),
        "linear": partial(jax.jit(linear).lower, z(4, 4), z(4, 3)),
        "mixed": partial(jax.jit(mixed).lower, z(4, 4), z(4, 4), z(dtype=jnp.int32)),
        "embed": partial(jax.jit(embed).lower, z(10, 4), z(6, dtype=jnp.int32)),
        "collectives": partial(jax.jit(spread).lower, z(8, 4)),
        "sharded": partial(
            jax.jit(lambda x, w: jnp.sum(x @ w), in_shardings=(rows, columns)).lower,
            z(8, 8),
            z(8, 8),
        ),
    }


def main() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, lower in programs().items():
            graph = lower().compiler_ir(dialect="hlo").as_serialized_hlo_module_proto()
            archive.writestr(name, graph)
    sys.stdout.buffer.write(packed.getvalue())


main()
