"""Door: how far a long command is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from neffcache.cli import text

if TYPE_CHECKING:
    import argparse
    from types import TracebackType
    from typing import TextIO

# Seconds between two looks of a bar, and between two plain lines: logs are kept.
_BAR_EVERY, _LINE_EVERY = 0.1, 10.0
_NARROWEST, _WIDEST = 10, 40
_CLEAR = "\r\x1b[K"


def add_option(parser: argparse.ArgumentParser) -> None:
    """The switch `--quiet` of a command that shows how far it is."""
    parser.add_argument("--quiet", action="store_true", help="only the result, no progress")


class Progress:
    """Shows on standard error how much of a work is done; a context, so that its bar goes.

    What cannot be written is not shown: nobody's work ends because nobody looks.
    """

    def __init__(self, title: str, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        """Nothing is shown yet.

        Args:
            title: what is being done, e.g. "uploading".
            quiet: show nothing at all.
            stream: standard error, unless a test looks elsewhere.
        """
        self._title = title
        self._stream = None if quiet else (sys.stderr if stream is None else stream)
        self._bar = self._stream is not None and _is_terminal(self._stream)
        # A bar at once; a line only when it has become a long story.
        self._shown = -_BAR_EVERY if self._bar else time.monotonic()
        self._last = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar and self._last:
            self._write(_CLEAR)

    def show(self, done: int, total: int, note: str = "") -> None:
        """Say how far it is; called as often as one likes.

        Args:
            done, total: the same unit, e.g. entries; a total of 0 is not known yet.
            note: what it is about now; one short line.
        """
        now = time.monotonic()
        every = _BAR_EVERY if self._bar else _LINE_EVERY
        if self._stream is None or now - self._shown < every:
            return
        self._shown = now
        line = self._as_bar(done, total, note) if self._bar else self._as_line(done, total, note)
        if line != self._last:
            self._last = line
            self._write(_CLEAR + line if self._bar else f"neffcache: {line}\n")

    def _as_line(self, done: int, total: int, note: str) -> str:
        behind = f" ({text.short(note)})" if note else ""
        return f"{self._title}: {done} of {total}{behind}" if total else f"{self._title}{behind}"

    def _as_bar(self, done: int, total: int, note: str) -> str:
        columns = shutil.get_terminal_size().columns
        counted = f" {done}/{total}" if total else ""
        width = min(_WIDEST, columns - len(self._title) - len(counted) - 4)
        bar = ""
        if width >= _NARROWEST and total:
            full = width * min(done, total) // total
            bar = f" [{'#' * full}{'.' * (width - full)}]"
        line = f"{self._title}{bar}{counted}"
        if note and len(line) + 2 < columns - 1:
            line += f"  {text.short(note)}"
        return line[: max(columns - 1, 1)]

    def _write(self, words: str) -> None:
        stream = self._stream
        if stream is None:
            return
        try:
            stream.write(words)
            stream.flush()
        except (OSError, ValueError):
            self._stream = None


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty() and os.environ.get("TERM", "") != "dumb"
    except ValueError:
        return False
