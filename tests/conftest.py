"""Fixtures that every kind of test uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A fresh host; compiles are cheap (the stand-in packs the graph without XLA)."""
    return Host(tmp_path / "host", {"SDKSTANDIN_FAKE": "1"})


@pytest.fixture
def true_host(tmp_path: Path) -> Host:
    """A fresh host whose compiler truly compiles."""
    return Host(tmp_path / "host")


@pytest.fixture
def make_host(tmp_path: Path) -> Callable[[str], Host]:
    """Further hosts by name, with separate stores."""
    return lambda name: Host(tmp_path / name, {"SDKSTANDIN_FAKE": "1"})
