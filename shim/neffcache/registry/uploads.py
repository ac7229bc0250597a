"""World: a part of a file into a registry as a blob: in one piece, or in many that can resume."""

import time

from neffcache import files
from neffcache.errors import RemoteError
from neffcache.registry import answers, client
from neffcache.registry.broken import Broken
from neffcache.registry.request import Request, Source

# Up to this size in one request; else in pieces, of which one that broke off is sent again.
SMALL = 8 << 20
_PIECE = 64 << 20
_TRIES, _PAUSE = 3, 0.3
# So a registry says that it does not take pieces.
_NO_PIECES = (400, 405, 411, 501)
# To close an upload a registry may read all of it again, or copy it.
_PATIENCE, _RATE = 60.0, 50e6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.registry.client import Client
    from neffcache.remote import Progress


class Upload:
    """A blob on its way into a registry.

    Args:
        fd: of the file; size, digest: of all of it.
        progress: is given the bytes that have been handed over; they never become fewer.
    """

    __slots__ = (
        "_client",
        "_digest",
        "_fd",
        "_most",
        "_progress",
        "_size",
        "_url",
        "_vain",
        "_whole",
    )

    def __init__(
        self, client: "Client", fd: int, size: int, digest: str, progress: "Progress"
    ) -> None:
        self._client = client
        self._fd = fd
        self._size = size
        self._digest = digest
        self._progress = progress
        self._most = self._vain = 0
        self._url = ""
        self._whole = size <= SMALL

    def stands(self) -> bool:
        """Whether the registry has it already. Raises RemoteError."""
        told = self._client.tell(Request("HEAD", self._blob()))
        if told.status == 200:
            return told.headers.get("content-length", str(self._size)) == str(self._size)
        # Why somebody may not look is told to who tries to send, by an answer with a body.
        client.check(told, self._client.shown(), (403, 404, 405), writing=True)
        return False

    def run(self, mount: str = "") -> None:
        """Send it.

        Args:
            mount: another repository of the registry, which may have it.

        Raises:
            RemoteError, RefusedError; OSError: the file; whatever the progress raises.
        """
        for turn in range(_TRIES):
            try:
                if not self._begin(mount):
                    self._send()
                return
            except _Lost as lost:
                if turn == _TRIES - 1:
                    raise lost.error from None
                self._rest()

    def _begin(self, mount: str) -> bool:
        """Open an upload; True: there is no need to, it was taken from the other repository."""
        path = "blobs/uploads/"
        if mount:
            path += f"?mount=sha256:{self._digest}&from={mount}"
        told = self._client.tell(Request("POST", self._client.place.url(path)))
        if mount and told.status == 201:
            return True
        client.check(told, self._client.shown(), (202,), writing=True)
        self._move(self._client.place.url(path), told.headers)
        return False

    def _send(self) -> None:
        done = 0
        while done < self._size and not self._whole:
            done = self._send_piece(done)
        self._close(done)

    def _send_piece(self, start: int) -> int:
        """Send one piece; how much the registry has then."""
        size = min(_PIECE, self._size - start)
        kind = {"Content-Type": "application/octet-stream"}
        # As registries want it: without the unit of HTTP.
        kind["Content-Range"] = f"{start}-{start + size - 1}"
        request = Request("PATCH", self._url, kind, self._part(start, size))
        try:
            told = self._tell(request)
        except Broken as error:
            return self._resume(start, error)
        if told.status in _NO_PIECES:
            self._whole = True
            raise _Lost(answers.failure(told, self._client.shown(), writing=True))
        if told.status in (404, 416) or _passes(told):
            return self._resume(start, answers.failure(told, self._client.shown()))
        client.check(told, self._client.shown(), (202, 201, 204), writing=True)
        self._move(self._url, told.headers)
        return start + size

    def _resume(self, start: int, error: RemoteError) -> int:
        """How much of the upload the registry has, after a piece that failed."""
        self._vain += 1
        if self._vain > _TRIES:
            raise error
        self._rest()
        try:
            told = self._client.tell(Request("GET", self._url))
        except Broken:
            raise error from None
        end = told.headers.get("range", "").removeprefix("bytes=").partition("-")[2]
        if told.status not in (200, 202, 204) or not end.isdigit():
            raise _Lost(error)
        self._move(self._url, told.headers)
        # An empty one is told as 0-0 as well as one of a single byte.
        has = int(end) + 1 if int(end) else 0
        if has > self._size:
            raise _Lost(error)
        if has > start:
            self._vain = 0
        return has

    def _close(self, start: int) -> None:
        """Send the rest, with the digest, and wait until the blob stands."""
        mark = "&" if "?" in self._url else "?"
        kind = {"Content-Type": "application/octet-stream"}
        rest = self._part(start, self._size - start)
        request = Request("PUT", f"{self._url}{mark}digest=sha256:{self._digest}", kind, rest)
        request.patience = _PATIENCE + self._size / _RATE
        try:
            told = self._tell(request)
        except Broken as error:
            if self.stands():
                return
            raise _Lost(error) from None
        if told.status == 404 or _passes(told):
            raise _Lost(answers.failure(told, self._client.shown()))
        client.check(told, self._client.shown(), (201, 204), writing=True)

    def _part(self, start: int, size: int) -> Source:
        return Source(self._fd, start, size, lambda count: self._passed(start + count))

    def _tell(self, request: Request) -> "answers.Told":
        request.tick = lambda: self._progress(self._most)
        return self._client.tell(request)

    def _passed(self, count: int) -> None:
        self._most = max(self._most, count)
        self._progress(self._most)

    def _rest(self) -> None:
        self._progress(self._most)
        time.sleep(_PAUSE)

    def _move(self, url: str, headers: "dict[str, str]") -> None:
        """Go on where the last answer says."""
        self._url = self._client.beside(url, headers.get("location", ""))

    def _blob(self) -> str:
        return self._client.place.url(f"blobs/sha256:{self._digest}")


class _Lost(Exception):
    """The registry has forgotten the upload: to be begun anew, or given up with this error."""

    def __init__(self, error: RemoteError) -> None:
        super().__init__(str(error))
        self.error = error


def _passes(told: answers.Told) -> bool:
    """Whether it may be over in a moment; not where a longer pause is asked for."""
    return told.status >= 500 and "retry-after" not in told.headers


def send_small(to: "Client", data: bytes) -> None:
    """A small blob that is in memory. Raises RemoteError, RefusedError."""
    request = Request("POST", to.place.url("blobs/uploads/"))
    told = client.check(to.tell(request), to.shown(), (202,), writing=True)
    url = to.beside(request.url, told.headers.get("location", ""))
    url += ("&" if "?" in url else "?") + f"digest=sha256:{files.digest(data)}"
    kind = {"Content-Type": "application/octet-stream"}
    client.check(to.tell(Request("PUT", url, kind, data)), to.shown(), (201, 204), writing=True)


def try_push(to: "Client") -> None:
    """Begin an upload and give it up. Raises RemoteError, RefusedError."""
    request = Request("POST", to.place.url("blobs/uploads/"))
    told = client.check(to.tell(request), to.shown(), (202,), writing=True)
    url = to.beside(request.url, told.headers.get("location", ""))
    try:
        to.tell(Request("DELETE", url))
    except RemoteError:
        pass  # registries clear what nobody finishes
