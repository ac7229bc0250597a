"""Demo: two graphs compiled once on host A, hit there, hit from afar on B, numbers checked."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from _graphs import Arrays, Program, programs

BIN = Path(sys.executable).parent
_HEAD = ("graph", "host A: compile", "host A: again", "host B: remote", "verdict")


@dataclass(frozen=True)
class Host:
    """One host: its own store, its own shim, the shared remote."""

    root: Path
    remote: Path
    compiler: Path

    def environ(self) -> dict[str, str]:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("NEFFCACHE_", "NEURON"))}
        path = f"{self.root / 'bin'}:{self.compiler.parent}:{kept.get('PATH', '/usr/bin:/bin')}"
        return {
            **kept,
            "PATH": path,
            "NEFFCACHE_DIR": str(self.root / "cache"),
            "NEFFCACHE_REMOTES": f"file://{self.remote}",
        }

    def neffcache(self, *arguments: str) -> str:
        """Run the `neffcache` command here; its output."""
        done = subprocess.run(
            [BIN / "neffcache", *arguments],
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"demo: neffcache {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def compile(self, graph: Path, name: str) -> tuple[Path, float, str]:
        """`neuronx-cc compile` as a framework calls it: (NEFF, seconds, the cache's answer)."""
        work = self.root / name
        work.mkdir(parents=True)
        output = work / "model.neff"
        command = ["neuronx-cc", "compile", "--framework=XLA", str(graph), "--output", str(output)]
        began = time.monotonic()
        done = subprocess.run(
            [*command, "--target=trn1", "--auto-cast=none"],
            cwd=work,
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        if done.returncode:
            raise SystemExit(f"demo: the compile failed: {done.stderr.strip()}")
        answer = json.loads(self.neffcache("explain", "--json"))
        return output, seconds, _outcome(answer)


def _outcome(answer: object) -> str:
    """The outcome id in what `explain --json` prints for one call."""
    calls = answer["calls"] if isinstance(answer, dict) else answer
    assert isinstance(calls, list)
    return str(calls[-1]["outcome"])


def main() -> int:
    """Play it through and print the table; 0 when every number and every answer was right."""
    real = _real_compiler()
    compiler = real or BIN / "neuronx-cc"
    print(f"demo: the compiler is {compiler if real else 'the stand-in SDK (XLA on the CPU)'}")
    with tempfile.TemporaryDirectory(prefix="neffcache-demo-") as folder:
        top = Path(folder)
        (top / "shared").mkdir()
        a, b = (Host(top / name, top / "shared" / "remote", compiler) for name in "AB")
        for host in (a, b):
            host.neffcache("install", str(host.root / "bin"))
        rows = [_play(program, a, b, bool(real)) for program in programs()]
    _print_table(rows)
    good = all(row[-1].startswith("right") for row in rows)
    print("demo: all answers right" if good else "demo: something is WRONG, see the table")
    return 0 if good else 1


def _real_compiler() -> Path | None:
    """A real neuronx-cc on the caller's PATH: neither ours nor the stand-in."""
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("neuronx-cc", path=directory or ".")
        if not found or Path(found).parent.resolve() == BIN.resolve():
            continue
        if b"# neffcache-shim" not in Path(found).read_bytes()[:256]:
            return Path(found).absolute()
    return None


def _play(program: Program, a: Host, b: Host, real: bool) -> list[str]:
    name = program.name.replace(" ", "-")
    graph = a.root / f"{name}.hlo.pb"
    graph.write_bytes(program.graph)
    first = a.compile(graph, f"{name}-1")
    again = a.compile(graph, f"{name}-2")
    a.neffcache("flush", "--timeout", "60")
    far = b.compile(graph, f"{name}-1")
    answers = [answer for _neff, _seconds, answer in (first, again, far)]
    neffs = [neff for neff, _seconds, _answer in (first, again, far)]
    return [
        program.name,
        *(f"{seconds:.2f} s {answer}" for _neff, seconds, answer in (first, again, far)),
        _verdict(program, answers, neffs, real),
    ]


def _verdict(program: Program, answers: list[str], neffs: list[Path], real: bool) -> str:
    if answers != ["compiled", "hit_local", "hit_remote"]:
        return "WRONG: not the answers expected"
    if len({neff.read_bytes() for neff in neffs}) != 1:
        return "WRONG: not the same NEFF"
    if real:
        return "right: same bytes (not run: no stand-in)"
    worst = max(_difference(program, neff) for neff in neffs)
    return f"right: JAX's numbers to {worst:.0e}" if worst < 1e-4 else "WRONG numbers"


def _difference(program: Program, neff: Path) -> float:
    """The largest difference between a NEFF's outputs and JAX's own; infinite for a NaN."""
    inputs, outputs = neff.with_suffix(".in.npz"), neff.with_suffix(".out.npz")
    named: dict[str, Any] = {f"{at:04}": array for at, array in enumerate(program.inputs)}
    np.savez(inputs, **named)
    command = [str(word) for word in (BIN / "neff-run", neff, inputs, "--out", outputs)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with np.load(outputs) as found:
        got: Arrays = [found[str(at)] for at in range(len(found.files))]
    if [x.shape for x in got] != [x.shape for x in program.outputs]:
        return float("inf")
    gaps = [float(np.max(np.abs(x - y))) for x, y in zip(got, program.outputs, strict=True)]
    return max(float("inf") if math.isnan(gap) else gap for gap in gaps)


def _print_table(rows: list[list[str]]) -> None:
    table = [list(_HEAD), *rows]
    widths = [max(len(row[at]) for row in table) for at in range(len(_HEAD))]
    for row in table:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


if __name__ == "__main__":
    sys.exit(main())
