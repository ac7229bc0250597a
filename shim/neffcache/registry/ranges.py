"""World: the rest of a large blob by several connections at once, each of which brings a range."""

import posix
import threading

from neffcache import files
from neffcache.errors import RemoteError
from neffcache.registry.broken import Broken
from neffcache.registry.request import Request

_RANGE = 8 << 20
_CONNECTIONS = 4
# So often it is gone on with while nothing more comes.
_MOST_VAIN = 2
_FREE, _WANTED, _TAKEN = range(3)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.registry.client import Client
    from neffcache.registry.wire import Reply


class _Stopped(Exception):
    """Nobody wants the rest any more."""


class Ranges:
    """What is missing of a blob of which a stream brings all: cut, so that others help it.

    The stream goes on from range to range until it comes to one that a helper has. A helper asks
    for a range first, and has it when the answer is there: so of a server that knows no ranges, or
    has had enough, there is still the stream, as if nobody had asked. A blob never changes behind
    its digest: nothing has to tie its ranges together.

    Attributes:
        moved: set whenever a helper has come to the end of a range, or gives up.
    """

    def __init__(self, client: "Client", url: str, fd: int, start: int, size: int) -> None:
        """Nobody helps yet.

        Args:
            url: of the blob; fd: of the file, which is written by position.
            start: where the stream is; size: of the blob.
        """
        self._client = client
        self._url = url
        self._fd = fd
        self._size = size
        self._at = list(range(start, size, _RANGE))
        self._ends = [*self._at[1:], size]
        self._state = [_TAKEN] + [_FREE] * (len(self._at) - 1)
        self._stream = self._open = 0
        # Held to write, too: nothing is written any more once it has been stopped.
        self._lock = threading.Lock()
        self._stopped = self._enough = False
        self._helpers, self._most = 0, _CONNECTIONS - 1
        self._replies: set[Reply] = set()
        self._problem: OSError | None = None
        self.moved = threading.Event()

    @property
    def room(self) -> int:
        """How many bytes the stream may bring before it asks again."""
        return self._ends[self._stream] - self._at[self._stream]

    def brought(self, count: int) -> bool:
        """So many bytes the stream has written; whether it has to bring more."""
        self._at[self._stream] += count
        if self.room:
            return True
        with self._lock:
            more = self._stream + 1
            if more == len(self._state) or self._state[more] == _TAKEN:
                return False
            self._state[more] = _TAKEN
            # Its bytes come in their order: what a helper left half done is brought once more.
            self._at[more] = self._ends[self._stream]
            self._stream = more
            return True

    def leave(self) -> None:
        """The stream has ended: what it has not brought is for the helpers."""
        with self._lock:
            if self.room:
                self._state[self._stream] = _FREE
            self._most = _CONNECTIONS
        self.help()

    def help(self) -> None:
        """One helper more, who calls the next: unless there are enough, or one was of no use."""
        with self._lock:
            if self._stopped or self._enough or self._helpers == self._most:
                return
            thread = threading.Thread(target=self._work, daemon=True)
            try:
                thread.start()
                self._helpers += 1
            except RuntimeError:  # no more threads for this user
                self._enough = True

    @property
    def helped(self) -> bool:
        """Whether anybody is still helping."""
        return self._helpers > 0

    @property
    def count(self) -> int:
        """How much has come, wherever it belongs, and a number besides that stays the same."""
        return sum(self._at)

    def frontier(self) -> int:
        """Up to where nothing is missing. Raises OSError: a helper could not write."""
        if self._problem is not None:
            raise self._problem
        while self._open < len(self._at) - 1 and self._at[self._open] == self._ends[self._open]:
            self._open += 1
        return self._at[self._open]

    def stop(self) -> None:
        """Nothing is written any more. A helper who hangs where nobody can cut in is left."""
        with self._lock:
            self._stopped = True
            for reply in self._replies:
                reply.cut()

    def _work(self) -> None:
        buffer = memoryview(bytearray(files.CHUNK))
        try:
            while (number := self._want()) >= 0:
                self._bring(number, buffer)
        except _Stopped:
            pass
        except RemoteError:
            self._enough = True
        except OSError as error:
            self._problem = error
        finally:
            with self._lock:
                self._helpers -= 1
            self.moved.set()

    def _want(self) -> int:
        """The first range that nobody has; -1: there is none."""
        with self._lock:
            if self._stopped or _FREE not in self._state:
                return -1
            number = self._state.index(_FREE)
            self._state[number] = _WANTED
            return number

    def _bring(self, number: int, buffer: memoryview) -> None:
        mine = False

        def once() -> bool:
            nonlocal mine
            first = self._at[number]
            reply = self._ask(first, self._ends[number])
            try:
                mine = mine or self._take(number, first)
                if mine:  # else the stream was quicker
                    self._pour(reply, number, buffer)
            finally:
                with self._lock:
                    self._replies.discard(reply)
                reply.close()
            return True

        try:
            insist(once, lambda: self._at[number])
        finally:
            with self._lock:
                missing = self._at[number] < self._ends[number]
                if missing and (mine or self._state[number] == _WANTED):
                    self._state[number] = _FREE

    def _take(self, number: int, first: int) -> bool:
        """Whether a range is still to be had from that place on."""
        with self._lock:
            if self._state[number] != _WANTED or self._at[number] != first:
                return False
            self._state[number] = _TAKEN
            return True

    def _ask(self, first: int, end: int) -> "Reply":
        """The beginning of an answer that is this range, and nothing else."""
        request = Request("GET", self._url, {"Range": f"bytes={first}-{end - 1}"})
        request.tick, request.patience = self._check_wanted, self._client.net.stall / 2
        self._check_wanted()
        reply = self._client.ask(request)
        told = reply.headers.get("content-range", "").removeprefix("bytes ").partition("/")
        right = (
            reply.status == 206
            and told[0] == f"{first}-{end - 1}"
            and told[2] in (str(self._size), "*")
            and reply.left in (None, end - first)
        )
        if not right:
            reply.close()
            raise RemoteError(f"{reply.origin[1]}: not the range that was asked for")
        reply.hurry()
        self._hold(reply)
        self.help()
        return reply

    def _check_wanted(self) -> None:
        if self._stopped:
            raise _Stopped

    def _hold(self, reply: "Reply") -> None:
        with self._lock:
            self._replies.add(reply)
            if self._stopped:
                reply.cut()

    def _pour(self, reply: "Reply", number: int, buffer: memoryview) -> None:
        while left := self._ends[number] - self._at[number]:
            count = reply.readinto(buffer[: min(left, len(buffer))])
            if not count:
                raise Broken(f"{reply.origin[1]}: its answer broke off")
            self._write(number, buffer[:count])
        self.moved.set()

    def _write(self, number: int, data: memoryview) -> None:
        while data:
            with self._lock:
                if self._stopped:
                    raise _Stopped
                count = posix.pwrite(self._fd, data, self._at[number])
                self._at[number] += count
            data = data[count:]


def insist(step: "Callable[[], bool]", place: "Callable[[], int]") -> bool:
    """What a step says, taken again where it broke off, until that has led no further.

    Args:
        place: how far all steps have come.

    Raises:
        whatever the step raises, Broken among it.
    """
    vain = 0
    while True:
        before = place()
        try:
            return step()
        except Broken:
            vain = 0 if place() > before else vain + 1
            if vain >= _MOST_VAIN:
                raise
