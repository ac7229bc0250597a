"""Noun: show that wrapped_neff.hlo holds a NEFF's bytes, so that it need not repeat them."""

import posix

from neffcache import files
from neffcache.entry.index import Segment

_NEEDLE = 1024  # the NEFF's header, with its random uuid


def find(wrapped: int, wrapped_size: int, neff: int, neff_size: int) -> "list[Segment] | None":
    """The runs of the wrapped file (own, NEFF, own), or None when it does not hold the NEFF.

    Args:
        wrapped, neff: descriptors for positioned reads.
        wrapped_size, neff_size: bytes.
    """
    needle = posix.pread(neff, min(_NEEDLE, neff_size), 0)
    at = _search(wrapped, wrapped_size, needle)
    if not needle or at < 0 or not _equal(wrapped, at, neff, neff_size):
        return None
    end = at + neff_size
    runs = [Segment(True, 0, at), Segment(False, 0, neff_size)]
    runs.append(Segment(True, end, wrapped_size - end))
    return [run for run in runs if run.size]


def _search(fd: int, size: int, needle: bytes) -> int:
    at, tail = 0, b""
    while at < size:
        part = posix.pread(fd, files.CHUNK, at)
        if not part:
            return -1
        window = tail + part
        found = window.find(needle)
        if found >= 0:
            return at - len(tail) + found
        at += len(part)
        tail = window[-(len(needle) - 1) :]
    return -1


def _equal(wrapped: int, at: int, neff: int, neff_size: int) -> bool:
    done = 0
    while done < neff_size:
        mine = posix.pread(neff, files.CHUNK, done)
        theirs = posix.pread(wrapped, len(mine), at + done)
        if not mine or mine != theirs:
            return False
        done += len(mine)
    return True
