"""Door: the command of a job: found as a shell finds it, started in this process's place."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from neffcache import become, files
from neffcache.cli.job.guard import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What the C library searches without PATH.
DEFAULT_PATH = b"/bin:/usr/bin"
_ENVIRON = "/proc/self/environ"
_MOST = 16 << 20
_REASON = 4096


@dataclass(frozen=True)
class Unstartable:
    """There is no such command, or it cannot be executed: one line, and a shell's status."""

    line: str
    status: int


class Command:
    """A program and its words.

    Attributes:
        path: of the program; words: what it is called and its arguments.
    """

    def __init__(self, path: str, words: Sequence[str]) -> None:
        self.path = path
        self.words = list(words)
        self._said, self._say = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._problem = ""

    def take_over(self, environ: Mapping[bytes, bytes], mask: set[int] | None = None) -> NoReturn:
        """Become it; where that fails say so, and end as a shell would.

        Args:
            mask: the signals to be blocked in it; None: those that are now.
        """
        become.default_signals()
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            os.execve(self.path, self.words, environ)
        except OSError as error:
            problem = error
        if problem.errno == errno.ENOEXEC:  # no `#!`: a script for sh, as a shell takes it
            try:
                os.execve("/bin/sh", ["sh", self.path, *self.words[1:]], environ)
            except OSError as error:
                problem = error
        missing = problem.errno == errno.ENOENT
        why = "what shall run it (its first line, or its loader) is not there"
        line = f"{self.path}: {why if missing else problem.strerror}"
        say(line)
        os.write(self._say, files.encode(line)[:_REASON])
        os._exit(become.NOT_FOUND if missing else become.CANNOT_EXEC)

    @property
    def is_unstartable(self) -> bool:
        """Whether a child of ours could not become it."""
        try:
            self._problem = self._problem or files.decode(os.read(self._said, _REASON))
        except BlockingIOError:
            pass
        return bool(self._problem)


def find(words: Sequence[str], environ: Mapping[bytes, bytes]) -> Command | Unstartable:
    """Look for a command along PATH."""
    name = words[0]
    places = [name]
    if name and "/" not in name:
        path = files.decode(environ.get(b"PATH", DEFAULT_PATH))
        places = [os.path.join(place or ".", name) for place in path.split(":")]
    there = [place for place in places if place and os.path.exists(place)]
    for place in there:
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return Command(place, words)
    if not there:
        where = "no such file" if "/" in name else "not on PATH"
        return Unstartable(f"{name or repr(name)}: {where}", become.NOT_FOUND)
    why = "is a directory" if os.path.isdir(there[0]) else "permission denied"
    return Unstartable(f"{there[0]}: {why}", become.CANNOT_EXEC)


def given_environment() -> dict[bytes, bytes]:
    """The environment that our caller gave us: Python may have put a locale of its own there."""
    environ = dict(os.environb)
    try:
        pairs = files.read(_ENVIRON, _MOST).split(b"\0")
    except OSError:
        return environ
    there = [pair.partition(b"=")[2] for pair in pairs if pair.startswith(b"LC_CTYPE=")]
    environ.pop(b"LC_CTYPE", None)
    if there:
        environ[b"LC_CTYPE"] = there[0]
    return environ
