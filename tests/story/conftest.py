"""Fixtures of the stories: a compiler that notes what it sees, and places to run it in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from story.doubles import Double
from story.rig import Rig
from test_sdk.forms import make_form


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `probe` form of the SDK, started once so that its byte code is written."""
    venv = Path(sys.executable).parent.parent
    script = make_form("probe", tmp_path_factory.mktemp("probe") / "sdk", venv)
    subprocess.run([script, "list-operators"], check=True, stdout=subprocess.DEVNULL)
    return script


@pytest.fixture
def rig(tmp_path: Path, probe: Path) -> Rig:
    """A fresh host, and an empty place."""
    return Rig(tmp_path, probe)


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Double]:
    """A host with a compiler that can be held."""
    made = Double(tmp_path / "double")
    yield made
    made.end_all()
