"""Which release of the library this is: what differs between them, chosen by one variable."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

VARIABLE = "SDKSTANDIN_LIBNEURONXLA"


@dataclass(frozen=True)
class Generation:
    """One release's shape.

    Attributes:
        hlo: name of an entry's graph.
        flags: name of the file with an entry's flags.
        marked: whether a compile that succeeded leaves `model.done`.
        asked: whether an entry's `exists` is a method, not a property.
        moved: whether the cache lies in `compile_cache`, and `lookup` has other parameters.
        alien: whether the cache is another one under the same names.
        text: flags, the target first, as the text that the directory's name is made from.
        line: target, graph, NEFF and flags as the arguments of neuronx-cc.
    """

    text: Callable[[Sequence[str]], str]
    line: Callable[[str, str, str, Sequence[str]], list[str]]
    hlo: str = "model.hlo_module.pb"
    flags: str = "compile_flags.json"
    marked: bool = True
    asked: bool = False
    moved: bool = False
    alien: bool = False


def _plain(flags: Sequence[str]) -> list[str]:
    return [flag for flag in flags if not flag.startswith("--target=")]


def _joined(flags: Sequence[str]) -> str:
    return " ".join(_plain(flags))


def _listed(flags: Sequence[str]) -> str:
    return json.dumps(_plain(flags))


def _with_target(flags: Sequence[str]) -> str:
    return json.dumps(list(flags))


def _line_of_2022(target: str, hlo: str, neff: str, flags: Sequence[str]) -> list[str]:
    start = [f"--target={target}", "compile", "--framework", "XLA", hlo, "--output", neff]
    return [*start, *flags, "--verbose=35"]


def _line_of_2024(target: str, hlo: str, neff: str, flags: Sequence[str]) -> list[str]:
    start = ["compile", f"--target={target}", "--framework=XLA", hlo, "--output", neff]
    return [*start, *flags, "--verbose=35"]


def _line_of_2025(target: str, hlo: str, neff: str, flags: Sequence[str]) -> list[str]:
    start = ["compile", "--framework=XLA", hlo, "--output", neff, f"--target={target}"]
    return [*start, *flags, "--verbose=35"]


GENERATIONS = {
    "2.0": Generation(
        _joined,
        _line_of_2022,
        hlo="model.hlo.pb",
        flags="compile_flags.txt",
        marked=False,
        asked=True,
    ),
    "2.1": Generation(_listed, _line_of_2024),
    "2.2": Generation(_with_target, _line_of_2025),
    "next": Generation(_with_target, _line_of_2025, moved=True),
    "alien": Generation(_with_target, _line_of_2025, alien=True),
}
NAME = os.environ.get(VARIABLE) or "2.2"
CURRENT = GENERATIONS[NAME]
