"""World: whether a process of our own PID namespace is dead, for certain."""

import posix
import sys

from neffcache import holders

LIVES = "is alive"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neffcache.holders import Process


def doubt(process: "Process") -> str:
    """What speaks against a process of our own PID namespace being dead; "" when nothing does."""
    psutil = _psutil()
    if psutil is None:
        return "cannot be looked for (psutil is not installed)"
    try:
        start = holders.started(process.pid)
    except (OSError, ValueError):
        if _answers(process.pid) or psutil.pid_exists(process.pid):
            return "cannot be looked at"
        return ""
    if start != process.start:
        return ""  # another has its number by now
    try:
        zombie = psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        # The first thread may have ended before others that still run.
        threads = posix.listdir(f"/proc/{process.pid}/task")
    except (psutil.Error, OSError):
        return "was just ending"
    return "" if zombie and threads == [str(process.pid)] else LIVES


def _psutil() -> "Any":
    try:
        import psutil
    except ImportError:
        if not sys.flags.no_site:
            return None
        from neffcache.errors import RemoteError
        from neffcache.hub import installed

        try:  # a process of ours, which sees no packages of itself
            installed.make_importable("psutil")
            import psutil
        except (ImportError, RemoteError):
            return None
    return psutil


def _answers(pid: int) -> bool:
    """Whether a signal would reach it: other users' processes may be hidden in /proc."""
    try:
        posix.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
