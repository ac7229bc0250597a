"""A host that asks a Hub's repository for native entries, for directories that it holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from entries import make_store, settings
from hub.peer import Peer
from hubs import REPO, WRITER, url, variables
from natives import ENTRY, contents, tree, write
from neffcache import processes
from neffcache.cache import native_asking
from neffcache.cache.native_asking import Answer, Place
from neffcache.native import names

HUB = f"hf://{REPO}"
LOCK = {f"{names.HLO}{names.LOCK}": b""}


class Asking:
    """A host that wants entries, and what asking leaves behind."""

    def __init__(self, tmp_path: Path, hub: Peer) -> None:
        self.store = make_store(tmp_path / "store")
        self.root = tmp_path / "root"
        self.hub = hub
        self.token = WRITER
        self.more = {"NEFFCACHE_DIR": str(tmp_path / "helpers")}
        self.settings: dict[str, str] = {"remote_timeout": "20"}

    def __call__(self, entry: str = ENTRY, held: Path | None = None) -> Answer:
        """Ask for an entry whose lock is held."""
        directory = held or write(self.root, entry, LOCK)
        config = settings(remotes=url(self.hub), **self.settings)
        environ = variables(self.token, HF_ENDPOINT=self.hub.url, **self.more)
        place = Place(str(self.root), entry, str(directory))
        return native_asking.ask(self.store, config, environ, place)

    def planted(self, entry: str = ENTRY) -> dict[str, bytes]:
        """The files of the entry, less the lock."""
        found = {name.removeprefix(f"{entry}/"): data for name, data in tree(self.root).items()}
        return {name: data for name, data in found.items() if name not in LOCK}

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The journal."""
        path = Path(self.store.path, "journal", "journal.log")
        return [json.loads(line) for line in path.read_text().splitlines()]

    @property
    def notes(self) -> list[list[str]]:
        """All notes of the journal, in order."""
        return [note for line in self.lines for note in line.get("notes", [])]

    @property
    def ids(self) -> list[str]:
        """Their ids."""
        return [note[0] for note in self.notes]


def put(
    hub: Peer,
    files: dict[str, bytes] | None = None,
    *,
    entry: str = ENTRY,
    repo: str = REPO,
) -> None:
    """Commit an entry, as optimum-neuron would."""
    found = contents() if files is None else files
    hub.commit(repo, {f"{entry}/{name}": data for name, data in found.items()})
    hub.clear()


# What stands before a helper of a test's own.
HEAD = f"import sys\nsys.path.insert(0, {str(Path(processes.__file__).parents[1])!r})\n"


def replace_helper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """Another program in the helper's place."""
    script = tmp_path / "helper.py"
    script.write_text(text)

    def python(_module: str, *rest: str) -> list[str]:
        return [sys.executable, str(script), *rest]

    monkeypatch.setattr(processes, "python", python)
