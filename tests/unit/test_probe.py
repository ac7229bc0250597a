"""Whether a directory remote takes writes, told by writing, with nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from neffcache import remote
from neffcache.errors import RefusedError, RemoteError
from neffcache.remotes.file import FileRemote


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
from neffcache.errors import RefusedError
spec = remote.parse("file://" + sys.argv[1])
opened = remote.open_remote(spec, {})
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
try:
    opened.try_write()
except RefusedError as error:
    print(f"refused: {error}")
else:
    print("written")
"""


def told(path: Path) -> str:
    """What a user without any rights is told."""
    command = [sys.executable, "-c", _ASK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("mode", "below", "may"),
    [(0o777, "", True), (0o777, "remote", True), (0o555, "remote", False), (0o555, "", False)],
)
def test_the_right_to_write(folder: Path, mode: int, below: str, may: bool) -> None:
    place = folder / "place"
    place.mkdir()
    place.chmod(mode)
    said = told(place / below)
    assert said == "written" if may else said.startswith("refused: Permission denied: ")
    assert os.listdir(place) == []


@pytest.mark.parametrize("closed", [".neffcache-tmp", "neffcache/v1"])
def test_a_place_that_another_user_has_closed(folder: Path, closed: str) -> None:
    (folder / "place").mkdir()
    (folder / "place").chmod(0o777)
    (folder / "place" / closed).mkdir(parents=True, mode=0o755)
    assert told(folder / "place") == f"refused: Permission denied: {folder}/place/{closed}"


def test_a_file_is_no_place(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(RefusedError, match="Not a directory"):
        opened(folder / "file").try_write()


def test_what_is_not_mounted_cannot_be_told_of(folder: Path) -> None:
    with pytest.raises(RemoteError, match="is not there") as caught:
        opened(folder / "missing" / "remote").try_write()
    assert not isinstance(caught.value, RefusedError)
    assert not (folder / "missing").exists()


def test_what_goes_wrong_for_another_reason_is_no_refusal() -> None:
    with pytest.raises(RemoteError) as caught:
        opened(Path("/proc/self")).try_write()
    assert not isinstance(caught.value, RefusedError)


def test_who_we_are_is_a_name_and_a_number(folder: Path) -> None:
    assert opened(folder).identity().endswith(f"uid {os.geteuid()})")


def opened(path: Path) -> FileRemote:
    return FileRemote(remote.parse(f"file://{path}"), {})
