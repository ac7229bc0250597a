"""NEURON_CC_FLAGS: what ends in this library, and what the compiler is given."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

# Flags that end here: the compiler never sees them. With the number of words that follow.
_OURS = {
    "--cache_dir": 1,
    "--compile_workdir": 1,
    "--dump": 1,
    "--log_level": 1,
    "--no_cache": 0,
    "--retry_failed_compilation": 0,
}


def split(flags: str | Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The flags for the compiler, and those for this library with their values."""
    words = shlex.split(flags) if isinstance(flags, str) else [os.fspath(flag) for flag in flags]
    kept: list[str] = []
    ours: dict[str, str] = {}
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name not in _OURS:
            kept.append(word)
        elif not equals and _OURS[name] and words:
            ours[name] = words.pop(0)
        else:
            ours[name] = value
    return kept, ours


def of_environment() -> tuple[list[str], dict[str, str]]:
    """The same of NEURON_CC_FLAGS."""
    return split(os.environ.get("NEURON_CC_FLAGS", ""))


def only_extract() -> bool:
    """Whether graphs are written down for neuron_parallel_compile and nothing is compiled."""
    return os.environ.get("NEURON_EXTRACT_GRAPHS_ONLY", "") not in ("", "0")
