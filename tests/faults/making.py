"""What the fault tests are made of: graphs, compilers that misbehave, another user, small disks."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hosts import BIN, REAL_COMPILER, Host
from neuronxcc import neff

NOBODY = 65534
_POWERS = ("chown", "dac_override", "dac_read_search", "fowner")
WRAPPER = "--enable-internal-neff-wrapper"


def write_graph(path: Path, name: str, size: int = 0) -> Path:
    """A graph that pretended compiles take (StableHLO by its first word), of at least `size`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"module @{name} {{}}\n".ljust(size))
    return path


def comes_from(output: Path, graph: Path) -> bool:
    """Whether a whole NEFF was made from this very graph: the compiler wrote its digest into it."""
    stated = neff.info(str(output))["graph_sha256"]
    return bool(stated == hashlib.sha256(graph.read_bytes()).hexdigest())


def command(graph: Path | str, output: Path | str, *more: str) -> list[str]:
    """The arguments of an ordinary compile."""
    return ["compile", "--framework=XLA", str(graph), f"--output={output}", "--target=trn1", *more]


def double(host: Host, body: str) -> dict[str, str]:
    """Variables that put an sh script in the compiler's place; in it $REAL is the true one.

    All doubles count as one compiler, so what one made is a hit with another.
    """
    path = host.root / f"double-{hashlib.sha256(body.encode()).hexdigest()[:12]}"
    path.write_text(f"#!/bin/sh\nREAL='{REAL_COMPILER}'\n{body}\n")
    path.chmod(0o755)
    return {"NEFFCACHE_COMPILER": str(path), "NEFFCACHE_COMPILER_ID": "double"}


def real_compile(host: Host, cwd: Path, argv: list[str]) -> int:
    """The status of the real compiler, started without the shim."""
    cwd.mkdir(parents=True, exist_ok=True)
    environ = host.environ(PATH=f"{BIN}:/usr/bin:/bin")
    done = subprocess.run(
        [str(REAL_COMPILER), *argv],
        cwd=cwd, env=environ, check=False, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode


@dataclass
class PlainUser(Host):
    """A host whose caller is root without root's powers: modes and owners mean something to him.

    Not another user: the interpreter may lie where only root looks.
    """

    umask: str = "022"
    groups: str = "0"

    def start(
        self, cwd: Path, *argv: str | bytes, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start `neuronx-cc` like that."""
        cwd.mkdir(parents=True, exist_ok=True)
        powers = ",".join(f"-{power}" for power in _POWERS)
        return subprocess.Popen(
            [
                *("setpriv", f"--bounding-set={powers}", f"--groups={self.groups}"),
                *("sh", "-c", f'umask {self.umask}; exec "$0" "$@"'),
                *(str(self.shims / "neuronx-cc"), *argv),
            ],
            cwd=cwd,
            env=self.environ(**(variables or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@contextmanager
def mounted(where: Path, options: str) -> Iterator[Path]:
    """A small disk in memory at a directory."""
    where.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(where)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip(reason="nothing can be mounted here")
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def remount(where: Path, options: str) -> None:
    """Change a mounted disk's options, such as `ro`."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(where)], check=True)
