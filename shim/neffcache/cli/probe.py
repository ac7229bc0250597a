"""Door: the process that tries a remote for `neffcache doctor`, so that nobody hangs in it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from neffcache import processes, remote
from neffcache.cache import reports
from neffcache.errors import NeffcacheError, RefusedError
from neffcache.hub import answers

if TYPE_CHECKING:
    from neffcache.remote import Probing

NAME = "neffcache-probe"
# Asked for and never there.
_NOTHING = "neffcache/v1/00/" + "0" * 64 + "/entry"
MODULE = "neffcache.cli.probe"


def main(arguments: list[str]) -> None:
    """Try one remote: `<url> <mode>`.

    Writes `busy` while at it, with what comes next (`read` or `write`); `fact NAME VALUE` for what
    it learns; at the end `good`, `readonly WHY`, `refused WHY` (reading) or `failed WHY`.
    """
    processes.become_helper(NAME)
    processes.hush()
    try:
        reports.send(*_try(*arguments))
    except RefusedError as error:
        reports.send("refused", str(error))
    except (NeffcacheError, OSError) as error:
        reports.send("failed", str(error))
    except Exception as error:  # outermost: `doctor` is told, whatever it was
        why = answers.harmless(str(error))
        reports.send("failed", f"unexpected {type(error).__name__}: {why}")
    reports.end()


def _try(url: str, mode: str) -> tuple[str, str]:
    spec = remote.parse(url)
    spec.mode = mode
    reports.send("busy", "read")
    opened: Any = remote.open_remote(spec, dict(os.environb))
    made: Probing = opened
    reports.send("fact identity", made.identity())
    if spec.reads:
        reports.send("busy", "read")
        started = time.monotonic()
        _look_up(made)
        reports.send("fact latency", f"{time.monotonic() - started:.6f}")
        if why := getattr(made, "fault_of_mirror", str)():
            reports.send("fact mirror", why)
    if spec.writes:
        reports.send("busy", "write")
        try:
            made.exists([_NOTHING])
            made.try_write()
        except RefusedError as error:
            return "readonly", str(error)
    return "good", ""


def _look_up(made: Probing) -> None:
    """As a compile does whose graph nobody has compiled yet."""
    fd = os.memfd_create("nothing")
    try:
        made.fetch(_NOTHING, f"/proc/self/fd/{fd}", lambda _count: None)
    finally:
        os.close(fd)
