"""Unit: ranges of a blob: what a helper left half done."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from neffcache.registry.broken import Broken
from neffcache.registry.client import Client
from neffcache.registry.ranges import Ranges
from neffcache.registry.request import Request

SIZE = 20 << 20
DATA = os.urandom(SIZE)
PIECE = 1 << 20
COUNT = 5000


class Reply:
    """Brings a little of its range, then breaks off."""

    status = 206
    origin = ("http", "registry", 80)

    def __init__(self, first: int, last: int) -> None:
        self.headers = {"content-range": f"bytes {first}-{last}/{SIZE}"}
        self.left = last + 1 - first
        self._parts = [DATA[first : first + COUNT]]

    def hurry(self) -> None:
        """As of a true one."""

    def close(self) -> None:
        """As of a true one."""

    def readinto(self, view: memoryview) -> int:
        if not self._parts:
            raise Broken("it broke off")
        part = self._parts.pop()
        view[: len(part)] = part
        return len(part)


class Asked:
    """Gives one helper a part of what it asks for, and nothing to all others."""

    def __init__(self) -> None:
        self.helped = threading.Event()
        self.net = SimpleNamespace(stall=5.0)

    def ask(self, request: Request) -> Any:
        first, last = map(int, request.headers["Range"][6:].split("-"))
        if self.helped.is_set():
            raise Broken("no more")
        self.helped.set()
        return Reply(first, last)


def test_what_a_helper_left_half_done_is_brought_whole_by_the_stream(tmp_path: Path) -> None:
    """The stream's bytes come in their order: it cannot begin in the middle of a range."""
    fd = os.open(tmp_path / "into", os.O_RDWR | os.O_CREAT)
    try:
        made = Ranges(cast("Client", Asked()), "http://registry/blob", fd, 0, SIZE)
        made.help()
        while made.helped:
            made.moved.wait(0.1)
        at = 0
        more = True
        while more:
            count = os.pwrite(fd, DATA[at : at + min(made.room, PIECE)], at)
            at += count
            more = made.brought(count)
        assert made.frontier() == SIZE
        assert at == SIZE
        assert os.pread(fd, SIZE, 0) == DATA
    finally:
        made.stop()
        os.close(fd)
