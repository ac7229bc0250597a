"""Whole: the lines that a helper writes to whoever started it."""

import posix
import time

from neffcache import processes

_EVERY = 0.1
_MOST = 600


def send(word: str, detail: str = "") -> None:
    """One line: a word, then anything."""
    text = " ".join(f"{word} {detail}".split())[:_MOST]
    processes.say(text.encode("utf-8", "backslashreplace") + b"\n")


class Pulse:
    """Says that work goes on, but not more often than is worth a system call."""

    def __init__(self) -> None:
        self._last = 0.0

    def beat(self) -> None:
        """Called as often as one likes."""
        now = time.monotonic()
        if now - self._last >= _EVERY:
            self._last = now
            send("busy")


def end() -> None:
    """Everything has been said: go without the interpreter's own end, which takes a while."""
    posix._exit(0)
