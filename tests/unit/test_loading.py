"""Unit: our modules are loaded from their byte code only as long as it is that of their source."""

from __future__ import annotations

import os
import py_compile
import shutil
from pathlib import Path

import pytest

from unit import makers

# Imports a module of a room of ours that lies elsewhere, and tells what it got.
LOAD = """
import sys
from neffcache.shim import loading
room = type(sys)("neffcache.room")
room.__path__ = [sys.argv[1]]
sys.modules["neffcache.room"] = room
loading.quicken()
try:
    from neffcache.room import thing
except ImportError as error:
    print(type(error).__name__)
else:
    print(thing.VALUE, thing.__file__ == sys.argv[1] + "/thing.py")
"""


class Room:
    """A directory with one module, `thing`, and its byte code."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path / "thing.py"
        self.write("VALUE = 1")
        self.byte_code = Path(str(py_compile.compile(str(self.source), doraise=True)))

    def write(self, text: str) -> None:
        self.source.write_text(text + "\n")

    def keep_time(self, text: str) -> None:
        """Change the source behind the byte code's back."""
        before = self.source.stat()
        self.write(text)
        os.utime(self.source, ns=(before.st_atime_ns, before.st_mtime_ns))

    def load(self) -> str:
        return makers.run(LOAD, str(self.path))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_fresh_byte_code_is_taken(room: Room) -> None:
    room.keep_time("VALUE = 2")
    assert room.load() == "1 True"


def test_newer_source_wins(room: Room) -> None:
    room.write("VALUE = 2")
    os.utime(room.source, (1, 1))
    assert room.load() == "2 True"


def test_source_of_another_size_wins(room: Room) -> None:
    room.keep_time("VALUE = 22")
    assert room.load() == "22 True"


def test_byte_code_of_another_python_is_not_taken(room: Room) -> None:
    room.keep_time("VALUE = 2")
    room.byte_code.write_bytes(b"\0\0\0\0" + room.byte_code.read_bytes()[4:])
    assert room.load() == "2 True"


def test_byte_code_bound_to_its_source_by_digest_is_checked(room: Room) -> None:
    room.keep_time("VALUE = 2")
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    py_compile.compile(str(room.source), doraise=True, invalidation_mode=mode)
    room.keep_time("VALUE = 3")
    assert room.load() == "3 True"


def test_source_alone_is_enough(room: Room) -> None:
    shutil.rmtree(room.byte_code.parent)
    assert room.load() == "1 True"


def test_byte_code_longer_than_one_read_is_taken(room: Room) -> None:
    room.write(f"VALUE = 1\nlong = {'x' * 100_000!r}")
    py_compile.compile(str(room.source), doraise=True)
    assert room.load() == "1 True"


def test_missing_module_is_an_import_error(room: Room) -> None:
    room.source.unlink()
    assert room.load() == "ImportError"
