"""World: a blob of a registry into a file: resumed where it broke off, held against its digest."""

import posix
import time

from neffcache import files
from neffcache.errors import RemoteError
from neffcache.registry import answers
from neffcache.registry.answers import Told
from neffcache.registry.broken import Broken
from neffcache.registry.ranges import Ranges, insist
from neffcache.registry.request import Request

# Written while it is still in the processor's cache.
_PIECE = files.CHUNK
# From here on several connections may be quicker than one, and are unless that one brings
# as much per second already: then what counts is what this machine can do.
LARGE, QUICK = 32 << 20, 400 << 20
MOST = 1 << 40
# How long (s) its speed is looked at; how often whoever brings nothing itself looks.
_SPAN = 0.1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.registry.client import Client
    from neffcache.registry.wire import Reply
    from neffcache.remote import Progress


class Download:
    """A blob on its way into a file. What stands in the file may come from several places.

    Attributes:
        path: of the file, which is made, or emptied, as soon as something comes.
        digest: of the blob; progress: is told what stands in the file.
        done: bytes that stand there, from its beginning.
    """

    __slots__ = ("_alone", "_buffer", "_fd", "digest", "done", "path", "progress")

    def __init__(self, path: str, digest: str, progress: "Progress") -> None:
        self._fd = -1
        self._alone = False
        self._buffer = memoryview(bytearray(_PIECE))
        self.path = path
        self.digest = digest
        self.progress = progress
        self.done = 0

    def close(self) -> None:
        """Let go of the file, whatever is in it."""
        if self._fd >= 0:
            posix.close(self._fd)

    def run(self, client: "Client") -> bool:
        """Get what is missing from one place; False: it does not have the blob.

        Raises:
            RemoteError: that place fails; OSError: the file; whatever the progress raises.
        """
        self._alone = False
        return insist(lambda: self._once(client), lambda: self.done)

    def restart(self) -> None:
        """Begin anew: what stands there is not what it should be. Raises OSError."""
        posix.ftruncate(self._fd, 0)
        posix.lseek(self._fd, 0, 0)
        self.done = 0

    def _once(self, client: "Client") -> bool:
        request = Request("GET", client.place.url(f"blobs/sha256:{self.digest}"))
        if self.done:
            request.headers["Range"] = f"bytes={self.done}-"
        reply = client.ask(request)
        try:
            if reply.status == 416 and self.done:
                return True  # nothing is missing, as its digest will tell
            if reply.status not in (200, 206):
                return _absent(reply, client)
            reply.hurry()
            self._skip(reply, self.done - _begin(reply))
            self._receive(reply, client)
        finally:
            reply.close()
        return True

    def _skip(self, reply: "Reply", count: int) -> None:
        """Leave out what is there already, from one who knows no ranges."""
        if count < 0:
            raise RemoteError(f"{reply.origin[1]}: not the range that was asked for")
        while count:
            got = reply.readinto(self._buffer[: min(count, _PIECE)])
            if not got:
                raise Broken(f"{reply.origin[1]}: its answer broke off")
            count -= got
            self.progress(self.done)

    def _receive(self, reply: "Reply", client: "Client") -> None:
        if self._fd < 0:
            self._fd = create(self.path)
        buffer, fd, progress = self._buffer, self._fd, self.progress
        shared = not self._alone and self._is_large(reply) and not client.net.proxied(reply.origin)
        since, before = time.monotonic(), self.done
        while count := reply.readinto(buffer):
            files.write_all(fd, buffer[:count])
            self.done += count
            progress(self.done)
            if shared and (spent := time.monotonic() - since) > _SPAN:
                if self.done - before < QUICK * spent:
                    return self._share(reply, client)
                since, before = since + spent, self.done
        return None

    def _is_large(self, reply: "Reply") -> bool:
        # What has more is no blob of ours: its ranges alone would fill the memory.
        return reply.left is not None and LARGE < self.done + reply.left <= MOST

    def _share(self, reply: "Reply", client: "Client") -> None:
        """Get the rest of an answer with the help of others. Raises Broken when some is missing."""
        size = self.done + (reply.left or 0)
        url = client.place.url(f"blobs/sha256:{self.digest}")
        ranges = Ranges(client, url, self._fd, self.done, size)
        try:
            ranges.help()
            try:
                self._stream(reply, ranges)
            except Broken:
                pass  # the others bring what is missing
            reply.close()
            ranges.leave()
            self._wait(ranges, size)
        finally:
            ranges.stop()
            if self.done < size:  # behind a gap there is nothing, for whoever goes on from here
                posix.ftruncate(self._fd, self.done)
                posix.lseek(self._fd, self.done, 0)
        if self.done < size:
            self._alone = True
            raise Broken(f"{reply.origin[1]}: its answers broke off")

    def _stream(self, reply: "Reply", ranges: Ranges) -> None:
        while count := reply.readinto(self._buffer[: min(ranges.room, _PIECE)]):
            files.write_all(self._fd, self._buffer[:count])
            more = ranges.brought(count)
            self._tell(ranges)
            if not more:
                return

    def _wait(self, ranges: Ranges, size: int) -> None:
        """Be woken by no more than the ends of ranges: each time costs whoever brings them."""
        before = ranges.count
        while self.done < size and ranges.helped:
            ranges.moved.wait(_SPAN)
            ranges.moved.clear()
            if ranges.count != before:
                before = ranges.count
                self._tell(ranges)
        self._tell(ranges)

    def _tell(self, ranges: Ranges) -> None:
        self.done = ranges.frontier()
        self.progress(self.done)


def create(path: str) -> int:
    """A file for writing, empty. Raises OSError."""
    return posix.open(path, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC, 0o600)


def _begin(reply: "Reply") -> int:
    """The place of the first byte that comes. Raises RemoteError."""
    if reply.status == 200:
        return 0
    words = reply.headers.get("content-range", "").replace("-", " ").split()
    if len(words) < 2 or words[0] != "bytes" or not words[1].isdigit():
        raise RemoteError(f"{reply.origin[1]}: a range that does not say which")
    return int(words[1])


def _absent(reply: "Reply", client: "Client") -> bool:
    """False where the blob is not there. Raises RemoteError."""
    body = b"" if reply.status == 416 else client.hidden(reply.body())
    told = Told(reply.status, reply.headers, body)
    if not told.absent:
        raise answers.failure(told, client.shown())
    return False
