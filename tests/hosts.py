"""One Neuron host as a test sees it: a shim first on PATH, a compiler behind it, a store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from servers.asking import PINS

BIN = Path(sys.executable).parent
REAL_COMPILER = BIN / "neuronx-cc"
GRAPHS = Path(__file__).parent / "data" / "hlo"
TRAIN = GRAPHS / "tx_mlp_train.hlo.pb"
FORWARD = GRAPHS / "tx_llama_fwd.hlo.pb"
CONV = GRAPHS / "tx_conv.hlo.pb"
_TIMEOUT = 100


@dataclass
class Host:
    """A host below `root`; `variables` are added to the environment of every call."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)
    real: Path = BIN

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.shims.mkdir(exist_ok=True)
        self.home.mkdir(exist_ok=True)
        install_shim(self.shims)

    @property
    def shims(self) -> Path:
        """The directory at the front of PATH."""
        return self.root / "shims"

    @property
    def home(self) -> Path:
        """The user's home, empty."""
        return self.root / "home"

    @property
    def store(self) -> Path:
        """The local store's directory."""
        return self.root / "cache" / f"store-{os.geteuid()}"

    @property
    def count_file(self) -> Path:
        """One line for each run of the real compiler."""
        return self.root / "compiles"

    @property
    def compiles(self) -> int:
        """How often the real compiler has been started to compile."""
        return len(self.count_file.read_text().splitlines()) if self.count_file.exists() else 0

    def environ(self, **variables: str) -> dict[str, str]:
        """A small, fixed environment: nothing of the machine's own leaks into a key."""
        made = {
            "PATH": f"{self.shims}:{self.real}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "NEFFCACHE_DIR": str(self.root / "cache"),
            "NEFFCACHE_STRICT": "1",
            "SDKSTANDIN_COUNT": str(self.count_file),
            **PINS,
        }
        made.update(self.variables)
        made.update(variables)
        return {name: value for name, value in made.items() if value != "\0unset"}

    def start(
        self, cwd: Path, *argv: str | bytes, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start `neuronx-cc` from PATH in a directory, its output captured."""
        cwd.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            [str(self.shims / "neuronx-cc"), *argv],
            cwd=cwd,
            env=self.environ(**(variables or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def cc(self, cwd: Path, *argv: str | bytes, variables: Mapping[str, str] | None = None) -> Done:
        """Run `neuronx-cc` to its end."""
        return finish(self.start(cwd, *argv, variables=variables))

    def compile(
        self,
        cwd: Path,
        graph: Path,
        *flags: str,
        output: str = "out.neff",
        variables: Mapping[str, str] | None = None,
    ) -> Done:
        """One ordinary compile of a graph in a directory."""
        argv = ["compile", "--framework=XLA", str(graph), "--output", output, "--target=trn1"]
        return self.cc(cwd, *argv, *flags, variables=variables)

    def neffcache(self, *argv: str, variables: Mapping[str, str] | None = None) -> Done:
        """Run the `neffcache` command in this host's environment."""
        return run_neffcache(argv, self.environ(**(variables or {})), self.root)

    def journal(self) -> list[dict[str, object]]:
        """Every record of the journal, oldest first."""
        path = self.store / "journal" / "journal.log"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def outcomes(self) -> list[str]:
        """The outcome of every call so far, oldest first; an uploader's line has none."""
        return [str(record["outcome"]) for record in self.journal() if record["outcome"]]

    def notes(self) -> list[str]:
        """The ids of all notes so far."""
        found: list[str] = []
        for record in self.journal():
            notes = record.get("notes", [])
            assert isinstance(notes, list)
            found += [str(note[0]) for note in notes]
        return found

    def entries(self) -> list[Path]:
        """The bundles in the store."""
        return sorted(self.store.glob("entries/*/*.tar"))


@dataclass(frozen=True)
class Done:
    """A finished process: its status (negative: signal) and what it wrote."""

    status: int
    out: str
    err: str


def finish(process: subprocess.Popen[bytes]) -> Done:
    """Wait for a started process; its output must be valid UTF-8, as callers decode it."""
    try:
        out, err = process.communicate(timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Done(process.returncode, out.decode(), err.decode())


def run_neffcache(argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> Done:
    """Run the installed `neffcache` to its end."""
    return finish(
        subprocess.Popen(
            [str(BIN / "neffcache"), *argv],
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    )


_template: list[bytes] = []


def install_shim(directory: Path) -> None:
    """`neffcache install`, run once a session; later directories get a copy of what it wrote."""
    shim = directory / "neuronx-cc"
    if not _template:
        done = run_neffcache(["install", str(directory)], dict(os.environ), directory)
        assert done.status == 0, done.err
        _template.append(shim.read_bytes())
    shim.write_bytes(_template[0])
    shim.chmod(0o755)


def neff_run(neff: Path, inputs: Path, out: Path) -> Done:
    """Execute a NEFF on the CPU; the outputs go to `out`."""
    return finish(
        subprocess.Popen(
            [str(BIN / "neff-run"), str(neff), str(inputs), "--out", str(out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    )


def neff_info(neff: Path) -> dict[str, object]:
    """The neff.json of a NEFF."""
    done = finish(
        subprocess.Popen(
            [str(BIN / "neff-run"), "--info", str(neff)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    )
    assert done.status == 0, done.err
    made = json.loads(done.out)
    assert isinstance(made, dict)
    return made
