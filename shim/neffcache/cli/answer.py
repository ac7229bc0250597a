"""Door: what a command answers, and how that reaches the terminal: whole, safe, quiet on EPIPE."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TextIO

from neffcache.cli import FINE, MISUSED, NO, UNREACHABLE
from neffcache.cli.text import safe_lines
from neffcache.errors import RefusedError, RemoteError, SettingError


@dataclass(frozen=True)
class Answer:
    """The whole answer of a command.

    Attributes:
        text: for standard output, ending with a newline or empty.
        status: what the process ends with.
        notices: one-line messages for standard error.
        raw: the text is for a program: its bytes as they are.
    """

    text: str = ""
    status: int = FINE
    notices: tuple[str, ...] = ()
    raw: bool = False


def json_answer(data: object, status: int = FINE) -> Answer:
    """An answer for programs. ASCII alone, so that nothing in it moves a terminal."""
    import json

    text = json.dumps(data, indent=1).replace("\x7f", "\\u007f")
    return Answer(text + "\n", status)


def failure(error: Exception) -> Answer:
    """The answer when an expected error ended a command."""
    status = NO
    if isinstance(error, SettingError):
        status = MISUSED
    elif isinstance(error, RemoteError) and not isinstance(error, RefusedError):
        status = UNREACHABLE
    line = str(error)
    if isinstance(error, OSError):
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
        line = f"{name}: {error.strerror or error}" if name else f"{error.strerror or error}"
    return Answer("", status, (line,))


def show(answer: Answer) -> int:
    """Print an answer and return its status; 1 when it cannot be written."""
    for notice in answer.notices:
        _write(sys.stderr, f"neffcache: {notice}\n", raw=False)
    problem = _write(sys.stdout, answer.text, raw=answer.raw)
    if problem:
        _write(sys.stderr, f"neffcache: the answer cannot be written ({problem})\n", raw=False)
        return answer.status or NO
    return answer.status


def _write(stream: TextIO | None, text: str, *, raw: bool) -> str:
    """Write text to a descriptor; what went wrong, "" when nothing (or nobody listens)."""
    if stream is None or not text:
        return ""
    encoding = stream.encoding or "utf-8"
    data = os.fsencode(text) if raw else safe_lines(text).encode(encoding, "backslashreplace")
    try:
        stream.flush()
        out = getattr(stream, "buffer", None)
        if out is None:
            stream.write(data.decode(encoding, "replace"))
        else:
            out.write(data)
        stream.flush()
    except BrokenPipeError:
        _forget(stream)
    except OSError as error:
        _forget(stream)
        return error.strerror or str(error)
    return ""


def _forget(stream: TextIO) -> None:
    """Keep the interpreter from complaining about the rest when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
