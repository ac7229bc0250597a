"""Noun: what the files of an entry say of it: whole, failed, in progress, or of an old compiler."""

from neffcache.native import names

WHOLE, FAILED, LOCKED, OLD, PARTIAL = "whole", "failed", "locked", "old", "partial"
# Why an entry in such a state is neither pushed nor planted.
WHY = {
    FAILED: "its compile failed",
    LOCKED: "a compile holds its lock, or died with it",
    OLD: "of a compiler up to 2.12: nothing says that it is whole",
    PARTIAL: "not complete",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def of(found: "Collection[str]", *, locks: bool = True) -> str:
    """The state that the names of an entry's files stand for.

    Args:
        locks: whether a lock file among them counts; on a remote it is a copy that nobody holds.
    """
    if locks and any(name.endswith(names.LOCK) for name in found):
        return LOCKED
    if names.NEFF in found:
        if names.DONE in found:
            return WHOLE
        old = names.OLD_HLO in found or names.OLD_FLAGS in found
        return OLD if old else PARTIAL
    return FAILED if names.LOG in found else PARTIAL
