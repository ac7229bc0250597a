"""Whole: one object on its way into a bucket: in one piece, or in parts in bounded memory."""

import posix
import threading
import time

from neffcache import files
from neffcache.errors import RefusedError, RemoteError
from neffcache.objects import answers, failures
from neffcache.objects.client import PART, PARTS_AT_ONCE, SLOWEST

# What is not named by its digest is a record: it goes create-only, in one piece.
_MOST_RECORD = 64 << 20
# S3 takes ten thousand parts.
_MOST_PARTS = 9_000
_PIECE = 1 << 20
_BEAT = 0.1
_YEAR = "max-age=31536000, immutable"
# After a lost answer, or while another's attempt was under way, it is tried once more.
_TRIES = 2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from neffcache.objects.client import Client
    from neffcache.remote import Progress


class _Stopped(Exception):
    """Nobody wants the upload any more. Caught in `_Sending`."""


def store(client: "Client", name: str, path: str, progress: "Progress", *, public: bool) -> bool:
    """Publish a file; False when the name already stands.

    Args:
        public: whether caches that serve anybody may keep what is named by its digest.
    """
    source = files.open_read(path)
    try:
        size = posix.fstat(source).st_size
        progress(0)
        if not _is_named_by_digest(name):
            if size > _MOST_RECORD:
                raise RefusedError(f"{name} has {size} bytes", "only bundles are that large")
            return _create(client, name, _read(source, size), progress)
        kept = {"Cache-Control": f"{'public' if public else 'private'}, {_YEAR}"}
        if size <= PART:
            return _store_small(client, name, _read(source, size), progress, kept)
        if _stands(client, name, size, unknown=False):
            progress(size)
            return False
        with client.large(lambda: progress(0)):
            _send_parts(client, name, _Pieces(source, size), progress, kept)
        return True
    finally:
        posix.close(source)


def _create(
    client: "Client",
    name: str,
    data: bytes,
    progress: "Progress",
    attributes: "dict[str, str] | None" = None,
) -> bool:
    """Create-only; False when the name stands."""
    progress(len(data))
    for _ in range(_TRIES):
        try:
            sending = _Sending(
                lambda: client.put(
                    name, data, mode="create", use_multipart=False, attributes=attributes
                )
            )
            sending.wait(lambda: progress(len(data)), _seconds(client, len(data)))
            return True
        except answers.Stands:
            if _is_there(client, name):
                return False
    raise RemoteError(f"{client.place.host}: two writers of one name, and neither has written it")


def _store_small(
    client: "Client",
    name: str,
    data: bytes,
    progress: "Progress",
    attributes: "dict[str, str]",
) -> bool:
    """One request says whether it stands, and is the upload if not."""
    if _create(client, name, data, progress, attributes):
        return True
    if _stands(client, name, len(data), unknown=True):
        return False
    sending = _Sending(lambda: client.put(name, data, use_multipart=False, attributes=attributes))
    sending.wait(lambda: progress(len(data)), _seconds(client, len(data)))
    return True


def _send_parts(
    client: "Client",
    name: str,
    pieces: "_Pieces",
    progress: "Progress",
    attributes: "dict[str, str]",
) -> None:
    part = max(PART, -(-pieces.size // _MOST_PARTS // _PIECE) * _PIECE)
    sending = _Sending(
        lambda: client.put(
            name, iter(pieces), attributes=attributes, chunk_size=part,
            max_concurrency=PARTS_AT_ONCE, use_multipart=True,
        ),
        pieces,
    )  # fmt: skip
    sending.wait(lambda: progress(pieces.done), _seconds(client, part * PARTS_AT_ONCE))
    progress(pieces.size)


class _Pieces:
    """A file for the library to read, which asks for more as it gets rid of what it has.

    Attributes:
        done: bytes that it has taken; size: of the file; stopped: whether it is to give up.
        confirmed: that nobody has objected when the last byte was taken: then it may be published.
    """

    def __init__(self, source: int, size: int) -> None:
        self._source = source
        self.size = size
        self.done = 0
        self.stopped = False
        self.confirmed = threading.Event()

    def __iter__(self) -> "Iterator[bytes]":
        while not self.stopped:
            piece = posix.pread(self._source, min(_PIECE, self.size - self.done), self.done)
            if not piece:
                break
            self.done += len(piece)
            yield piece
        while self.done == self.size and not self.stopped and not self.confirmed.wait(_BEAT):
            pass
        if self.stopped or self.done != self.size:
            raise _Stopped


class _Sending:
    """A call of the library in a thread of its own, as it says nothing of what it has sent."""

    def __init__(self, call: "Callable[[], None]", pieces: "_Pieces | None" = None) -> None:
        self._call = call
        self._pieces = pieces
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def wait(self, tick: "Callable[[], None]", seconds: float) -> None:
        """Until it has ended; at most so long since the library last took a piece.

        Args:
            tick: called again and again; when it raises the upload is given up.
        """
        self._thread.start()
        try:
            self._follow(tick, seconds)
        except BaseException:
            self._stop(seconds)
            raise
        if isinstance(self._problem, _Stopped):
            raise OSError(5, "the file has changed while it was read")
        if self._problem is not None:
            raise self._problem

    def _follow(self, tick: "Callable[[], None]", seconds: float) -> None:
        taken, since = -1, time.monotonic()
        while self._thread.is_alive():
            now = self._pieces.done if self._pieces is not None else 0
            if now != taken:
                taken, since = now, time.monotonic()
            if time.monotonic() - since > seconds:
                raise RemoteError(f"it takes nothing any more: silent for {seconds:.0f} s")
            tick()
            if self._pieces is not None and now == self._pieces.size:
                self._pieces.confirmed.set()
            self._thread.join(_BEAT)

    def _stop(self, seconds: float) -> None:
        """Have it let go of what it has sent; a thread that hangs is left behind."""
        if self._pieces is not None:
            self._pieces.stopped = True
        self._thread.join(min(seconds, 10.0))

    def _work(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self._problem = error


def _seconds(client: "Client", size: int) -> float:
    """How long so many bytes may take on the slowest line that we wait for."""
    return client.patience + size / SLOWEST


def _stands(client: "Client", name: str, size: int, *, unknown: bool) -> bool:
    """Whether the object stands there, and is as long as it has to be.

    Args:
        unknown: the answer where we may write, but not look.
    """
    try:
        return client.head(name) == size
    except answers.Absent:
        return False
    except failures.Unreadable:
        return unknown


def _is_there(client: "Client", name: str) -> bool:
    try:
        return client.stands(name)
    except failures.Unreadable:  # not for our eyes
        return True


def _read(source: int, size: int) -> bytes:
    """The whole file. Raises OSError when it became shorter."""
    parts: list[bytes] = []
    at = 0
    while at < size and (part := posix.pread(source, min(_PIECE, size - at), at)):
        parts.append(part)
        at += len(part)
    if at != size:
        raise OSError(5, "the file has changed while it was read")
    return b"".join(parts)


def _is_named_by_digest(name: str) -> bool:
    stem, dot, end = name.rpartition("/")[2].partition(".")
    return dot + end == ".tar" and files.is_digest(stem)
