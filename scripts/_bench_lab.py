"""Bench: where it happens: a shim, a store, compilers that cost nothing, started programs."""

from __future__ import annotations

import io
import os
import random
import shutil
import struct
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neffcache import files
from neffcache.cli import head

BIN = Path(sys.executable).parent
FLOOR = Path(__file__).with_name("_bench_floor.py")
OUTPUT = "out.neff"
MB = 1 << 20
# Writes the NEFF that NEFF names as fast as sh can, and counts itself.
_QUICK = """\
#!/bin/sh
echo x >>"$BENCH_COUNT"
while [ $# -gt 0 ]; do
    case $1 in --output) output=$2 ;; esac
    shift
done
[ -z "$BENCH_SLEEP" ] || sleep "$BENCH_SLEEP"
exec cp --sparse=always "$BENCH_NEFF" "$output"
"""
# The same in the form of an installed package, so that its identity has to be found.
_PACKAGED = """\
import os, shutil, sys
def main():
    shutil.copyfile(os.environ["BENCH_NEFF"], sys.argv[sys.argv.index("--output") + 1])
"""
_DIST = "neuronx_cc-2.21.33363.0+82129205.dist-info"


class LabError(Exception):
    """One line: what could not be measured, and why."""


@dataclass
class Lab:
    """A directory with everything in it; `variables` are the environment of every program.

    Attributes:
        hushed: whether what programs say is of no interest: lines about what was arranged.
    """

    root: Path
    python: str = ""
    hushed: bool = False
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.root / "home").mkdir()
        self.work("work")
        shims = self.root / "shims"
        command = [str(BIN / "neffcache"), "install", str(shims)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"neffcache install failed: {done.stderr.strip()}")
        self.shim = shims / "neuronx-cc"
        self.python = head.recorded(self.shim.read_text())[0]
        self.quick = _make_program(self.root / "quick" / "neuronx-cc", _QUICK)
        packaged = _make_package(self.root / "sdk", self.python)
        self.variables = {
            "PATH": f"{shims}:{packaged.parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.root / "home"),
            "LANG": "C.UTF-8",
            "NEFFCACHE_DIR": str(self.root / "cache"),
            "NEFFCACHE_MAX_SIZE": "20G",
            "BENCH_COUNT": str(self.root / "compiles"),
            "BENCH_SLEEP": "",
        }

    @property
    def named(self) -> dict[str, str]:
        """What makes the quick compiler the one behind the shim."""
        return {"NEFFCACHE_COMPILER": str(self.quick), "NEFFCACHE_COMPILER_ID": "bench"}

    def work(self, name: str) -> Path:
        """A working directory."""
        path = self.root / name
        path.mkdir(exist_ok=True)
        return path

    def graph(self, name: str, size: int = 100_000) -> Path:
        """A new graph of random bytes."""
        path = self.root / f"{name}.hlo_module.pb"
        path.write_bytes(random.randbytes(size))
        return path

    def neff(self, name: str, size: int) -> Path:
        """A whole NEFF of about so many bytes, compressed, of which nothing can be squeezed."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
            for member, data in (("neff.json", b"{}"), ("sg00/program", random.randbytes(size))):
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        path = self.root / f"{name}.neff"
        path.write_bytes(_header(len(packed.getbuffer())) + packed.getbuffer())
        return path

    def holed_neff(self, name: str, size: int) -> Path:
        """A whole NEFF of so many bytes, uncompressed and nearly all a hole."""
        path = self.root / f"{name}.neff"
        info = tarfile.TarInfo("neff.json")
        info.size = -(-size // 512) * 512
        with path.open("wb") as file:
            file.write(_header(512 + info.size + 1024) + info.tobuf())
            file.truncate(1024 + 512 + info.size + 1024)
        return path

    def floor(self, graph: Path, neff: Path) -> list[str]:
        """The floor program for a graph and a NEFF."""
        small = "_sha2" if self._has_sha2() else "_sha256"
        words: list[str] = [self.python, "-I", "-S", str(FLOOR)]
        for path in (graph, neff):
            words += [small if path.stat().st_size < files.SMALL else "_hashlib", str(path)]
        return [*words, OUTPUT]

    def bare(self) -> list[str]:
        """The bare interpreter."""
        return [self.python, "-I", "-S", "-c", "pass"]

    def compile(self, graph: Path, program: Path | None = None) -> list[str]:
        """A compile as frameworks call it, by the shim or by another program."""
        start = [str(program or self.shim), "compile", "--framework=XLA", str(graph)]
        options = ["--model-type=transformer", "--auto-cast=none", "-O1", "--verbose=35"]
        return [*start, "--output", OUTPUT, "--target=trn1", *options]

    def fill(self, graph: Path, neff: Path, **variables: str) -> None:
        """Have a graph's entry stored, and see that it is served."""
        given = {"BENCH_NEFF": str(neff), **variables}
        work = self.work("work")
        self.run(self.compile(graph), work, given)
        self.run(self.compile(graph), work, {"NEFFCACHE_REQUIRE_HIT": "1", **variables})

    def run(self, argv: Sequence[str], work: Path, given: Mapping[str, str] | None = None) -> float:
        """Seconds that a program took, from its start to its end, in a tidy directory."""
        clean(work)
        began = time.perf_counter()
        finish(self.start(argv, work, given), argv)
        return time.perf_counter() - began

    def run_all(
        self,
        argvs: Sequence[Sequence[str]],
        works: Sequence[Path],
        given: Mapping[str, str] | None = None,
    ) -> float:
        """Seconds that several programs took that were started at once."""
        for work in works:
            clean(work)
        began = time.perf_counter()
        started = [self.start(argv, work, given) for argv, work in zip(argvs, works, strict=True)]
        for pid, argv in zip(started, argvs, strict=True):
            finish(pid, argv)
        return time.perf_counter() - began

    def start(self, argv: Sequence[str], work: Path, given: Mapping[str, str] | None = None) -> int:
        """Start a program and return its pid; its standard output goes nowhere."""
        os.chdir(work)
        to_null = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        ]
        if self.hushed:
            to_null.append((os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))
        environ = {**self.variables, **(given or {})}
        return os.posix_spawn(argv[0], list(argv), environ, file_actions=to_null)

    def compiles(self) -> int:
        """How often the quick compiler ran since the last time."""
        path = self.root / "compiles"
        done = len(path.read_text().splitlines()) if path.exists() else 0
        path.write_text("")
        return done

    def _has_sha2(self) -> bool:
        command = [self.python, "-I", "-S", "-c", "import _sha2"]
        return not subprocess.run(command, capture_output=True, check=False).returncode


