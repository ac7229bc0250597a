"""Fixtures of the hooks' own tests: what is enabled is disabled, what is imported forgotten."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import neffcache_hooks
from hooks import saver, toys
from hooks.saver import Job
from hooks.toys import Toys


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toys]:
    """Toys as the only targets; the hooks are off."""
    before = list(sys.meta_path)
    made = toys.lay_out(tmp_path / "box", monkeypatch)
    yield made
    toys.forget()
    assert sys.meta_path == before


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    """A job that saves; the hooks are on."""
    made = saver.lay_out(tmp_path, monkeypatch)
    neffcache_hooks.enable()
    yield made
    neffcache_hooks.disable()
    saver.forget()
