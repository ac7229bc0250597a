"""Graphs: real programs of JAX and torch_xla, and two of them as Neuron's libraries leave them."""

from __future__ import annotations

import base64
import functools
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from graphs import schema

_DATA = Path(__file__).parent.parent / "data" / "hlo"
TORCH: tuple[str, ...] = ("tx_conv", "tx_llama_fwd", "tx_llama_train", "tx_mlp_train")
JAX: tuple[str, ...] = (
    "mlp",
    "donated",
    "llama",
    "llama_step",
    "conv",
    "loops",
    "odds",
    "linear",
    "mixed",
)
JAX += ("embed", "collectives", "sharded")
NEURON = ("neuron_mlp", "neuron_torch")
NAMES = TORCH + JAX + NEURON
CONFIG = base64.b64encode(
    b'{"func_name": "k", "grid": [1, 2], "klir_binary": {"binary": "/k/1.klir"}}'
)


def graph(name: str) -> bytes:
    """One of NAMES."""
    if name in TORCH:
        return (_DATA / f"{name}.hlo.pb").read_bytes()
    return neuronised(name) if name in NEURON else _lowered()[name]


@functools.cache
def _lowered() -> dict[str, bytes]:
    environ = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
    }
    program = Path(__file__).parent / "_lower.py"
    packed = subprocess.run(
        [sys.executable, program], env=environ, stdout=subprocess.PIPE, check=True
    ).stdout
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@functools.cache
def neuronised(name: str) -> bytes:
    """A graph with a kernel, a marker, and the attributes that Neuron's libraries write."""
    base = graph("mlp" if name == "neuron_mlp" else "tx_mlp_train")
    module = schema.message("xla.HloModuleProto").FromString(base)
    entry = next(c for c in module.computations if c.id == module.entry_computation_id)
    other = next(c for c in module.computations if c.id != module.entry_computation_id)
    top = max(entry.instructions, key=lambda found: found.id)
    source = next(found for found in entry.instructions if found.opcode == "multiply")
    for at, (target, config) in enumerate(
        ((b"AwsNeuronCustomNativeKernel", CONFIG), (b"AwsNeuronModuleMarkerStart-Forward", b""))
    ):
        made = entry.instructions.add()
        made.CopyFrom(source)
        made.ClearField("frontend_attributes")
        made.name, made.id = f"custom-call.{900 + at}", top.id + 1 + at
        made.opcode, made.custom_call_target = "custom-call", target.decode()
        del made.operand_ids[:]
        made.operand_ids.append(source.id)
        made.backend_config = config
    attributes = module.frontend_attributes.map
    attributes["transposable_weight_idx"] = "0,2"
    attributes["require_transpose_custom_call"] = f"{other.name},x"
    source.frontend_attributes.map["neff_output_names"] = f"output0:{source.name}"
    source.frontend_attributes.map["has_collectives"] = "0"
    return bytes(module.SerializeToString(deterministic=True))
