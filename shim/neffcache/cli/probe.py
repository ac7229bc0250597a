"""Door: the process that tries a remote for `neffcache doctor`, so that nobody hangs in it."""

from __future__ import annotations

import os

from neffcache import processes, remote
from neffcache.cache import reports
from neffcache.errors import NeffcacheError

NAME = "neffcache-probe"
# Asked for and never there.
_NOTHING = "neffcache/v1/00/" + "0" * 64 + "/entry"
MODULE = "neffcache.cli.probe"


def main(arguments: list[str]) -> None:
    """Try one remote: `<url> <mode>`. Writes `good`, `readonly WHY` or `failed WHY`."""
    processes.become_helper(NAME)
    processes.hush()
    try:
        reports.send(*_try(*arguments))
    except (NeffcacheError, OSError) as error:
        reports.send("failed", str(error))
    reports.end()


def _try(url: str, mode: str) -> tuple[str, str]:
    spec = remote.parse(url)
    remote.open_remote(spec, dict(os.environb)).exists([_NOTHING])
    problem = write_problem(spec) if mode != "ro" else ""
    return ("readonly", problem) if problem else ("good", "")


def write_problem(spec: remote.Spec) -> str:
    """What forbids writing; "" also where that cannot be told without leaving something behind."""
    if spec.scheme != "file":
        return ""
    path = remote.unquote(spec.location)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    if not os.path.isdir(path):
        return f"{path} is not a directory"
    return "" if os.access(path, os.W_OK | os.X_OK) else f"this user may not write in {path}"
