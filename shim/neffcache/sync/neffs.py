"""Door: directories of NEFFs that have no key: what was compiled there past the shim is counted."""

import posix
import time

from neffcache import files
from neffcache.native import names
from neffcache.sync.known import mark

_ENDING = ".neff"
_MOST_DIRECTORIES, _MOST_FILES, _DEPTH = 5000, 50_000, 6
# How soon a directory is looked at again; the files in it are of interest to nobody but `stats`.
_PAUSE, _REST = 10.0, 3000.0
# A compile through the shim writes its line some time after its NEFF.
_PATIENCE = 30.0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from neffcache.cache.neff_digests import NeffDigests
    from neffcache.sync.known import Known
    from neffcache.sync.noticing import Allowance


class _File:
    """A NEFF that has not been judged.

    Attributes:
        first: when it was first seen so, by the clock that nobody sets; digest: "": not read yet.
    """

    __slots__ = ("digest", "first", "mark", "size")

    def __init__(self, made: int, size: int, first: float) -> None:
        self.mark = made
        self.size = size
        self.first = first
        self.digest = ""


class NeffRoot:
    """A directory with NEFFs in it, at any depth.

    Attributes:
        how: how it is watched, or why it is not; problem: what is wrong with it, or "".
        known: the files that have been seen to; first: whether nobody has looked yet.
        past: how many NEFFs were found that did not come through the shim.
    """

    def __init__(self, path: str, known: "Known", digests: "NeffDigests") -> None:
        self.path = path
        self.known = known
        self._digests = digests
        self._open: dict[str, _File] = {}
        self._next = 0.0
        self.how, self.problem = "not there", ""
        self.past = 0
        self.first = True

    def look(self, now: float, allowance: "Allowance", *, full: bool = False) -> None:
        """Look for NEFFs, and judge those that have been there for a while.

        Args:
            full: this is the last look: whoever was to write a line has done so.
        """
        if now < self._next and not full:
            return
        self.problem = ""
        started = time.process_time()
        try:
            self._collect(now)
        except OSError as error:
            self.how = "not there" if error.errno == 2 else "unreadable"
            return
        finally:
            self._next = now + max(_PAUSE, _REST * (time.process_time() - started))
        self.how = "polling"
        self.known.begin()
        ripe = [path for path, one in self._open.items() if full or now - one.first >= _PATIENCE]
        self._judge(ripe, allowance)
        self.first = False

    def skip(self) -> None:
        """Take all that was found as known."""
        self.known.add([one.mark for one in self._open.values()])
        self._open = {}

    def _collect(self, now: float) -> None:
        found: dict[str, _File] = {}
        for path, stat in self._walk():
            made = mark(f"{path}\n{stat.st_size}", stat.st_mtime_ns)
            if made in self.known:
                continue
            one = self._open.get(path)
            found[path] = one if one and one.mark == made else _File(made, stat.st_size, now)
            if len(found) >= _MOST_FILES:
                self.problem = f"{self.path} holds too many files: only some are counted"
                break
        self._open = found

    def _walk(self) -> "Iterator[tuple[str, posix.stat_result]]":
        """Every NEFF of our own, with its state; nothing in entries of libneuronxla."""
        left = [(self.path, 0)]
        seen = 0
        while left:
            directory, depth = left.pop()
            seen += 1
            if seen > _MOST_DIRECTORIES:
                self.problem = f"{self.path} holds too many directories: only some are looked at"
                return
            for row in _rows(directory, depth):
                if not row.is_dir(follow_symlinks=False):
                    stat = _state(row)
                    if stat is not None:
                        yield row.path, stat
                elif depth < _DEPTH and not row.name.startswith(names.MODULE):
                    left.append((row.path, depth + 1))

    def _judge(self, paths: "list[str]", allowance: "Allowance") -> None:
        read = [path for path in paths if self._digest(path, allowance)]
        if not read:
            return
        self._digests.refresh()
        judged = [self._open.pop(path) for path in read]
        self.known.add([one.mark for one in judged])
        self.past += sum(one.digest not in self._digests for one in judged)

    def _digest(self, path: str, allowance: "Allowance") -> bool:
        """Read a file, when that may be done now."""
        one = self._open[path]
        if not allowance.take(one.size):
            return False
        made = files.new_hash(one.size)
        try:
            fd = files.open_read(path)
        except OSError:
            return False
        try:
            while part := posix.read(fd, files.CHUNK):
                made.update(part)
        except OSError:
            return False
        finally:
            posix.close(fd)
        one.digest = made.hexdigest()
        return True


def _rows(directory: str, depth: int) -> "list[posix.DirEntry[str]]":
    """What is in a directory; only the first one has to be there. Raises OSError."""
    try:
        with posix.scandir(directory) as rows:
            return [row for row in rows if row.name.endswith(_ENDING) or row.is_dir()]
    except OSError:
        if depth == 0:
            raise
        return []


def _state(row: "posix.DirEntry[str]") -> "posix.stat_result | None":
    try:
        stat = row.stat(follow_symlinks=False)
    except OSError:
        return None
    ours = files.is_regular(stat.st_mode) and stat.st_uid == posix.geteuid()
    return stat if ours and stat.st_size else None
