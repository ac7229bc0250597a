"""StableHLO of a few JAX programs, as text, debug text and bytecode, traced in many ways."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

NAMES = ("step", "scan", "conv")
FORMS = ("txt", "dbg", "bc", "vhlo")
SOURCE = """
from pathlib import Path
import jax, jax.numpy as jnp
from jax import export

def layers(weights, x):
    for w, b in weights:
        x = jnp.tanh(x @ w + b)
    return x

def loss(weights, x, y):
    return jnp.mean((layers(weights, x) - y) ** 2)

def step(weights, ARGUMENT, y):
    value, slopes = jax.value_and_grad(loss)(weights, ARGUMENT, y)
    return jax.tree.map(lambda w, slope: w - RATE * slope, weights, slopes), value

def scan(x):
    def body(carry, key):
        return carry + jax.random.normal(key, carry.shape), jnp.argmax(carry)
    return jax.lax.scan(body, x, jax.random.split(jax.random.key(0), 5))

def conv(x, kernel):
    y = jax.lax.conv_general_dilated(x, kernel, (1, 2), "SAME")
    return jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

def f32(*sizes):
    return jax.ShapeDtypeStruct(sizes, jnp.float32)

arguments = {
    "step": ([(f32(8, 16), f32(16)), (f32(16, 4), f32(4))], f32(2, 8), f32(2, 4)),
    "scan": (f32(3, 4),),
    "conv": (f32(1, 3, 8, 8), f32(4, 3, 3, 3)),
}

class Sink:
    def __init__(self, path):
        self.file = open(path, "wb")
    def write(self, data):
        return self.file.write(data)

into = Path(__file__).parent
while into.name != "out":
    into = into.parent
for name in ORDER:
    traced = jax.jit(globals()[name])
    lowered = traced.lower(*arguments[name])
    (into / (name + ".txt")).write_text(lowered.as_text())
    (into / (name + ".dbg")).write_text(lowered.as_text(debug_info=True))
    sink = Sink(into / (name + ".bc"))
    lowered.compiler_ir("stablehlo").operation.write_bytecode(sink)
    sink.file.close()
    exported = export.export(traced)(*arguments[name])
    (into / (name + ".vhlo")).write_bytes(exported.mlir_module_serialized)
"""


@dataclass(frozen=True)
class Scenario:
    """A way to trace the programs: what is done to their source, and in which process."""

    lines: int = 0
    file: str = "programs.py"
    argument: str = "x"
    rate: str = "0.1"
    order: tuple[str, ...] = NAMES
    process: str = "first"


SCENARIOS = {
    "base": Scenario(),
    "changed": Scenario(rate="0.2"),
    "order": Scenario(order=NAMES[::-1], process="second"),
    "process": Scenario(process="second"),
    "moved": Scenario(lines=137, file="other/place/named.py", process="second"),
    "renamed": Scenario(argument="batch", process="second"),
}
# Each process has a hash seed and a working directory of its own.
PROCESSES = ("first", "second")
# What has to leave the key as it is.
NEUTRAL = ("process", "moved", "order", "renamed")


@cache
def make() -> dict[str, Path]:
    """Trace every scenario; scenario -> directory with `<program>.<form>`."""
    for process in [_start(name) for name in PROCESSES]:
        _, problem = process.communicate(timeout=100)
        assert process.returncode == 0, problem
    return {name: _keep / name / "out" for name in SCENARIOS}


def read(scenario: str, program: str, form: str) -> bytes:
    """One of the files."""
    return (make()[scenario] / f"{program}.{form}").read_bytes()


def _start(process: str) -> subprocess.Popen[str]:
    sources = [_write(name) for name in SCENARIOS if SCENARIOS[name].process == process]
    cwd = _keep / "cwd" / process
    cwd.mkdir(parents=True)
    run = "import runpy, sys\nfor path in sys.argv[1:]:\n    runpy.run_path(path)"
    return subprocess.Popen(
        [sys.executable, "-c", run, *sources],
        cwd=cwd,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONHASHSEED": str(len(process))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _write(name: str) -> str:
    scenario = SCENARIOS[name]
    source = _keep / name / "out" / scenario.file
    source.parent.mkdir(parents=True)
    text = SOURCE.replace("ARGUMENT", scenario.argument).replace("RATE", scenario.rate)
    text = text.replace("ORDER", repr(scenario.order))
    source.write_text("\n" * scenario.lines + text)
    return str(source)


_kept = TemporaryDirectory(prefix="mlir-programs-")  # goes with the interpreter
_keep = Path(_kept.name)
