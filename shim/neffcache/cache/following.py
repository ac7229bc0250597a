"""Whole: check a bundle while it is being written: a thread reads behind the writer."""

import posix

from neffcache import files
from neffcache.entry import index as layout
from neffcache.entry import read
from neffcache.errors import EntryError

# So much at once: fewer hand-overs between the two threads.
_STEP = 1 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.entry.index import Index, Member
    from neffcache.files import Hash


class Follower:
    """Checks a bundle's members as they arrive.

    The writer says how far it is with `arrived`, and with `finish` that nothing more comes. Both
    raise EntryError as soon as it is known that this is not the bundle it should be.

    Attributes:
        index: None until enough has arrived to read it.
    """

    def __init__(self, path: str, key: str) -> None:
        """Follow the file at this path, which is there and may be empty. Raises OSError."""
        import threading

        self.index: Index | None = None
        self._key = key
        self._fd = files.open_read(path)
        # One for all: a fresh piece of memory for each read costs as much as the reading.
        self._buffer = memoryview(bytearray(files.CHUNK))
        self._there = 0
        self._over = False
        self._problem: EntryError | OSError | None = None
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def arrived(self, count: int) -> None:
        """So many bytes stand in the file, from its beginning."""
        if self.index is None:
            self.index = self._head(count)
            if self.index is None:
                return
            self._start(self.index)
        if count > self.index.end:
            raise EntryError(f"more than the {self.index.end} bytes it may have")
        with self._change:
            if count - self._there >= _STEP or count == self.index.end:
                self._there = count
                self._change.notify()
            problem = self._problem
        if problem is not None:
            raise problem

    def finish(self, waiting: "Callable[[], None]") -> "Index":
        """All has arrived: the index of a bundle of which every byte has been checked.

        Args:
            waiting: called again and again until the last byte has been.
        """
        self.arrived(posix.fstat(self._fd).st_size)
        if self.index is None:
            raise EntryError("not a bundle")
        self._end()
        while self._thread is not None and self._thread.is_alive():
            waiting()
            self._thread.join(0.05)
        if self._problem is not None:
            raise self._problem
        return self.index

    def close(self) -> None:
        """Let go of the file, whatever it was."""
        self._end()
        if self._thread is not None:
            self._thread.join()
        posix.close(self._fd)

    def _end(self) -> None:
        with self._change:
            self._over = True
            self._change.notify()

    def _head(self, count: int) -> "Index | None":
        """The index, once it is there as a whole."""
        if count < layout.BLOCK:
            return None
        size = read.index_size(posix.pread(self._fd, layout.BLOCK, 0))
        if count < layout.BLOCK + size:
            return None
        return layout.parse(posix.pread(self._fd, size, layout.BLOCK), self._key)

    def _start(self, index: "Index") -> None:
        import threading

        self._thread = threading.Thread(target=self._work, args=(index,), daemon=True)
        self._thread.start()

    def _work(self, index: "Index") -> None:
        try:
            made = files.new_hash(index.manifest_size)
            self._pour(made, index.manifest_offset, index.manifest_size)
            if made.hexdigest() != index.manifest_digest:
                raise EntryError("the digest of the manifest does not match")
            for member in index.members:
                if self._digest_member(index, member) != member.digest:
                    raise EntryError(f"the digest of {member.role} does not match")
        except (EntryError, OSError) as error:
            with self._change:
                self._problem = error

    def _digest_member(self, index: "Index", member: "Member") -> str:
        made = files.new_hash(member.size)
        neff = index.members[0]
        for segment in member.segments:
            at = (member.offset if segment.own else neff.offset) + segment.start
            self._pour(made, at, segment.size)
        return made.hexdigest()

    def _pour(self, made: "Hash", at: int, size: int) -> None:
        end = at + size
        while at < end:
            there = min(self._wait(min(at + _STEP, end)), end)
            while at < there:
                count = posix.preadv(self._fd, [self._buffer[: there - at]], at)
                if not count:
                    raise EntryError("truncated")
                made.update(self._buffer[:count])
                at += count

    def _wait(self, wanted: int) -> int:
        """How much is there, once it is as much as this. Raises EntryError when it never will."""
        with self._change:
            while self._there < wanted:
                if self._over:
                    raise EntryError("truncated")
                self._change.wait()
            return self._there
