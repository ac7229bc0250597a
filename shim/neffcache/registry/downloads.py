"""World: a blob of a registry into a file: resumed where it broke off, held against its digest."""

import posix

from neffcache import files
from neffcache.errors import RemoteError
from neffcache.registry import answers
from neffcache.registry.answers import Told
from neffcache.registry.broken import Broken
from neffcache.registry.request import Request

# Written while it is still in the processor's cache.
_PIECE = files.CHUNK
# So often it is gone on with while nothing more comes.
_MOST_VAIN = 2

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

    __slots__ = ("_buffer", "_fd", "digest", "done", "path", "progress")

    def __init__(self, path: str, digest: str, progress: "Progress") -> None:
        self._fd = -1
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
        vain = 0
        while True:
            before = self.done
            try:
                return self._once(client)
            except Broken:
                vain = 0 if self.done > before else vain + 1
                if vain >= _MOST_VAIN:
                    raise

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
            self._receive(reply)
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

    def _receive(self, reply: "Reply") -> None:
        if self._fd < 0:
            self._fd = create(self.path)
        buffer, fd, progress = self._buffer, self._fd, self.progress
        while count := reply.readinto(buffer):
            files.write_all(fd, buffer[:count])
            self.done += count
            progress(self.done)


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
    told = Told(reply.status, reply.headers, b"" if reply.status == 416 else reply.body())
    if not told.absent:
        raise answers.failure(told, client.shown())
    return False
