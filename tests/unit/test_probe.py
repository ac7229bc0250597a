"""Whether a directory remote takes writes, told without writing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from neffcache import remote
from neffcache.cli import probe

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that others may enter (tmp_path is closed to them)."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def problem(path: Path) -> str:
    """What a user without any rights is told."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        os.write(write, b"x" + os.fsencode(probe.write_problem(remote.parse(f"file://{path}"))))
        os._exit(0)
    os.close(write)
    with open(read, "rb") as told:
        text = told.read()
    os.waitpid(pid, 0)
    assert text.startswith(b"x")
    return os.fsdecode(text[1:])


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
