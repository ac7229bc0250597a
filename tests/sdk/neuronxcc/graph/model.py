"""The layout of a `model/` directory, as torch_neuronx.trace writes it."""

from __future__ import annotations

import json
import os

from neuronxcc.errors import CompileError


def describe(folder: str) -> tuple[str, dict[str, str]]:
    """The graph file of a model directory, and its weight files by weight name."""
    path = os.path.join(folder, "metadata.json")
    if not os.path.exists(path):
        return os.path.join(folder, "graph.hlo"), {}
    try:
        with open(path, encoding="utf-8") as file:
            stated = json.load(file)
        weights = {
            str(name): os.path.join(folder, str(relative))
            for name, relative in stated.get("weights", {}).items()
        }
        return os.path.join(folder, str(stated["model_files"])), weights
    except (ValueError, KeyError, AttributeError) as broken:
        raise CompileError("NCC_IGRA002", f"metadata.json is not understood: {broken}") from None
