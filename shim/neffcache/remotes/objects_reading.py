"""Whole: one object on its way from a bucket into a file: one stream, or several ranges at once."""

import posix
import threading
import time

from neffcache.errors import RemoteError
from neffcache.objects import answers

# What has more is no object of ours: its ranges alone would fill the memory.
MOST = 1 << 40
# From here on several connections are quicker than one.
LARGE = 32 << 20
_RANGE = 8 << 20
_THREADS = 4
# Written in one go; what comes slowly is written as it comes.
_BATCH = 1 << 20
_SOON = 0.1
# So often a range is asked for anew when it broke off after some of it had come.
_CUTS = 4
_FLAGS = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neffcache.objects.client import Client
    from neffcache.remote import Progress


def fetch(client: "Client", name: str, into: str, progress: "Progress") -> bool:
    """Write an object into a file; False when it is absent.

    Raises:
        RemoteError, OSError (the file).
    """
    try:
        first = client.get(name)
    except answers.Absent:
        return False
    out = posix.open(into, _FLAGS, 0o600)
    try:
        Download(client, name, first, out).run(progress)
    finally:
        posix.close(out)
    return True


class Download:
    """An object of which the first answer is there.

    The file is cut into ranges, taken one after the other by whoever is free; the first one is
    what the first answer begins with. All are of one version of the object: that of its ETag.
    """

    def __init__(self, client: "Client", name: str, first: "Any", out: int) -> None:
        """Nothing has been read yet.

        Args:
            first: a GetResult of the whole object.
            out: a descriptor that is written by position.
        """
        self._client = client
        self._name = name
        self._first = first
        self._out = out
        meta = first.meta
        self._size = int(meta["size"])
        if self._size > MOST:
            what = f"{client.place.host}: it says that {name} has {self._size} bytes"
            raise RemoteError(what, "give the cache a place of its own")
        self._tag = str(meta.get("e_tag") or "")
        self._ranged = (
            self._size > LARGE
            and not client.proxied
            and self._tag != ""
            and not self._tag.startswith("W/")
        )
        piece = _RANGE if self._ranged else max(self._size, 1)
        count = max(-(-self._size // piece), 1)
        self._ends = [min((number + 1) * piece, self._size) for number in range(count)]
        # How far each range has come; which is the first one that is not complete.
        self._at = [number * piece for number in range(count)]
        self._open = 0
        self._next = 0
        self._taking = threading.Lock()
        self._stopped = False
        self._problem: BaseException | None = None
        self._moved = threading.Event()
        self._alive = 0

    def run(self, progress: "Progress") -> None:
        """Read all of it; `progress` is given the bytes that stand in the file from its start."""
        if not self._ranged:
            self._next = 1
            self._pour(0, self._out, lambda: progress(self._at[0]))
        else:
            self._run_ranges(progress)
        if self._at != self._ends:
            raise RemoteError(f"{self._client.place.host}: its answer is shorter than it says")
        progress(self._size)

    def _run_ranges(self, progress: "Progress") -> None:
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(_THREADS)]
        self._alive = len(threads)
        try:
            for thread in threads:
                thread.start()
            while self._alive and self._problem is None:
                if self._moved.wait(_SOON):
                    self._moved.clear()
                    progress(self._frontier())
        finally:
            self._stopped = True
            for thread in threads:  # one that hangs is left behind, with a descriptor of its own
                if thread.ident is not None:
                    thread.join(_SOON)
        if self._problem is not None:
            raise self._problem

    def _work(self) -> None:
        try:
            out = posix.dup(self._out)
            try:
                while (number := self._take()) >= 0:
                    self._pour(number, out, self._moved.set)
            finally:
                posix.close(out)
        except BaseException as error:
            self._problem = self._problem or error
        finally:
            with self._taking:
                self._alive -= 1
            self._moved.set()

    def _take(self) -> int:
        """The number of a range that nobody reads yet; -1: there is none."""
        with self._taking:
            if self._stopped or self._problem is not None or self._next == len(self._ends):
                return -1
            self._next += 1
            return self._next - 1

    def _frontier(self) -> int:
        """Up to where nothing is missing."""
        while self._open < len(self._ends) - 1 and self._at[self._open] == self._ends[self._open]:
            self._open += 1
        return self._at[self._open]

    def _pour(self, number: int, out: int, tell: "Callable[[], None]") -> None:
        """Read one range to its end, asking for the rest again where it broke off."""
        for _ in range(_CUTS):
            before = self._at[number]
            try:
                self._pour_once(number, out, tell)
                return
            except RemoteError as error:
                may_go_on = self._ranged and not isinstance(error, answers.Changed)
                if not may_go_on or self._at[number] == before:
                    raise
        raise RemoteError(f"{self._client.place.host}: its answers break off again and again")

    def _pour_once(self, number: int, out: int, tell: "Callable[[], None]") -> None:
        pieces = iter(self._answer(number).stream(min_chunk_size=1))
        batch: list[Any] = []
        size, told = 0, time.monotonic()
        while not self._stopped and self._at[number] + size < self._ends[number]:
            piece = self._client.call(lambda: next(pieces, None), bound=True)
            if piece is None:
                break
            batch.append(piece)
            size += len(piece)
            if size >= _BATCH or time.monotonic() - told >= _SOON:
                self._write(number, out, batch)
                tell()
                batch, size, told = [], 0, time.monotonic()
        self._write(number, out, batch)
        tell()

    def _answer(self, number: int) -> "Any":
        first, start, end = self._first, self._at[number], self._ends[number]
        if number == 0 and first is not None:
            self._first = None
            return first
        try:
            answer = self._client.get(self._name, range=(start, end), if_match=self._tag)
        except answers.Absent:
            raise answers.Changed("it was removed while it was read") from None
        if str(answer.meta.get("e_tag") or "") != self._tag or answer.meta["size"] != self._size:
            raise answers.Changed("it has become another object while it was read")
        if tuple(answer.range) != (start, end):
            raise RemoteError(f"{self._client.place.host}: another range than the one asked for")
        return answer

    def _write(self, number: int, out: int, batch: "list[Any]") -> None:
        """Nothing is written behind the end of a range: of the first answer more may have come."""
        for piece in batch:
            left = self._ends[number] - self._at[number]
            view = memoryview(piece)[:left]
            while len(view) > 0 and not self._stopped:
                done = posix.pwrite(out, view, self._at[number])
                self._at[number] += done
                view = view[done:]
