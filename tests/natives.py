"""Entries of libneuronxla's cache as tests make them, and a remote that can say what it holds."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hosts import TRAIN, Host
from neffcache.native import names
from unit import makers

if TYPE_CHECKING:
    from neffcache.remote import Progress

VERSION = "neuronxcc-2.21.33363.0+82129205"
ENTRY = f"{VERSION}/MODULE_1418137421344453867+e30acd3a"
OTHER = f"{VERSION}/MODULE_2209f8fcf8a2ef6b2a2b+e30acd3a"
REPO = "alice/cache"
FLAGS = json.dumps(["--target=trn1", "--model-type=transformer", "-O1"]).encode()


def contents(**changes: bytes | None) -> dict[str, bytes]:
    """The files of a successful entry; `model__neff=...` replaces one, None takes one away."""
    made: dict[str, bytes | None] = {
        names.HLO: TRAIN.read_bytes(),
        names.FLAGS: FLAGS,
        names.NEFF: makers.neff(),
        names.DONE: b"",
    }
    made.update({name.replace("__", "."): data for name, data in changes.items()})
    return {name: data for name, data in made.items() if data is not None}


def write(root: Path, entry: str = ENTRY, files: Mapping[str, bytes] | None = None) -> Path:
    """An entry on disk, closed to everybody else: its directory."""
    for directory in (root, root / names.version_of(entry), root / entry):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
    for name, data in (contents() if files is None else files).items():
        path = root / entry / name
        path.write_bytes(data)
        path.chmod(0o644)
    return root / entry


def native(host: Host) -> Path:
    """libneuronxla's cache of a host: a blank and a dot are in its path."""
    return host.root / "neuron cache.d"


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a directory, hidden ones, too."""
    found = {}
    for top, _directories, files in os.walk(root):
        for name in files:
            path = Path(top) / name
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


class Shelf:
    """A remote in memory: `objects` by name. `on_fetch` sees each name before it is read."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self.objects = dict(objects)
        self.fetched: list[str] = []
        self.on_fetch: Callable[[str], None] = lambda _name: None
        self.behind: dict[str, bytes] = {}  # what is sent instead of what is listed

    def listing(self, prefix: str) -> list[tuple[str, int, str]]:
        """What lies below a directory: small texts with git's digest, the others with SHA-256."""
        return [
            (name, len(data), digest(name, data))
            for name, data in sorted(self.objects.items())
            if name.startswith(f"{prefix}/")
        ]

    def fetch(self, name: str, into: str, progress: Progress) -> bool:
        """Read an object."""
        self.fetched.append(name.rpartition("/")[2])
        self.on_fetch(name)
        data = self.behind.get(name, self.objects.get(name))
        if data is None:
            return False
        progress(len(data))
        Path(into).write_bytes(data)
        return True

    def exists(self, wanted: Iterable[str]) -> set[str]:
        """Which names stand."""
        return set(wanted) & self.objects.keys()

    def store(self, name: str, path: str, progress: Progress) -> bool:
        """Not needed."""
        raise NotImplementedError


def shelf(entry: str = ENTRY, files: Mapping[str, bytes] | None = None) -> Shelf:
    """A remote with one entry, as optimum-neuron would have uploaded it: no manifest."""
    found = contents() if files is None else files
    return Shelf({f"{entry}/{name}": data for name, data in found.items()})


def digest(name: str, data: bytes) -> str:
    """As the Hub tells it: SHA-256 of what LFS holds, else git's SHA-1 of a blob."""
    if name.endswith((".neff", ".pb", ".hlo")):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
