"""Whether a directory remote takes writes, told without writing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that others may enter (tmp_path is closed to them)."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


# Loads all it needs, then gives up every right: nobody may not even start root's interpreter.
_ASK = """
import os, sys
from neffcache import remote
from neffcache.cli import probe
spec = remote.parse("file://" + sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
print("told:" + probe.write_problem(spec), end="")
"""


def problem(path: Path) -> str:
    """What a user without any rights is told."""
    command = [sys.executable, "-c", _ASK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("told:")
    return done.stdout.removeprefix("told:")


@pytest.mark.parametrize(
    ("mode", "below", "said"),
    [
        (0o777, "", ""),
        (0o777, "remote", ""),
        (0o555, "remote", "may not write"),
        (0o555, "", "may not write"),
        (0o444, "", "may not write"),
    ],
)
def test_the_right_to_write(folder: Path, mode: int, below: str, said: str) -> None:
    place = folder / "place"
    place.mkdir()
    place.chmod(mode)
    assert (said in problem(place / below)) if said else problem(place / below) == ""
    assert os.listdir(place) == []


def test_a_file_is_no_place(folder: Path) -> None:
    (folder / "file").touch()
    assert "not a directory" in problem(folder / "file")
