"""A job that saves: light libraries on sys.path, a store, and a place for requests."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hooks import libraries
from neffcache import watching
from neffcache_hooks import importing, saving, world


@dataclass
class Job:
    """Libraries on sys.path, a store, and the place where a watcher would look."""

    root: Path

    @property
    def path(self) -> str:
        """Where to save."""
        return str(self.root / "checkpoint")

    def watch(self) -> Path:
        """The directory that holds the requests; there once anybody is present."""
        here = world.current()
        assert here is not None
        made = Path(here.watch().directory)
        made.mkdir(parents=True, exist_ok=True)
        return made

    def asked(self) -> bool:
        """Whether a flush has been asked for since the last time."""
        found = self.watch() / watching.SAVE
        there = found.exists()
        found.unlink(missing_ok=True)
        return there


def load(name: str) -> Any:
    """Import one of the libraries."""
    return importlib.import_module(name)


def lay_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job of one process with the plainest settings."""
    for name in [name for name in os.environ if name.startswith("NEFFCACHE_")]:
        monkeypatch.delenv(name)
    for name in ("RANK", "LOCAL_RANK", "CUSTOM_CACHE_REPO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.setenv("NEFFCACHE_DIR", str(path / "cache"))
    monkeypatch.setenv("NEFFCACHE_STRICT", "1")
    monkeypatch.setattr(importing, "_rows", {})
    monkeypatch.setattr(saving, "_asked", [])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    libraries.write(path / "libraries")
    monkeypatch.syspath_prepend(path / "libraries")
    made = Job(path)
    made.watch()
    return made


def forget() -> None:
    """The libraries, and what of ours depends on them."""
    mine = (*libraries.NAMES, "neffcache_hooks.trainer")
    inside = tuple(f"{name}." for name in mine)
    for name in [name for name in sys.modules if name in mine or name.startswith(inside)]:
        del sys.modules[name]
