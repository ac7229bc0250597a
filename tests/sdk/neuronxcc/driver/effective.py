"""What decides a result besides the graph: flags as they take effect, and the environment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from neuronxcc.driver.arguments import Request, Value
from neuronxcc.driver.options import DEFAULTS, OPTIONS

_FAMILIES = ("NEURON_", "NKI_")
_NAMES = {"XLA_IR_DEBUG", "XLA_HLO_DEBUG"}
# Runtime, caches, ranks and dumps: they never reach the compiler's result.
_NEUTRAL = (
    "NEURON_RT_",
    "NEURON_CC_FLAGS",
    "NEURON_COMPILE_CACHE_URL",
    "NEURON_PARALLEL_COMPILE_",
    "NEURON_LIBRARY_PATH",
    "NEURON_LIBTORCH_",
    "NEURON_PJRT_",
    "NEURON_DUMP_PATH",
    "NEURON_EXTRACT_GRAPHS_ONLY",
    "NEURON_DUMP_HLO_SNAPSHOT",
)
_NEUTRAL_XLA = ("--xla_dump_", "--xla_force_host_platform_device_count")


def flags(request: Request, environ: Mapping[str, str]) -> dict[str, object]:
    """Every flag that changes the result, with its default where it is not given."""
    found: dict[str, object] = dict(DEFAULTS)
    found["target"] = "trn1"  # the real compiler may ask the host
    if environ.get("NEURON_LOGICAL_NC_CONFIG"):
        found["logical-nc-config"] = environ["NEURON_LOGICAL_NC_CONFIG"]
    for name, value in request.options.items():
        if name not in OPTIONS or OPTIONS[name].result:
            found[name] = _with_files(name, value)
    if environ.get("NEURON_PLATFORM_TARGET_OVERRIDE"):
        found["target"] = environ["NEURON_PLATFORM_TARGET_OVERRIDE"]
    return found


def _with_files(name: str, value: Value) -> object:
    """A value that names a file counts by the file's content."""
    if not isinstance(value, str) or not os.path.isfile(value):
        return value
    with open(value, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if name in OPTIONS and OPTIONS[name].names_file:
        return {"sha256": digest}
    return {"text": value, "sha256": digest}


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that may change the result."""
    found = {
        name: value
        for name, value in sorted(environ.items())
        if name in _NAMES or (name.startswith(_FAMILIES) and not name.startswith(_NEUTRAL))
    }
    xla = [word for word in environ.get("XLA_FLAGS", "").split() if not _neutral(word)]
    return {**found, "XLA_FLAGS": " ".join(xla)} if xla else found


def _neutral(word: str) -> bool:
    return word.startswith(_NEUTRAL_XLA)
