"""World: the process that reads MLIR bytecode with jaxlib and takes its debug information out."""

import posix
import sys

from neffcache import files, processes
from neffcache.graph.mlir_bytecode import MOST
from neffcache.graph.mlir_calls import FAMILY

_CALLS = ("stablehlo.custom_call", "mhlo.custom_call")
# Where jaxlib keeps the dialects of JAX, and those that register one by one.
_REGISTRIES = ("_jax_mlir_ext", "register_jax_dialects")
_DIALECTS = ("stablehlo", "chlo", "sdy", "mpmd", "mhlo")
_REGISTER = ("register_dialect", "register_mhlo_dialect")
_PASSES = "builtin.module(strip-debuginfo)"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Failed(Exception):
    """Why there is no answer, in words."""


def main(arguments: "list[str]") -> None:
    """Answer for `<path> <SHA-256 of its bytes>`; what it writes: see `bytecode.Asker`."""
    processes.become_helper("neffcache-mlir")
    try:
        lines = _answer(*arguments)
    except Exception as error:  # outermost: the caller is told, whatever it was
        text = " ".join(str(error).split())[:300]
        lines = [f"failed {text or type(error).__name__}"]
    files.write_all(1, "".join(line + "\n" for line in lines).encode("utf-8", "replace"))
    posix._exit(0)


def _answer(path: str, expected: str) -> "list[str]":
    try:
        version = __import__("jaxlib").__version__
    except ImportError:
        raise _Failed(f"no jaxlib for {sys.executable}") from None
    data = files.read(path, MOST)
    if files.digest(data) != expected:
        raise _Failed("the graph changed while it was read")
    module = _parse(data)
    calls = _take_calls(module, data.count(FAMILY))
    with module.context:
        _part("passmanager").PassManager.parse(_PASSES).run(module.operation)
    lines = [f"call {target.hex()} {config.hex()}" for target, config in calls]
    return [*lines, f"done {files.digest(_written(module))} jaxlib {version}"]


def _part(name: str) -> "Any":
    return __import__(f"jaxlib.mlir.{name}", fromlist=["*"])


def _parse(data: bytes) -> "Any":
    ir = _part("ir")
    context = ir.Context()
    registry = ir.DialectRegistry()
    for name in _REGISTRIES:
        try:
            _part(f"_mlir_libs.{name}").register_dialects(registry)
            break
        except ImportError:
            continue
    context.append_dialect_registry(registry)
    context.load_all_available_dialects()
    for name in _DIALECTS:
        _register(name, context)
    return ir.Module.parse(data, context)


def _register(name: str, context: "Any") -> None:
    try:
        dialect = _part(f"dialects.{name}")
    except ImportError:
        return  # this jaxlib has none: a graph that uses it does not parse
    for register in _REGISTER:
        if hasattr(dialect, register):
            getattr(dialect, register)(context)


def _take_calls(module: "Any", mentioned: int) -> "list[tuple[bytes, bytes]]":
    """The calls that may name other files; in the module their configurations become numbers."""
    calls: list[tuple[bytes, bytes]] = []
    if not mentioned:
        return calls
    attribute = _part("ir").StringAttr
    for operation in _operations(module.operation):
        if operation.name not in _CALLS:
            continue
        target = _bytes(operation.attributes["call_target_name"])
        if FAMILY in target:
            if "backend_config" not in operation.attributes:
                raise _Failed("a custom call without backend_config")
            calls.append((target, _bytes(operation.attributes["backend_config"])))
            number = attribute.get(f"neffcache {len(calls)}", module.context)
            operation.attributes["backend_config"] = number
    if str(module).encode("utf-8", "replace").count(FAMILY) != len(calls):
        raise _Failed("its name stands in another place than a call's target")
    return calls


def _operations(operation: "Any") -> "Any":
    waiting = [operation]
    while waiting:
        found = waiting.pop()
        yield found
        inner = [op.operation for region in found.regions for block in region for op in block]
        waiting += reversed(inner)


def _bytes(attribute: "Any") -> bytes:
    made = _part("ir").StringAttr(attribute)  # anything but a string raises
    return bytes(made.value_bytes) if hasattr(made, "value_bytes") else str(made.value).encode()


class _Buffer:
    """What write_bytecode wants: a place to write to."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: "bytes | memoryview") -> int:
        self.parts.append(bytes(data))
        return len(data)


def _written(module: "Any") -> bytes:
    buffer = _Buffer()
    module.operation.write_bytecode(buffer)
    return b"".join(buffer.parts)
