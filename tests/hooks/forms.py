"""Ways to start the compiler by Python's subprocess; tests lay this file into a target package."""

from __future__ import annotations

import io
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT
from subprocess import Popen as Started
from subprocess import check_call as checked
from subprocess import run as go
from typing import Any

LINE = [
    "neuronx-cc",
    "compile",
    "--framework=XLA",
    "in.pb",
    "--output",
    "out.neff",
    "--target=trn1",
]


def _tell(done: subprocess.CompletedProcess[Any]) -> list[object]:
    done.check_returncode()
    return [type(done).__name__, done.args == LINE, done.returncode, done.stdout, done.stderr]


def _end(process: subprocess.Popen[Any]) -> list[object]:
    """What a Popen is that nobody has asked yet, and what it comes to."""
    first = [process.returncode, process.pid > 0, process.args == LINE]
    said = process.communicate()
    closed = [pipe is None or pipe.closed for pipe in (process.stdout, process.stderr)]
    return [*first, *said, process.returncode, process.poll(), process.wait(), closed]


def _to_file(**named: Any) -> list[object]:
    with open("said", "w+b") as file:
        made = _tell(subprocess.run(LINE, stdout=file, check=True, **named))
        file.seek(0)
        return [*made, file.read()]


def _inherited() -> list[object]:
    """As most callers do: the compiler has our own standard output."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open("said", "w+b") as file:
        os.dup2(file.fileno(), 1)
        try:
            made = _tell(subprocess.run(LINE, check=False))
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return [*made, file.read()]


def _closed() -> list[object]:
    """Nobody listens: the reader of our pipe is gone."""
    end, start = os.pipe()
    os.close(end)
    try:
        return _tell(subprocess.run(LINE, stdout=start, stderr=PIPE, check=True))
    finally:
        os.close(start)


def _lines() -> list[object]:
    with Started(LINE, stdout=PIPE, stderr=STDOUT, text=True, bufsize=1) as process:
        assert process.stdout is not None
        said = list(process.stdout)
    return [said, process.returncode]


def _ready() -> list[object]:
    """By hand: wait for the pipe, read it, ask until it has ended."""
    process = subprocess.Popen(LINE, stdout=PIPE)
    assert isinstance(process.stdout, io.BufferedReader)
    said = b""
    while True:
        assert select.select([process.stdout.fileno()], [], [], 60)[0]
        part = os.read(process.stdout.fileno(), 100)
        said += part
        if not part:
            break
    while process.poll() is None:
        pass
    process.stdout.close()
    return [said, process.returncode, process.wait(timeout=5)]


def _signalled() -> list[object]:
    process = subprocess.Popen(LINE, stdout=DEVNULL)
    process.wait(timeout=60)
    process.terminate()
    process.kill()
    return [process.returncode, isinstance(process, subprocess.Popen), repr(process)]


def _kinds() -> list[object]:
    """What a caller asks of the class."""
    with subprocess.Popen(["true"]) as other:
        found = [isinstance(other, kind) for kind in (subprocess.Popen, Started)]
    return [*found, issubclass(Started, subprocess.Popen), Started.__name__, Started.__module__]


class _Own(subprocess.Popen[bytes]):
    """A caller's own kind of process."""

    def twice(self) -> int:
        return self.wait() * 2


def _derived() -> list[object]:
    with _Own(LINE, stdout=PIPE) as process:
        assert process.stdout is not None
        return [process.stdout.read(), process.twice(), isinstance(process, subprocess.Popen)]


def _raised(**named: Any) -> list[object]:
    try:
        done = subprocess.run(LINE, check=False, **named)
    except Exception as error:
        return [type(error).__name__, str(error)]
    return _tell(done)


def _text(**named: Any) -> list[object]:
    return _tell(subprocess.run(LINE, check=False, **{"stdout": PIPE, "stderr": PIPE, **named}))


