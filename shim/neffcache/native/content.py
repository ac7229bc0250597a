"""Noun: one pass over a file of an entry: its digests, and whether a NEFF is complete."""

import posix

from neffcache import files, neff
from neffcache.entry import wrapped
from neffcache.errors import EntryError

_GIT = 40  # hex digits of a git blob's SHA-1; an LFS object's SHA-256 has 64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Content:
    """What a file holds.

    Attributes:
        size: bytes; sha256: in hex.
        problem: what is wrong with it as a NEFF; "" when it is complete, or not asked.
    """

    __slots__ = ("_git", "problem", "sha256", "size")

    def __init__(self, size: int, sha256: str, git: str, problem: str) -> None:
        self.size = size
        self.sha256 = sha256
        self._git = git
        self.problem = problem

    def matches(self, digest: str) -> bool:
        """Whether a digest of the Hub (SHA-256, or git's SHA-1 of a blob) is that of the file."""
        return digest == (self._git if len(digest) == _GIT else self.sha256)


def examine(path: str, tick: "Callable[[], None]", *, as_neff: bool = False) -> Content:
    """Read a file from its beginning to its end.

    Args:
        tick: called again and again while work goes on.

    Raises:
        EntryError: it changes its size meanwhile; OSError: it cannot be read.
    """
    from hashlib import sha1, sha256

    fd = files.open_read(path)
    try:
        size = posix.fstat(fd).st_size
        made, git = sha256(), sha1(b"blob %d\0" % size, usedforsecurity=False)
        check = neff.Check(size) if as_neff else None
        done = 0
        while part := posix.read(fd, files.CHUNK):
            done += len(part)
            made.update(part)
            git.update(part)
            if check is not None:
                check.feed(part)
            tick()
    finally:
        posix.close(fd)
    if done != size:
        raise EntryError("a file changed while it was read")
    return Content(size, made.hexdigest(), git.hexdigest(), check.finish() if check else "")


def check_wrapper(wrapper: str, neff_path: str) -> None:
    """Raises EntryError unless a wrapped_neff.hlo holds this very NEFF; OSError."""
    fds = [files.open_read(wrapper)]
    try:
        fds.append(files.open_read(neff_path))
        sizes = [posix.fstat(fd).st_size for fd in fds]
        if wrapped.find(fds[0], sizes[0], fds[1], sizes[1]) is None:
            raise EntryError("its wrapped_neff.hlo holds another NEFF")
    finally:
        for fd in fds:
            posix.close(fd)
