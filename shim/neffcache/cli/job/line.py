"""Door: the one line that a job ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import outcome
from neffcache.cli import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.jobs import Queued
    from neffcache.journal_counts import Counts

_LOCAL = ("hit_local", "hit_waited")
_REMOTE = ("hit_remote", "hit_native")
_FAILED = ("compile_failed", "compile_killed")
_MOST = 200


def words(counts: Counts, queued: Queued, reason: Callable[[str], str]) -> str:
    """What a job's calls and uploads came to.

    Args:
        reason: why what waits for a destination (its name) still does.
    """
    found = counts.outcomes
    parts = [_hits(found)]
    compiled = _of_kind(found, outcome.MISS)
    failed = sum(found.get(name, 0) for name in _FAILED)
    parts.append(f"{compiled - failed} compiled")
    parts += [f"{failed} failed"] if failed else []
    passed, errors = _of_kind(found, outcome.BYPASS), _of_kind(found, outcome.ERROR)
    parts += [f"{passed} passed on"] if passed else []
    parts += [text.count(errors, "error")] if errors else []
    parts.append(_uploads(queued, reason))
    if counts.saved_seconds:
        parts.append(f"{text.seconds(counts.saved_seconds)} saved")
    return ", ".join(parts)


def _hits(found: dict[str, int]) -> str:
    local = sum(found.get(name, 0) for name in _LOCAL)
    remote = sum(found.get(name, 0) for name in _REMOTE)
    both = f" ({local} local, {remote} remote)" if local or remote else ""
    return text.count(local + remote, "hit") + both


def _uploads(queued: Queued, reason: Callable[[str], str]) -> str:
    waiting = {key for _name, key in queued.waiting}
    refused = {key for _name, key in queued.refused} - waiting
    sent = queued.sent - waiting - refused
    left = []
    if waiting:
        names = sorted({name for name, _key in queued.waiting})
        verb = "waits" if len(waiting) == 1 else "wait"
        left.append(f"{len(waiting)} {verb}: {text.short(reason(names[0]), _MOST)}")
    if refused:
        left.append(f"{len(refused)} refused, see `neffcache stats`")
    return f"{len(sent)} uploaded" + (f" ({'; '.join(left)})" if left else "")


def _of_kind(found: dict[str, int], kind: str) -> int:
    return sum(number for name, number in found.items() if _kind(name) == kind)


def _kind(name: str) -> str:
    try:
        return outcome.kind(name)
    except KeyError:
        return ""  # of another version
