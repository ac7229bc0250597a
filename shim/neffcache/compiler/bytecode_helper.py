"""World: the process that reads MLIR bytecode with jaxlib and takes its debug information out."""

import posix
import sys

from neffcache import files, processes
from neffcache.graph.mlir_bytecode import MOST
from neffcache.graph.mlir_calls import CALL, FAMILY

_CALLS = ("stablehlo.custom_call", "mhlo.custom_call")  # others are looked at as text
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
    processes.hush()
    try:
        lines = _answer(*arguments)
    except Exception as error:  # outermost: the caller is told, whatever it was
        text = " ".join(str(error).split())[:300]
        lines = [f"failed {text or type(error).__name__}"]
    processes.say("".join(line + "\n" for line in lines).encode("utf-8", "replace"))
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
    calls = _take_calls(module) if CALL in data or FAMILY in data else []
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


def _take_calls(module: "Any") -> "list[tuple[bytes, bytes]]":
    """All custom calls; the configurations of those that name code become numbers in the module."""
    found = [one for one in _operations(module.operation) if CALL.decode() in one.name]
    names_code = [one for one in found if one.name in _CALLS and FAMILY in _target(one)]
    calls = [_call(one) for one in names_code]
    for number, operation in enumerate(names_code):
        text = _part("ir").StringAttr.get(f"neffcache {number}", module.context)
        operation.attributes["backend_config"] = text
    if str(module).encode("utf-8", "replace").count(FAMILY) != len(calls):
        raise _Failed("a name that stands in another place than a call's target")
    others = {str(one.attributes[name]) for one in found for name in _names(one)}
    return calls + [(CALL, text.encode("utf-8", "replace")) for text in sorted(others)]


def _target(operation: "Any") -> bytes:
    return _bytes(operation.attributes["call_target_name"])


def _call(operation: "Any") -> "tuple[bytes, bytes]":
    if "backend_config" not in operation.attributes:
        raise _Failed("a custom call without backend_config")
    return _target(operation), _bytes(operation.attributes["backend_config"])


def _names(operation: "Any") -> "list[str]":
    """Of its attributes. Newer jaxlibs give names, older ones pairs."""
    return [one if isinstance(one, str) else one.name for one in operation.attributes]


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
