"""A judge that is not ours: what MLIR's own parser makes of a text, without debug information."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any


@cache
def context() -> Any:
    """A context with JAX's dialects; operations nobody knows are accepted, too."""
    ir = importlib.import_module("jaxlib.mlir.ir")
    made, registry = ir.Context(), ir.DialectRegistry()
    for name in ("_jax_mlir_ext", "register_jax_dialects"):  # the newer and the older place
        try:
            importlib.import_module(f"jaxlib.mlir._mlir_libs.{name}").register_dialects(registry)
            break
        except ImportError:
            continue
    made.append_dialect_registry(registry)
    made.load_all_available_dialects()
    for name in ("stablehlo", "chlo", "sdy"):
        importlib.import_module(f"jaxlib.mlir.dialects.{name}").register_dialect(made)
    made.allow_unregistered_dialects = True
    return made


@cache
def _stripper() -> Any:
    with context():
        return importlib.import_module("jaxlib.mlir.passmanager").PassManager.parse(
            "builtin.module(strip-debuginfo)"
        )


def parse(text: bytes) -> Any:
    """The module that a text stands for; raises what this jaxlib raises when it does not parse."""
    return importlib.import_module("jaxlib.mlir.ir").Module.parse(text, context())


def meaning(text: bytes) -> bytes | None:
    """The module's canonical text, without any location; None when it does not parse."""
    try:
        parsed = parse(text)
    except Exception:  # MLIRError is made anew in every jaxlib
        return None
    with context():
        _stripper().run(parsed.operation)
    return bytes(parsed.operation.get_asm(binary=True, enable_debug_info=False))
