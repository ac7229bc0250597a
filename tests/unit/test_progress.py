"""Progress: a bar on a terminal, plain lines elsewhere, nothing when quiet or when nobody looks."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator

import pytest

from neffcache.cli.progress import Progress


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, to be set."""
    now = [1000.0]
    monkeypatch.setattr("neffcache.cli.progress.time.monotonic", lambda: now[0])
    return now


class Terminal:
    """A terminal of some width; what was written to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
        self._master, slave = pty.openpty()
        self.stream = os.fdopen(slave, "w")
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")

    def text(self) -> str:
        os.set_blocking(self._master, False)
        try:
            return os.read(self._master, 1 << 16).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        self.stream.close()
        os.close(self._master)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    made = Terminal(monkeypatch, 80)
    yield made
    made.close()


def test_a_bar_grows_and_goes(terminal: Terminal, clock: list[float]) -> None:
    with Progress("uploading", stream=terminal.stream) as shown:
        shown.show(0, 4)
        assert terminal.text().endswith(f"uploading [{'.' * 40}] 0/4")
        clock[0] += 1
        shown.show(1, 4, "acme/x")
        assert terminal.text() == f"\r\x1b[Kuploading [{'#' * 10}{'.' * 30}] 1/4  acme/x"
    assert terminal.text() == "\r\x1b[K"


def test_a_bar_is_not_drawn_more_often_than_eyes_see(
    terminal: Terminal, clock: list[float]
) -> None:
    shown = Progress("x", stream=terminal.stream)
    shown.show(0, 1000)
    terminal.text()
    for number in range(30):
        clock[0] += 0.0001
        shown.show(number, 1000)
    assert terminal.text() == ""


@pytest.mark.parametrize("columns", [4, 20, 30, 60])
def test_a_narrow_terminal_is_never_overrun(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    Progress("uploading", stream=terminal.stream).show(50, 100, "a long note " * 9)
    line = terminal.text().removeprefix("\r\x1b[K")
    assert 0 < len(line) < columns


def test_elsewhere_a_plain_line_now_and_then(clock: list[float]) -> None:
    out = io.StringIO()
    with Progress("uploading", stream=out) as shown:
        for number in range(100):
            shown.show(number, 100)
            clock[0] += 1
        shown.show(100, 100, "the last")
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["neffcache: uploading: 10 of 100", "neffcache: uploading: 20 of 100"]
    assert lines[-1] == "neffcache: uploading: 100 of 100 (the last)"
    assert len(lines) == 10
    assert "\x1b" not in out.getvalue()


def test_what_has_not_changed_is_not_said_again(clock: list[float]) -> None:
    out = io.StringIO()
    shown = Progress("looking", stream=out)
    for _ in range(5):
        clock[0] += 60
        shown.show(0, 0, "acme/x")
    assert out.getvalue() == "neffcache: looking (acme/x)\n"


def test_a_dumb_terminal_gets_plain_lines(
    terminal: Terminal, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    shown = Progress("x", stream=terminal.stream)
    clock[0] += 60
    shown.show(1, 2)
    assert terminal.text() == "neffcache: x: 1 of 2\r\n"


def test_quiet_is_silent(terminal: Terminal) -> None:
    with Progress("x", quiet=True, stream=terminal.stream) as shown:
        shown.show(1, 2)
    assert terminal.text() == ""


def test_a_note_cannot_move_the_terminal(terminal: Terminal) -> None:
    Progress("x", stream=terminal.stream).show(1, 2, "a\x1b[2Jb")
    assert terminal.text().count("\x1b") == 1


def test_work_goes_on_when_nobody_looks(clock: list[float]) -> None:
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w")
    os.close(reader)
    shown = Progress("x", stream=stream)
    for number in range(3):
        clock[0] += 60
        shown.show(number, 2)
    with pytest.raises(BrokenPipeError):
        stream.close()
