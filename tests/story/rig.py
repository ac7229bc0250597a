"""One command line in equal directories: without the shim, as a miss, as a hit."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hosts import CONV, TRAIN, Host
from story import seen, tree
from story.caller import Caller, Streams

STABLEHLO = "module @add {\n  func.func public @main() { return }\n}\n"
COMPILE = "compile --framework=XLA {d}/in.hlo.pb --output out.neff --target=trn1"
_GRAPHS = (
    *("in.hlo.pb", "in.hlo_module.pb", "hlo_module.pb", "module.hlo.pb", "file.code", "graph.hlo"),
    "\udcff .pb",  # a byte that is no UTF-8
)
_TIMEOUT = 60


@dataclass(frozen=True)
class Line:
    """A command line; {d} is the directory with the graphs, `other` a directory beside it."""

    words: str
    cwd: str = "work"
    log: str = "work/log-neuron-cc.txt"
    silent: bool = False  # stdout goes to /dev/null
    variables: Mapping[str, str] = field(default_factory=dict)
    status: int = 0


@dataclass(frozen=True)
class Result:
    """How a run ended, what it said, what it left, and what the compiler saw."""

    status: int
    out: str
    err: str
    left: dict[str, tree.Node]
    facts: seen.Facts


class Rig:
    """A host whose compiler notes what it sees, and the place that each run finds anew."""

    def __init__(self, root: Path, real: Path, settings: str = "") -> None:
        self.host = Host(root / "host", {"SDKSTANDIN_FAKE": "1"}, real.parent)
        self.place = root / "place"
        self.work = self.place / "work"
        self.real = real
        self.shim = self.host.shims / "neuronx-cc"
        self.settings = root / "settings"
        self.settings.write_text(settings)
        self._dump = root / "dump"
        self._dump_variables = {
            "NEFFCACHE_CONFIG": str(self.settings),
            "SDKSTANDIN_DUMP": str(self._dump),
        }

    def run(self, program: Path | str, line: Line, caller: Caller | None = None) -> Result:
        """Run a line in a fresh place; output must be valid UTF-8, as callers decode it."""
        self.renew()
        words = [self.spelled(word) for word in line.words.split(" ") if word]
        variables = {**self._dump_variables, **line.variables}
        process = (caller or Caller()).start(
            [
                str(program),
                *(word.replace("{empty}", "").replace("{blank}", " ") for word in words),
            ],
            self.host.environ(**variables),
            self.place / line.cwd,
            Streams(stdout=subprocess.DEVNULL) if line.silent else None,
        )
        out, err = process.communicate(timeout=_TIMEOUT)
        return Result(
            process.returncode,
            (out or b"").decode(),
            err.decode(),
            tree.snapshot(self.place),
            seen.read(self._dump),
        )

    def spelled(self, word: str) -> str:
        """A word of a line as it is handed over."""
        word = word.replace("{d}", str(self.work))
        return word.replace("{empty}", "").replace("{blank}", " ")

    def renew(self) -> None:
        """The same directories with the same files as every run before found them."""
        shutil.rmtree(self.place, ignore_errors=True)
        (self.work / "model" / "weights").mkdir(parents=True)
        (self.place / "other").mkdir()
        for name in _GRAPHS:
            shutil.copyfile(TRAIN, self.work / name)
        shutil.copyfile(CONV, self.work / "model" / "graph.hlo")
        (self.work / "module.mlir").write_text(STABLEHLO)
        (self.work / "model" / "weights" / "w.npy").write_bytes(b"any bytes")
        stated = {"model_files": "graph.hlo", "version": "1.0", "weights": {"w": "weights/w.npy"}}
        (self.work / "model" / "metadata.json").write_text(json.dumps(stated))

    def outcomes(self) -> list[str]:
        """The outcome of every call so far."""
        return self.host.outcomes()
