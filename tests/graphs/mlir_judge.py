"""A judge that is not ours: what MLIR's own parser makes of a text, without debug information."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any


@cache
def _tools() -> tuple[Any, Any, Any]:
    """Context, module class and pass manager; operations nobody knows are accepted, too."""
    ir = importlib.import_module("jaxlib.mlir.ir")
    context, registry = ir.Context(), ir.DialectRegistry()
    for name in ("_jax_mlir_ext", "register_jax_dialects"):  # the newer and the older place
        try:
            importlib.import_module(f"jaxlib.mlir._mlir_libs.{name}").register_dialects(registry)
            break
        except ImportError:
            continue
    context.append_dialect_registry(registry)
    context.load_all_available_dialects()
    for name in ("stablehlo", "chlo", "sdy"):
        importlib.import_module(f"jaxlib.mlir.dialects.{name}").register_dialect(context)
    context.allow_unregistered_dialects = True
    with context:
        manager = importlib.import_module("jaxlib.mlir.passmanager").PassManager.parse(
            "builtin.module(strip-debuginfo)"
        )
    return context, ir.Module, manager


def meaning(text: bytes) -> bytes | None:
    """The module's canonical text, without any location; None when it does not parse."""
    context, module, manager = _tools()
    try:
        parsed = module.parse(text, context)
    except Exception:  # MLIRError is made anew in every jaxlib
        return None
    with context:
        manager.run(parsed.operation)
    return bytes(parsed.operation.get_asm(binary=True, enable_debug_info=False))
