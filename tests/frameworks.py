"""A training process as a test sees it: a script in a Python that has the frameworks' stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hosts import Done, Host, finish

SDK = Path(__file__).parent / "sdk"
# Everything but `neuronxcc`, which is installed: links into a source tree would hide that.
PACKAGES = (
    "libneuronxla",
    "torch_neuronx",
    "torch_xla",
    "neuronx_distributed",
    "transformers_neuronx",
    "vllm_neuron",
    "nkipy",
)


@dataclass(frozen=True)
class Framework:
    """A Python on a host, in which `libneuronxla` and the like can be imported.

    Attributes:
        host: whose store, home and PATH it has.
        parts: which packages; () for all there are.
        hooks: whether NEFFCACHE_HOOKS is set.
        shim: whether the shim stands before the compiler on PATH, else only the compiler.
        python: the interpreter; it must have the product, for the hooks.
        paths: further directories on PYTHONPATH.
        variables: added to the environment of every script.
    """

    host: Host
    parts: tuple[str, ...] = ()
    hooks: bool = True
    shim: bool = True
    python: Path = Path(sys.executable)
    paths: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.packages.mkdir(parents=True, exist_ok=True)
        for name in self.parts or PACKAGES:
            link = self.packages / name
            if (SDK / name).is_dir() and not link.exists():
                link.symlink_to(SDK / name)

    @property
    def packages(self) -> Path:
        """The directory on PYTHONPATH, with a link for each package; tests may add to it."""
        return self.host.root / "packages"

    @property
    def root(self) -> Path:
        """libneuronxla's compile cache, which NEURON_COMPILE_CACHE_URL names."""
        return self.host.root / "neuron-cache"

    def environ(self, **variables: str) -> dict[str, str]:
        """The environment of a script."""
        host = self.host
        made = {
            "PYTHONPATH": ":".join((str(self.packages), *self.paths)),
            "NEURON_COMPILE_CACHE_URL": str(self.root),
            "TMPDIR": str(_made(host.root / "tmp")),
        }
        if self.hooks:
            made["NEFFCACHE_HOOKS"] = "1"
        if not self.shim:
            made["PATH"] = f"{host.real}:/usr/local/bin:/usr/bin:/bin"
        return host.environ(**{**made, **self.variables, **variables})

    def start(
        self, script: str, *words: str | Path, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a script (its text) in a directory of the host's, its output captured."""
        return subprocess.Popen(
            [str(self.python), "-c", script, *map(str, words)],
            cwd=_made(self.host.root / "work"),
            env=self.environ(**(variables or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(
        self, script: str, *words: str | Path, variables: Mapping[str, str] | None = None
    ) -> Done:
        """Run a script to its end."""
        return finish(self.start(script, *words, variables=variables))

    def answer(
        self, script: str, *words: str | Path, variables: Mapping[str, str] | None = None
    ) -> Any:
        """What a script that must succeed prints last, read as JSON."""
        done = self.run(script, *words, variables=variables)
        assert done.status == 0, done.err
        return json.loads(done.out.splitlines()[-1])

    def native_entries(self) -> list[Path]:
        """The directories of libneuronxla's cache."""
        return sorted(self.root.glob("neuronxcc-*/MODULE_*"))


def environment(host: Host, *parts: str) -> dict[str, str]:
    """The environment of a script on a host, hooks on, with these packages (or all)."""
    return Framework(host, parts).environ()


def _made(directory: Path) -> Path:
    os.makedirs(directory, exist_ok=True)
    return directory


# For scripts: one compile through libneuronxla, as torch-xla and JAX do it; prints the NEFF's
# digest. Words: the graph's path, its hash (digits), flags.
PJRT = """
import hashlib, json, os, sys
import libneuronxla
path, key, *flags = sys.argv[1:]
os.environ["NEURON_CC_FLAGS"] = " ".join([os.environ.get("NEURON_CC_FLAGS", ""), *flags])
code = open(path, "rb").read()
status, made = libneuronxla.neuronx_cc(code, b"hlo", b"trn1", f"MODULE_{key}".encode())
assert status == 0, made.decode()
print(json.dumps({"made": hashlib.sha256(made).hexdigest(), "bytes": len(made)}))
"""
# The same as NxD, NxDI and transformers-neuronx do it.
XLA = """
import hashlib, json, sys
import libneuronxla
path, key, *flags = sys.argv[1:]
code = open(path, "rb").read()
made = libneuronxla.neuron_xla_compile(code, flags, cache_key=key)
print(json.dumps({"made": hashlib.sha256(made).hexdigest(), "bytes": len(made)}))
"""
# torch_neuronx.trace. Words: the graph's path, a work directory, flags.
TRACE = """
import hashlib, json, sys
from torch_neuronx.xla_impl import trace
path, work, *flags = sys.argv[1:]
neff = trace.generate_neff(open(path, "rb").read(), {}, work, flags)
made = open(neff, "rb").read()
print(json.dumps({"made": hashlib.sha256(made).hexdigest(), "bytes": len(made)}))
"""
