"""Door: nothing of ours raises into the library whose function we stand in for."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

_FALSE = ("", "0", "false", "no", "off")
# Variables that launchers give to each process of a host; "0" is the one that speaks for it.
_LOCAL_RANKS = ("LOCAL_RANK", "PJRT_LOCAL_PROCESS_RANK", "OMPI_COMM_WORLD_LOCAL_RANK")

# label → (how many faults, the first in words). For `status`.
faults: "dict[str, tuple[int, str]]" = {}
_said: "set[str]" = set()
# One item while the hooks are on: what stays of a replacement after `disable` does nothing.
switched_on: "list[bool]" = []


def attempt(label: str, work: "Callable[P, T]", *args: "P.args", **words: "P.kwargs") -> "T | None":
    """What `work` returns; None where it fails, or while the hooks are off: see `protect`."""
    return protect(label, work, *args, **words) if switched_on else None


def protect(label: str, work: "Callable[P, T]", *args: "P.args", **words: "P.kwargs") -> "T | None":
    """What `work` returns; None where it fails.

    A fault is counted, and the first of a label is logged. NEFFCACHE_STRICT=1 raises it instead.
    """
    try:
        return work(*args, **words)
    except Exception as error:  # the law: a fault of ours never breaks what we stand in for
        if is_strict():
            raise
        note_fault(label, error)
        return None


def note_fault(label: str, error: BaseException) -> None:
    """Count a fault; log the first."""
    count, first = faults.get(label, (0, ""))
    if not count:
        first = f"{type(error).__name__} at {_place(error)}"
        say(label, f"{first}: goes on without (NEFFCACHE_STRICT=1 raises it)")
    faults[label] = (count + 1, first)


def say(label: str, words: str) -> None:
    """Log one line, the same one once a process; never raises, never with what may be secret."""
    line = f"neffcache hooks: {label}: {words}"
    if line in _said:
        return
    _said.add(line)
    try:
        import logging

        level = logging.WARNING if is_main() else logging.INFO
        logging.getLogger("neffcache").log(level, "%s", line)
        _append(label, words)
    except Exception:  # a handler of the user's, or a package of ours that is not whole
        return


def is_strict() -> bool:
    """Whether faults are raised, as the tests want it."""
    return os.environ.get("NEFFCACHE_STRICT", "").strip().lower() not in _FALSE


def is_main() -> bool:
    """Whether this process speaks for its host: the first of its ranks, or the only one."""
    for name in _LOCAL_RANKS:
        rank = os.environ.get(name)
        if rank:
            return rank == "0"
    return True  # a RANK alone does not say which host it is on


def _place(error: BaseException) -> str:
    """File and line where it was raised: what an exception says may hold what it was given."""
    trace, found = error.__traceback__, "?"
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
        found = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _append(label: str, words: str) -> None:
    """The line in the file that NEFFCACHE_LOG names, in the journal's form."""
    path = os.environ.get("NEFFCACHE_LOG", "")
    if not path.startswith("/"):
        return
    from neffcache import files, journal

    record = journal.Record()
    record.set(door="hook", hook=label, detail=words)
    files.append(path, record.line(), 0o666)
