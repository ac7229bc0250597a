"""Door: `neffcache install`: write the neuronx-cc that stands before the real one."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from neffcache import files
from neffcache.cli import head, interpreter
from neffcache.cli.answer import Answer
from neffcache.cli.text import count
from neffcache.cli.usage import Usage
from neffcache.compiler import find

if TYPE_CHECKING:
    import argparse

EXAMPLE = 'neffcache install ~/neuron-bin && export PATH="$HOME/neuron-bin:$PATH"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.add_argument(
        "directory", metavar="DIR", help="where to write neuronx-cc; made when missing"
    )


def run(args: argparse.Namespace) -> Answer:
    """Install and say what to do next."""
    directory = os.path.abspath(args.directory)
    notices = put(directory)
    path = files.join(directory, find.PROGRAM)
    text = f"{path}\nPut its directory first on PATH: neffcache env {head.quote(directory)}\n"
    return Answer(text, notices=notices)


def put(directory: str) -> tuple[str, ...]:
    """Write the shim into a directory, replacing an older one.

    Returns:
        What to tell the user besides, one line each.

    Raises:
        Usage: something stands there that is not ours, or the directory cannot be on PATH.
        NeffcacheError: there is no interpreter that the shim could start.
        OSError: it cannot be written.
    """
    _check_name(directory)
    path = files.join(directory, find.PROGRAM)
    python = interpreter.choose()
    package = interpreter.package_directory()
    start = os.path.join(package, "shim", "start.py")
    rendered = head.render(python.path, python.landmark, start, interpreter.packages())
    text = files.encode(rendered)
    try:
        os.makedirs(directory, exist_ok=True)
        _check_free(path)
        files.publish(path, text, mode=0o755)
    except (FileExistsError, NotADirectoryError) as error:
        raise Usage(f"{directory} is not a directory; name another one") from error
    return (*_byte_code_notice(python.path, package), *_usable_notice(path))


def _check_name(directory: str) -> None:
    if not directory.isprintable() and any(char in directory for char in "\n\r\0"):
        raise Usage(f"{directory!r} holds a line break; name another directory")
    if ":" in directory:
        raise Usage(f"{directory} holds a colon and cannot stand on PATH; name another directory")


def _check_free(path: str) -> None:
    """Refuse to write over anything but a shim: it may be the real compiler."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise Usage(f"{path} is a link; remove it or name another directory")
    if not stat.S_ISREG(mode) or not find.is_shim(path):
        raise Usage(
            f"{path} was not written by neffcache (the real compiler?); name another directory"
        )


def _byte_code_notice(python: str, package: str) -> tuple[str, ...]:
    missing = interpreter.without_byte_code(python, package, compile_first=True)
    if not missing:
        return () if missing is not None else (f"{python} cannot byte-compile {package}",)
    number = count(len(missing), "file")
    effect = f"no byte code for {number} in {package}, so a hit takes about twice as long"
    return (f"{effect}; run `neffcache install` once as a user who may write there",)


def _usable_notice(path: str) -> tuple[str, ...]:
    if os.access(path, os.X_OK):
        return ()
    return (f"{path} cannot be executed; the umask or a noexec mount takes that away",)
