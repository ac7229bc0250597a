"""Interop: scripts as users write them, which know nothing of the cache, and how they are run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from frameworks import Framework
from hosts import BIN, Done, finish
from running import end_all

# Everything compiles through the library as PJRT does (`pjrt`) or NxD (`xla`), and what the latter
# has made is run: the numbers are compared with JAX's own.
COMMON = """
import hashlib, json, os, sys, tempfile
import numpy as np
import jax, jax.numpy as jnp
import libneuronxla
from neuronxcc.run import execute

FLAGS = ["--auto-cast=none", "-O1"]

def lowered(function, *given):
    made = jax.jit(function).lower(*given).compiler_ir("hlo")
    return made.as_serialized_hlo_module_proto()

def digest(data):
    return hashlib.sha256(data).hexdigest()

def pjrt(code):
    os.environ["NEURON_CC_FLAGS"] = " ".join(FLAGS)
    key = int(digest(code)[:15], 16)
    status, made = libneuronxla.neuronx_cc(code, b"hlo", b"trn1", f"MODULE_{key}".encode())
    assert status == 0, made.decode()
    return digest(made)

def xla(code):
    return libneuronxla.neuron_xla_compile(code, FLAGS, cache_key=digest(code)[:20])

def run(neff, *given):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "graph.neff")
        with open(path, "wb") as file:
            file.write(neff)
        return execute(path, [np.asarray(one) for one in given])

def checked(function, *given):
    neff = xla(lowered(function, *given))
    (found,) = run(neff, *given)
    np.testing.assert_allclose(found, np.asarray(function(*given)), rtol=1e-5)
    return digest(neff)
"""
# Four workers: one graph that all have, twice, and one that each has for itself.
RANKS = """
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank, ranks = dist.get_rank(), dist.get_world_size()
x = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
w = np.ones((4, 2), np.float32)

def shared(x, w):
    return jnp.tanh(x @ w)

def own(x):
    return jnp.sin(x) * (rank + 2)

made = {"pjrt": pjrt(lowered(shared, x, w)), "shared": checked(shared, x, w)}
made["own"] = checked(own, x)
total = torch.tensor(np.asarray(own(x)))
dist.all_reduce(total)
np.testing.assert_allclose(total, np.sin(x) * sum(range(2, ranks + 2)), rtol=1e-5)
if rank == 0:
    torch.save({"total": total}, sys.argv[1])
everybody = [None] * ranks
dist.all_gather_object(everybody, made)
if rank == 0:
    print(json.dumps(everybody))
dist.destroy_process_group()
"""
# The real Trainer on a tiny model. Step 1 has a graph compiled; the files in the second word's
# directory say where it stands (`at-2`), and it goes on when the test says so (`go-2`).
TRAINER = """
import pathlib, time
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

out, gates, steps = sys.argv[1], pathlib.Path(sys.argv[2]), []

def before_step(_model, _given):
    steps.append(len(steps) + 1)
    if steps[-1] == 1:
        checked(lambda x: jnp.tanh(x) * 3, np.ones((2, 3), np.float32))
    (gates / f"at-{steps[-1]}").touch()
    while not (gates / f"go-{steps[-1]}").exists():
        time.sleep(0.01)

size = dict(vocab_size=16, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
model = BertForSequenceClassification(BertConfig(intermediate_size=8, **size))
model.register_forward_pre_hook(before_step)
row = {"input_ids": torch.arange(4), "labels": torch.tensor(1)}
args = TrainingArguments(
    out, max_steps=3, save_steps=2, per_device_train_batch_size=1, use_cpu=True, report_to=[]
)
Trainer(model=model, args=args, train_dataset=[row] * 3).train()
print(json.dumps({"steps": len(steps)}))
"""
# A graph is compiled, then the process is killed while a checkpoint is half written.
DYING = """
import signal
import torch

class Dying:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGKILL)

checked(lambda x: jnp.tanh(x) * 3, np.ones((2, 3), np.float32))
torch.save({"weights": torch.ones(9), "last": Dying()}, sys.argv[1])
"""
# Two workers, one forked and one spawned, each with a compile cache of its own. Words: a graph and
# a directory for them.
WORKERS = """
import hashlib, json, multiprocessing, os, sys
import libneuronxla

def compiled(graph, root):
    if root:
        os.environ["NEURON_COMPILE_CACHE_URL"] = root
    with open(graph, "rb") as file:
        made = libneuronxla.neuron_xla_compile(file.read(), ["-O1"], cache_key="0a1b2c3d")
    return hashlib.sha256(made).hexdigest()

if __name__ == "__main__":
    graph, top = sys.argv[1:]
    made = [compiled(graph, "")]
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            made.append(pool.apply(compiled, (graph, f"{top}/{method}")))
    print(json.dumps(made))
"""
JAX = """
x = np.arange(6, dtype=np.float32).reshape(2, 3)
made = [checked(lambda x: jnp.tanh(x) * 3, x), checked(lambda x: x @ x.T, x)]
print(json.dumps(made + [pjrt(lowered(lambda x: x + 1, x))]))
"""


@dataclass(frozen=True)
class Training:
    """One host's part of a training.

    Attributes:
        framework: its Python, hooks and host.
        prefix: what stands before each command line (`neffcache run --`, `unshare …`).
    """

    framework: Framework
    prefix: tuple[str, ...] = ()

    def start(self, *command: str | Path, **variables: str) -> subprocess.Popen[bytes]:
        """Start a program of the environment's, its output captured."""
        work = self.framework.host.root / "work"
        work.mkdir(exist_ok=True)
        return subprocess.Popen(
            [*self.prefix, *map(str, command)],
            cwd=work,
            env=self.framework.environ(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *command: str | Path, **variables: str) -> Done:
        """Run it to its end."""
        return finish(self.start(*command, **variables))

    def torchrun(self, script: Path, *words: str | Path, **variables: str) -> Done:
        """Run a script in four workers."""
        program = self.framework.python.with_name("torchrun")
        line = (program, "--standalone", "--nproc-per-node", "4", script, *words)
        return self.run(*line, **variables)


# A remote that is only busy, as everything is here, is no remote that is silent.
PATIENT = {"NEFFCACHE_REMOTE_TIMEOUT": "60"}
RUN = (str(BIN / "neffcache"), "run", "--")


def namespace() -> tuple[str, ...]:
    """A PID namespace (and /proc) of its own for a command; () where that is not allowed."""
    flags = ("--user", "--map-current-user", "--pid", "--fork", "--mount-proc", "--kill-child")
    line = ("unshare", *flags)
    try:
        done = subprocess.run([*line, "/bin/true"], check=False, capture_output=True)
    except OSError:
        return ()
    return line if done.returncode == 0 else ()


@contextmanager
def ended(*roots: Path) -> Iterator[None]:
    """At the end no process of the product works below these directories."""
    try:
        yield
    finally:
        for root in roots:
            end_all(root)


def keys(remote: Path) -> set[str]:
    """What a directory remote has entries of."""
    return {path.parent.name for path in (remote / "neffcache" / "v1").glob("*/*/entry")}


def write(path: Path, *texts: str) -> Path:
    """A script."""
    path.write_text("".join(texts))
    return path
