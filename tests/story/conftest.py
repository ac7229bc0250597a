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


def _sdk(kind: str, root: Path) -> Path:
    """An SDK in a form, started once so that its byte code is written."""
    script = make_form(kind, root / "sdk", Path(sys.executable).parent.parent)
    subprocess.run([script, "list-operators"], check=True, stdout=subprocess.DEVNULL)
    return script


@pytest.fixture(scope="session")
def venv_compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiler as pip installs it."""
    return _sdk("other-venv", tmp_path_factory.mktemp("venv"))


@pytest.fixture(scope="session")
def sh_compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiler that is sh before it is Python, which ignores signals of its own."""
    return _sdk("probe", tmp_path_factory.mktemp("probe"))


@pytest.fixture
def rig(tmp_path: Path, venv_compiler: Path) -> Rig:
    """A fresh host, and an empty place."""
    return Rig(tmp_path, venv_compiler)


@pytest.fixture
def sh_rig(tmp_path: Path, sh_compiler: Path) -> Rig:
    """The same with the compiler that tells of SIGPIPE and SIGXFSZ."""
    return Rig(tmp_path, sh_compiler, "compiler_id = probe\n")


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Double]:
    """A host with a compiler that can be held."""
    made = Double(tmp_path / "double")
    yield made
    made.end_all()
