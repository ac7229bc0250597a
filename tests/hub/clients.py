"""Hub: Pythons that have other clients of the Hub, made once below .clients by who asks first."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".clients"
SDK = ROOT / "tests" / "sdk"
_HOOKS = ROOT / "hooks" / "neffcache-hooks.pth"
_OLDEST, _STAMP = (3, 10), "made.json"


class ClientError(Exception):
    """One line: which client cannot be had here, and why."""


@dataclass(frozen=True)
class Client:
    """One virtual environment.

    Attributes:
        requires: what pip is asked for, with all that it needs.
        folders: projects of this checkout, installed as they are.
        beside: what pip is asked for, without what it needs, by directory: those see it who put
            that on their PYTHONPATH (accelerate takes any torch_xla for a device to run on).
        product: whether it has this checkout's product and hooks too, by their plain paths.
        below: the first version of Python that is too new for it.
    """

    requires: tuple[str, ...]
    folders: tuple[Path, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)
    below: tuple[int, int] = (4, 0)
    product: bool = False


# What the product needs besides a client of the Hub.
_OTHERS = ("filelock>=3.13", "psutil>=5.9", "watchdog>=4.0")
CLIENTS = {
    "hub-0.36": Client(("huggingface_hub==0.36.2", *_OTHERS), product=True),
    "hub-1.33": Client(("huggingface_hub==1.33.0", *_OTHERS), product=True),
    # An ordinary tool for what lies in a registry.
    "oras": Client(("oras==0.2.43",)),
    # What is proprietary of its imports are stand-ins of ours, the rest is the real thing. One for
    # optimum-neuron and for the frameworks below it: torch is the largest of all downloads.
    "optimum": Client(
        (
            "optimum-neuron==0.4.5",
            "torch==2.13.0",
            "safetensors",
            "jax>=0.6.2,<0.11",
            *_OTHERS,
        ),
        (SDK,),
        {"standins": str(SDK / "frameworks"), "trainer": "accelerate==1.15.0"},
        below=(3, 12),
        product=True,
    ),
}


def why_not() -> str:
    """Why the tests with these clients are left out here; empty where they run."""
    return "" if os.environ.get("CI") else "runs with CI=1 only: it installs packages of others"


def python_of(name: str) -> Path:
    """The interpreter of a client's environment, which is made where it is not there.

    Raises:
        ClientError: no interpreter that fits, or pip failed.
    """
    client, home = CLIENTS[name], HOME / name
    HOME.mkdir(exist_ok=True)
    with _locked(HOME / f"{name}.lock"):
        wanted = _stamp(client)
        if not _made(home, wanted):
            _make(client, home, wanted)
    return home / "bin" / "python"


def beside(name: str, directory: str) -> str:
    """A directory that a client's environment has beside it, for a PYTHONPATH."""
    return str(HOME / name / directory)


def _made(home: Path, wanted: dict[str, str]) -> bool:
    try:
        return bool(json.loads((home / _STAMP).read_text()) == wanted)
    except (OSError, ValueError):
        return False


def _make(client: Client, home: Path, stamp: dict[str, str]) -> None:
    shutil.rmtree(home, ignore_errors=True)
    _run(home, [stamp["python"], "-I", "-m", "venv", str(home)])
    pip = [str(home / "bin" / "python"), "-I", "-m", "pip", "install", "--no-input"]
    _run(home, [*pip, *client.requires])
    if client.folders:
        _run(home, [*pip, "--no-deps", *map(str, client.folders)])
    for directory, wanted in client.beside.items():
        _run(home, [*pip, "--no-deps", f"--target={beside(home.name, directory)}", wanted])
    if client.product:
        # Like an editable install: a line for each directory, and the one that hooks start by.
        for packages in home.glob("lib/python3*/site-packages"):
            (packages / "neffcache.pth").write_text(f"{ROOT / 'hooks'}\n{ROOT / 'shim'}\n")
            shutil.copyfile(_HOOKS, packages / _HOOKS.name)
    (home / _STAMP).write_text(json.dumps(stamp) + "\n")


def _run(home: Path, command: list[str]) -> None:
    log = home.with_suffix(".log")
    with log.open("w") as file:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={name: text for name, text in os.environ.items() if not name.startswith("PYTHON")},
            check=False,
        )
    if done.returncode:
        last = (log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise ClientError(f"{home.name} was not made: {last} (log: {log})")


def _stamp(client: Client) -> dict[str, str]:
    """Everything that decides what is installed."""
    total = hashlib.sha256(f"{client.requires!r} {sorted(client.beside.values())!r}".encode())
    if client.product:
        total.update(f"product\0{_HOOKS.read_text()}".encode())
    for path in _sources(client):
        data = path.read_bytes()
        total.update(f"{path.relative_to(ROOT)}\0{len(data)}\0".encode() + data)
    return {"root": str(ROOT), "python": _interpreter(client), "inputs": total.hexdigest()}


def _sources(client: Client) -> Iterator[Path]:
    # The folders share what lies beside them: all of the stand-ins count.
    if client.folders:
        yield from sorted(
            path
            for path in SDK.rglob("*")
            if path.suffix in (".py", ".toml") and "__pycache__" not in path.parts
        )


def _interpreter(client: Client) -> str:
    """One behind any virtual environment, of a version that the client takes."""
    if sys.version_info[:2] < client.below:
        return os.path.realpath(sys.executable)
    for minor in range(client.below[1] - 1, _OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            return os.path.realpath(found)
    limit = ".".join(map(str, client.below))
    raise ClientError(f"{client.requires[0]} needs a Python before {limit}, and none is on PATH")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    for wanted_name in sys.argv[1:] or CLIENTS:
        print(python_of(wanted_name))