FORMS: dict[str, Callable[[], object]] = {
    "captured": lambda: _tell(subprocess.run(LINE, capture_output=True, check=False)),
    "imported by itself": lambda: _tell(go(LINE, capture_output=True, check=True)),
    "text": lambda: _text(text=True),
    "universal newlines": lambda: _text(universal_newlines=True),
    "an encoding": lambda: _text(encoding="latin-1", errors="replace"),
    "a wide encoding": lambda: _text(encoding="utf-16-le", errors="replace"),
    "standard error with it": lambda: _tell(go(LINE, stdout=PIPE, stderr=STDOUT, check=True)),
    "only standard error": lambda: _tell(go(LINE, stdout=DEVNULL, stderr=PIPE, check=True)),
    "check_output": lambda: [subprocess.check_output(LINE, text=True)],
    "check_call": lambda: [checked(LINE, stdout=DEVNULL, stderr=DEVNULL)],
    "call": lambda: [subprocess.call(LINE, stdout=DEVNULL)],
    "a file": _to_file,
    "a file, standard error too": lambda: _to_file(stderr=STDOUT),
    "inherited": _inherited,
    "nobody listens": _closed,
    "a timeout": lambda: _text(timeout=60),
    "no input": lambda: _text(stdin=DEVNULL),
    "a new session": lambda: _text(start_new_session=True, close_fds=False),
    "a directory": lambda: _text(cwd=os.path.relpath(".", "."), env=dict(os.environ)),
    "a tuple of bytes": lambda: [go(tuple(map(os.fsencode, LINE)), stdout=PIPE, check=True).stdout],
    "a path": lambda: [go([Path(os.environ["SHIM"]), *LINE[1:]], stdout=PIPE, check=True).stdout],
    "a process": lambda: _end(subprocess.Popen(LINE, stdout=PIPE, stderr=PIPE)),
    "a process with text": lambda: _end(subprocess.Popen(LINE, stdout=PIPE, text=True)),
    "a process without pipes": lambda: _end(subprocess.Popen(LINE, stdout=DEVNULL)),
    "its lines": _lines,
    "by hand": _ready,
    "a process that is signalled": _signalled,
}
# What may change what the compiler does or sees, or is not understood: always started.
STARTED: dict[str, Callable[[], object]] = {
    "input": lambda: _text(input=b"any"),
    "a pipe to it": lambda: _end(subprocess.Popen(LINE, stdin=PIPE, stdout=PIPE)),
    "code before it": lambda: _text(preexec_fn=lambda: None),
    "a mask": lambda: _text(umask=0o77),
    "another executable": lambda: _text(executable=os.environ["SHIM"]),
    "a shell": lambda: [subprocess.check_output(" ".join(LINE), shell=True)],  # noqa: S602
    # Made from the real class before anybody could put another in its place.
    "a class of one's own": _derived,
    "another home": lambda: _text(env={**os.environ, "HOME": "/"}),
}
# No compile at all.
OTHERS: dict[str, Callable[[], object]] = {
    "kinds": _kinds,
    "two outputs": lambda: _raised(capture_output=True, stdout=PIPE),
    "two words for text": lambda: _raised(text=True, universal_newlines=False),
    "no directory": lambda: _raised(cwd="/none"),
    "a directory that is a file": lambda: _raised(cwd="in.pb"),
    "no argument of that name": lambda: _raised(stdot=PIPE),
    "no environment": lambda: _raised(env={"A=B": ""}),
}


def main(folder: str, graph: str, group: str) -> None:
    """Go through a group of forms, each in a directory of its own; prints what came of them."""
    found: dict[str, object] = {}
    for number, (name, form) in enumerate(globals()[group].items()):
        here = Path(folder, f"{group}-{number}")
        here.mkdir(parents=True)
        (here / "in.pb").write_bytes(Path(graph).read_bytes())
        os.chdir(here)
        made = form()
        found[name] = [made, sorted(path.name for path in here.iterdir())]
    print(json.dumps(found, default=lambda data: f"bytes {data!r}"))