def finish(pid: int, argv: Sequence[str]) -> None:
    """Wait for a program, which must end well."""
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise LabError(f"{' '.join(argv)} ended with status {status}")


def clean(work: Path) -> None:
    """Remove what the last call left in a directory, as its caller would."""
    for name in os.listdir(work):
        os.unlink(work / name)


def need_space(root: Path, wanted: int) -> None:
    """Refuse to start what would fill the disk."""
    free = shutil.disk_usage(root).free
    if free < wanted:
        raise LabError(f"needs {wanted // MB} MB below {root.parent}, {free // MB} MB are free")


def _header(size: int) -> bytes:
    return struct.pack("<QQQ", 1, 1024, size).ljust(1024, b"\0")


def _make_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def _make_package(prefix: Path, python: str) -> Path:
    """A compiler as pip installs one into a virtual environment; its script."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    package = prefix / "lib" / version / "site-packages"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(python)
    (package / _DIST).mkdir(parents=True)
    (package / "neuronxcc").mkdir()
    (prefix / "pyvenv.cfg").write_text(f"home = {Path(python).parent}\nversion = {version[6:]}\n")
    (package / "neuronxcc" / "__init__.py").write_text("")
    (package / "neuronxcc" / "main.py").write_text(_PACKAGED)
    (package / _DIST / "METADATA").write_text("Metadata-Version: 2.1\nName: neuronx-cc\n")
    (package / _DIST / "RECORD").write_text("neuronxcc/__init__.py,,\nneuronxcc/main.py,,\n")
    start = f"#!{prefix / 'bin' / 'python'}\nimport sys\nfrom neuronxcc.main import main\n"
    script = f"{start}if __name__ == '__main__':\n    sys.exit(main())\n"
    return _make_program(prefix / "bin" / "neuronx-cc", script)
