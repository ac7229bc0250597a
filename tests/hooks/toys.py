"""Toy libraries on sys.path, and a toy room that patches them."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from neffcache_hooks import guard, importing, targets

ROOM = '''"""Door: a room for toys."""
import functools
from neffcache_hooks import guard
from neffcache_hooks.patch import Patch, signature

def _louder(original):
    @functools.wraps(original)
    def ours(*args, **words):
        made = original(*args, **words)
        return made + (guard.attempt("toy", str, "!") or "")
    return ours

def patches(module):
    return [Patch(module, "greet", _louder, signature("name"), f"{module.__name__}.greet")]
'''
GREET = "def greet(name):\n    return f'hello {name}'\n"


@dataclass
class Toys:
    """A directory on sys.path; `toy` is a target, and every module of the package `toys`."""

    path: Path

    def write(self, name: str, text: str = GREET) -> None:
        """A module by its dotted name; the packages around it are made empty."""
        parts = name.split(".")
        for depth in range(1, len(parts)):
            folder = self.path.joinpath(*parts[:depth])
            folder.mkdir(exist_ok=True)
            if not (folder / "__init__.py").exists():
                (folder / "__init__.py").write_text("")
        self.path.joinpath(*parts).with_suffix(".py").write_text(text)

    def states(self) -> dict[str, str]:
        """label → state."""
        return {label: state for label, state, _reason in importing.status()}

    def reasons(self) -> dict[str, str]:
        """label → reason."""
        return {label: reason for label, _state, reason in importing.status()}


def lay_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> Toys:
    """Toys as the only targets, in an interpreter that is as before when the test has ended."""
    path.mkdir()
    (path / "toyroom.py").write_text(ROOM)
    monkeypatch.syspath_prepend(path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(targets, "MODULES", {"toy": "toyroom", "toys.deep.one": "toyroom"})
    monkeypatch.setattr(targets, "PACKAGES", {"toys": ("toyroom",)})
    monkeypatch.setattr(importing, "_rows", {})
    monkeypatch.setattr(importing, "_problems", {})
    monkeypatch.setattr(guard, "faults", {})
    monkeypatch.setattr(guard, "_said", set())
    monkeypatch.delenv("NEFFCACHE_ACTIVE", raising=False)
    monkeypatch.delenv("NEFFCACHE_LOG", raising=False)
    monkeypatch.setenv("NEFFCACHE_STRICT", "1")
    return Toys(path)


def forget() -> None:
    """Hooks off, toys forgotten."""
    importing.disable()
    for name in [
        name for name in sys.modules if name.partition(".")[0] in ("toy", "toys", "toyroom")
    ]:
        del sys.modules[name]


def load(name: str = "toy") -> Any:
    """Import a toy."""
    return importlib.import_module(name)
