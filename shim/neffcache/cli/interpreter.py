"""Door: which Python the shim starts, and whether the package is byte-compiled for it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from neffcache.errors import NeffcacheError

_DEADLINE = 120
# What must agree for one path of an interpreter to stand for another, as started by the shim.
_PROBE = """\
import os, sys
print(repr((sys.version, sys.implementation.cache_tag, os.path.realpath(os.__file__),
            [os.path.realpath(entry) for entry in sys.path])))
"""
# Prints the source files without byte code that this interpreter would take; compiles before.
_BYTE_CODE = """\
import sys
top, make = sys.argv[1:]
if make:
    import compileall
    compileall.compile_dir(top, quiet=2)
import importlib.util, os
def taken(path):
    with open(importlib.util.cache_from_source(path), "rb") as file:
        head = file.read(16)
    if head[:4] != importlib.util.MAGIC_NUMBER:
        return False
    flags = int.from_bytes(head[4:8], "little")
    if flags & 1:
        with open(path, "rb") as file:
            return not flags & 2 or head[8:] == importlib.util.source_hash(file.read())
    found = os.stat(path)
    return head[8:] == b"".join(
        (int(n) & 0xFFFFFFFF).to_bytes(4, "little") for n in (found.st_mtime, found.st_size))
for folder, _, names in os.walk(top):
    for name in names:
        if name.endswith(".py"):
            path = os.path.join(folder, name)
            try:
                good = taken(path)
            except OSError:
                good = False
            if not good:
                print(ascii(path))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python for the shim.

    Attributes:
        path: absolute path of the program.
        landmark: a file of its standard library; gone when the interpreter is no longer whole.
    """

    path: str
    landmark: str


def choose() -> Interpreter:
    """The running Python in the form that starts quickest under `-I -S`.

    A virtual environment's link makes each start read pyvenv.cfg and look for a home, and a link
    of a version manager may point elsewhere tomorrow. Under `-I -S` nothing of the environment is
    used but the standard library, so the program behind the links does the same work. Whether it
    truly does is tried out: it must report the same version, library and path as the running one
    does; otherwise the running one is recorded as it is.

    Raises:
        NeffcacheError: it cannot be started, or its library is not made of files.
    """
    executable = os.path.abspath(sys.executable) if sys.executable else ""
    wanted = _report(executable) if executable else ""
    if not wanted:
        raise NeffcacheError(
            f"the Python that runs this ({executable or 'unknown'}) does not start with -I -S",
            "use an interpreter with a whole standard library",
        )
    landmark = os.path.realpath(os.__file__)
    if not os.path.isfile(landmark):
        raise NeffcacheError(f"the standard library at {landmark} is not made of files")
    base = str(getattr(sys, "_base_executable", "") or executable)
    for path in (os.path.realpath(base), os.path.realpath(executable)):
        if _report(path) == wanted:
            return Interpreter(path, landmark)
    return Interpreter(executable, landmark)


def package_directory() -> str:
    """Where the package's files lie.

    Raises:
        NeffcacheError: they are not files (a zip archive).
    """
    import neffcache

    path = os.path.dirname(os.path.abspath(neffcache.__file__))
    if not os.path.isdir(path):
        raise NeffcacheError(f"{path} is not a directory", "install neffcache unpacked, with pip")
    return path


def packages() -> str:
    """Where the running Python finds huggingface_hub, which the shim's own may not; "": nowhere."""
    import importlib.util

    found = importlib.util.find_spec("huggingface_hub")
    places = (found.submodule_search_locations or []) if found else []
    return next((os.path.dirname(os.path.abspath(place)) for place in places), "")


def without_byte_code(python: str, package: str, *, compile_first: bool) -> list[str] | None:
    """The package's source files that an interpreter would have to compile at every start.

    Args:
        python: the interpreter that the shim starts.
        package: directory of the package.
        compile_first: write what is missing, where that is possible.

    Returns:
        Their paths (as Python literals), or None when the interpreter cannot tell.
    """
    done = _start(python, "-c", _BYTE_CODE, package, "1" if compile_first else "")
    return None if done is None else done.splitlines()


def starts(python: str) -> bool:
    """Whether an interpreter starts as the shim starts it."""
    return _start(python, "-c", "pass") is not None


def _report(python: str) -> str:
    return _start(python, "-c", _PROBE) or ""


def _start(python: str, *arguments: str) -> str | None:
    """What the interpreter prints; None when it fails."""
    import subprocess

    try:
        done = subprocess.run(
            [python, "-I", "-S", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_DEADLINE,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
