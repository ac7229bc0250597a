"""NKI kernel files: the paths that custom calls name, and what the files say."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from dataclasses import dataclass

from neuronxcc.errors import CompileError

TARGET = "AwsNeuronCustomNativeKernel"
# base64 of any text that starts with `{"`, as it stands in a graph's bytes
_ENCODED = re.compile(rb"eyJ[A-Za-z0-9+/]{12,}={0,2}")


@dataclass(frozen=True)
class Kernel:
    """One kernel file as it was read: y = x * scale + offset."""

    digest: str
    scale: float
    offset: float


def read(config: bytes) -> Kernel:
    """Read the kernel file that a custom call's backend_config names."""
    content = _open(kernel_path(config))
    digest = hashlib.sha256(content).digest()
    scale, offset = float(digest[0] + 2), float(int.from_bytes(digest[1:3], "little"))
    try:
        stated = json.loads(content)
        if isinstance(stated, dict) and {"scale", "offset"} & stated.keys():
            scale, offset = float(stated.get("scale", 1)), float(stated.get("offset", 0))
    except ValueError:
        pass  # any bytes are a kernel: the numbers then come from their digest
    return Kernel(digest.hex(), scale, offset)


def kernel_path(config: bytes) -> str:
    """The path in a base64 JSON backend_config, nested or under one dotted name."""
    try:
        stated = json.loads(base64.b64decode(config, validate=True))
        path = stated.get("klir_binary.binary") or stated["klir_binary"]["binary"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CompileError("NCC_EVRF058", f"{TARGET}: backend_config names no kernel") from None
    return str(path)


def _open(path: str) -> bytes:
    folder, name = os.path.split(path)
    for candidate in (path, os.path.join(os.getcwd(), os.path.basename(folder), name)):
        try:
            with open(candidate, "rb") as file:
                return file.read()
        except OSError:
            continue
    raise CompileError("NCC_EVRF059", f"kernel file {path} cannot be opened")


def find(graph: bytes) -> list[Kernel]:
    """The kernels a graph names, found without understanding it (when only pretending)."""
    if TARGET.encode() not in graph:
        return []
    kernels = []
    for config in _ENCODED.findall(graph):
        try:
            kernel_path(config)
        except CompileError:
            continue  # some other base64 text
        kernels.append(read(config))
    return kernels
