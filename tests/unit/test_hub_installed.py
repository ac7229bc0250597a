"""Where a process without site-packages finds what was installed with us."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import neffcache

TRY = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from neffcache.hub import installed\n"
    "from neffcache.errors import RemoteError\n"
    "try: installed.make_importable('needed')\n"
    "except RemoteError as error: print(error)\n"
    "else: import needed; print('imported')\n"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with our package and nothing else."""
    source = Path(neffcache.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, tmp_path / "place" / "neffcache", ignore=ignored)
    return tmp_path / "place"


def put(directory: Path) -> Path:
    """Install the package that is needed into a directory."""
    (directory / "needed").mkdir(parents=True)
    (directory / "needed" / "__init__.py").touch()
    return directory


def found(place: Path, *options: str) -> str:
    # The interpreter behind the virtual environment, as the shim starts it.
    base = str(getattr(sys, "_base_executable", sys.executable))
    command = [base, "-I", "-S", *options, "-c", TRY, str(place)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_nowhere_is_an_error_with_a_remedy(place: Path) -> None:
    assert found(place) == "needed is not installed; reinstall neffcache: it brings it"


def test_beside_us(place: Path) -> None:
    put(place)
    assert found(place) == "imported"


def test_where_it_was_when_the_shim_was_installed(place: Path, tmp_path: Path) -> None:
    option = f"neffcache={put(tmp_path / 'environment')}"
    assert found(place, "-X", option) == "imported"


def test_that_place_may_be_gone(place: Path, tmp_path: Path) -> None:
    put(place)
    assert found(place, "-X", f"neffcache={tmp_path / 'gone'}") == "imported"
