"""XLA for the CPU through jaxlib alone (jax would double the start-up), over its private edges."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from neuronxcc.errors import CompileError
from neuronxcc.graph.wire import Message

# XLA aborts the process when this holds an option it does not know, such as Neuron's own.
_XLA_FLAGS = "XLA_FLAGS"
_STABLEHLO_PORTABLE = b"StableHLO_v"


@dataclass(frozen=True)
class Compiled:
    """What one compile gave: the executable, and the optimised program as canonical text."""

    executable: bytes
    text: str


def heavy() -> tuple[Any, Any]:
    """Import jaxlib, quietly; return xla_client and its native module."""
    os.environ.pop(_XLA_FLAGS, None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    client = importlib.import_module("jaxlib.xla_client")
    return client, client._xla


def hlo_module() -> Any:
    """Where HloPrintOptions and HloSharding live: a module of their own since 0.7."""
    try:
        return importlib.import_module("jaxlib._hlo")
    except ImportError:
        return heavy()[1]


def stablehlo_to_hlo(program: bytes) -> bytes:
    """StableHLO (text, bytecode or portable artifact) as a serialized HloModuleProto."""
    _, native = heavy()
    try:
        if program.startswith(b"ML\xefR") and _STABLEHLO_PORTABLE in program[:64]:
            program = _from_portable(native, program)
        computation = native.mlir.mlir_module_to_xla_computation(
            program, use_tuple_args=False, return_tuple=False
        )
        return bytes(computation.as_serialized_hlo_module_proto())
    except (RuntimeError, ValueError) as broken:
        raise CompileError("NCC_IGRA006", f"the StableHLO is broken: {_line(broken)}") from None


def _from_portable(native: Any, artifact: bytes) -> Any:
    """A portable artifact as text; newer jaxlib gives a module, which needs a context."""
    ir = importlib.import_module("jaxlib.mlir.ir")
    with ir.Context():
        return str(native.mlir.deserialize_portable_artifact(artifact))


def compile_hlo(hlo: bytes, backend_level: int) -> Compiled:
    """Compile for this host's CPU."""
    client, native = heavy()
    options = client.CompileOptions()
    debug = options.executable_build_options.debug_options
    debug.xla_backend_optimization_level = backend_level
    cpu = client.make_cpu_client()
    devices = native.DeviceList(tuple(cpu.local_devices()[:1]))
    try:
        program = native.mlir.hlo_to_stablehlo(hlo)
        loaded = cpu.compile_and_load(program, devices, options)
    except (RuntimeError, ValueError) as broken:
        raise CompileError("NCC_EXLA001", f"XLA refuses the graph: {_line(broken)}") from None
    return Compiled(_serialize(cpu, loaded), _text(loaded))


def _serialize(cpu: Any, loaded: Any) -> bytes:
    if hasattr(loaded, "serialize"):
        return bytes(loaded.serialize())
    return bytes(cpu.serialize_executable(loaded))


def _text(loaded: Any) -> str:
    """The optimised program without names, ids and metadata, but with every constant."""
    options = hlo_module().HloPrintOptions.fingerprint()
    parts: list[str] = []
    for module in loaded.hlo_modules():
        parts.append(module.to_string(options))
        # that text leaves out all but small constants, however it is asked
        parts += (value.hex() for value in _constants(module.as_serialized_hlo_module_proto()))
    return "\n".join(parts)


def _constants(hlo: bytes) -> Iterator[bytes]:
    for computation in Message(hlo).blobs(3):
        for instruction in Message(computation).blobs(2):
            if b"constant" in instruction:
                yield Message(instruction).blob(8)


def _line(broken: Exception) -> str:
    return " ".join(str(broken).split())[:500]


def execute(executable: bytes, arrays: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Load a serialized executable and run it once."""
    client, native = heavy()
    cpu = client.make_cpu_client()
    device = cpu.local_devices()[0]
    devices = native.DeviceList((device,))
    loaded = cpu.deserialize_executable(executable, devices, client.CompileOptions())
    put = _putter(native, device)
    results = loaded.execute_sharded([put(array) for array in arrays])
    columns = results.disassemble_into_single_device_arrays()
    return [np.array(_to_numpy(column[0])) for column in columns]


def _to_numpy(array: Any) -> Any:
    return array._single_device_array_to_np_array_did_copy()[0]


def _putter(native: Any, device: Any) -> Any:
    """A function that copies a numpy array to the device, as jax.device_put does below its API."""

    class Sharding(native.SingleDeviceSharding):  # type: ignore[misc]  # untyped base
        memory_kind = None

        def _to_xla_hlo_sharding(self, dimensions: int) -> Any:  # noqa: ARG002
            return hlo_module().HloSharding.replicate()

    sharding = Sharding(device)

    def put(array: np.ndarray[Any, Any]) -> Any:
        aval = SimpleNamespace(shape=array.shape, dtype=array.dtype, weak_type=False)
        with _WideTypes(native) as options:
            return native.batched_device_put(
                aval, sharding, [array], [device], True, True, **options
            )

    return put


class _WideTypes:
    """64-bit types switched on: an argument since 0.7, before that a state of the thread."""

    def __init__(self, native: Any) -> None:
        self._state: Any = None
        self._before: Any = None
        if hasattr(native.jax_jit, "thread_local_state"):
            if "jax" not in sys.modules:  # else jax did this, and better
                native.jax_jit.set_thread_local_state_initialization_callback(lambda: None)
                native.jax_jit.global_state().enable_x64 = False
            self._state = native.jax_jit.thread_local_state()

    def __enter__(self) -> dict[str, bool]:
        if self._state is None:
            return {"enable_x64": True}
        self._before, self._state.enable_x64 = self._state.enable_x64, True
        return {}

    def __exit__(self, *_: object) -> None:
        if self._state is not None:
            self._state.enable_x64 = self._before
