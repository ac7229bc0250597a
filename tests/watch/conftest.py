"""Fixtures of the watcher's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watch.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A host where nothing is sent."""
    made = Rig(tmp_path / "host")
    yield made
    made.end()
