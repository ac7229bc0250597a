"""`neff-run`: execute a NEFF on the CPU, as the Neuron runtime would on its device.

Usage: neff-run FILE.neff [inputs.npz] [--out outputs.npz]
       neff-run --info FILE.neff

Inputs are taken in the order of the npz file's keys; outputs are saved as 0, 1, ... npz knows no
bfloat16: such arrays are stored as |V2 (their bits survive), and |V2 is accepted for them.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from neuronxcc import neff

Arrays = list[np.ndarray[Any, Any]]


def execute(path: str, arrays: Arrays) -> Arrays:
    """Run the NEFF once and return its outputs, bfloat16 as ml_dtypes' type."""
    from neuronxcc import xla

    stated, executable = neff.read(path, "neff.json", neff.EXECUTABLE)
    info: dict[str, Any] = json.loads(stated)
    if info["fake"]:
        raise neff.NeffError(f"{path}: made with SDKSTANDIN_FAKE, holds no program to run")
    return xla.execute(executable, _checked(arrays, info["inputs"]))


def _checked(arrays: Arrays, expected: list[dict[str, Any]]) -> Arrays:
    from neuronxcc.graph.hlo import DTYPES
    from neuronxcc.graph.literals import retype

    if len(arrays) != len(expected):
        raise neff.NeffError(f"{len(expected)} inputs are needed, {len(arrays)} were given")
    kinds = {name: kind for kind, name in DTYPES.items()}
    checked = []
    for at, (array, wanted) in enumerate(zip(arrays, expected, strict=True)):
        array = retype(array, kinds[wanted["dtype"]])
        if [array.dtype.name, list(array.shape)] != [wanted["dtype"], wanted["shape"]]:
            raise neff.NeffError(
                f"input {at} must be {wanted['dtype']}{wanted['shape']},"
                f" not {array.dtype.name}{list(array.shape)}"
            )
        checked.append(array)
    return checked


def save(path: str, arrays: Arrays) -> None:
    """Save arrays as 0, 1, ... in an npz file of exactly that name."""
    with open(path, "wb") as file:
        named: dict[str, Any] = {str(at): array for at, array in enumerate(arrays)}
        np.savez(file, **named)


def load(path: str) -> Arrays:
    """The arrays of an npz file in the order of its keys."""
    with np.load(path, allow_pickle=False) as stored:
        return [stored[name] for name in stored.files]


def _run(arguments: list[str]) -> None:
    out = "outputs.npz"
    if "--out" in arguments:
        at = arguments.index("--out")
        out = arguments[at + 1]
        del arguments[at : at + 2]
    if len(arguments) not in (1, 2):
        raise IndexError
    save(out, execute(arguments[0], load(arguments[1]) if arguments[1:] else []))


def main() -> int:
    arguments = sys.argv[1:]
    only_info = "--info" in arguments
    if only_info:
        arguments.remove("--info")
    try:
        stated = json.dumps(neff.info(arguments[0]), indent=1, sort_keys=True)
        if not only_info:
            _run(arguments)
    except IndexError:
        print(__doc__, file=sys.stderr)
        return 2
    except (OSError, ValueError, RuntimeError) as broken:
        print(f"neff-run: {broken}", file=sys.stderr)
        return 1
    print(stated)
    return 0
