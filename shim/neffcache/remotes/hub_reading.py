"""Whole: one object of a repository of the Hub, streamed into a file, resumed, checked."""

import posix
import time

from neffcache import files
from neffcache.errors import EntryError, RemoteError
from neffcache.hub import answers

# Cut so often, a transfer is given up; and one that has not moved on since, at once.
_CUTS = 4
# Written in one go: pieces as they come cost a system call each.
_BATCH = 1 << 20
# What comes slowly is written as it comes: whoever follows has to see it move.
_SOON = 0.1
_FLAGS = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC
_HEX = frozenset("0123456789abcdef")
_DIGITS = 18

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.files import Hash
    from neffcache.hub.client import Client, Stream
    from neffcache.remote import Progress


class Vanished(Exception):
    """The commit asked for is not there any more: somebody rewrote the history."""


class Download:
    """One object on its way into a file.

    Attributes:
        commit: what the Hub says that the answer belongs to; "": it did not say.
    """

    def __init__(self, client: "Client", repo: str, progress: "Progress") -> None:
        """Nothing is asked yet.

        Args:
            progress: is given the bytes that stand in the file.
        """
        self._client = client
        self._repo = repo
        self._progress = progress
        self._out = -1
        self._done = 0
        self._size = -1
        self._digest: _Digest | None = None
        self.commit = ""

    def run(self, path: str, revision: str, into: str) -> bool:
        """Fetch it; False when it is absent at that revision.

        Raises:
            Vanished: there is no such revision; EntryError: the bytes are not what the Hub says;
            RemoteError, OSError (the file).
        """
        try:
            return self._run(path, revision, into)
        finally:
            if self._digest is not None:
                self._digest.stop()
            if self._out >= 0:
                posix.close(self._out)

    def _run(self, path: str, revision: str, into: str) -> bool:
        cuts = 0
        while True:
            before = self._done
            stream = self._ask(path, revision)
            if stream is None:
                return False
            try:
                if self._out < 0:
                    self._out = posix.open(into, _FLAGS, 0o600)
                self._pour(stream)
            except _Cut as error:
                cuts += 1
                if cuts >= _CUTS or self._done == before:
                    raise error.problem from error
                continue
            finally:
                stream.close()
            self._finish()
            return True

    def _ask(self, path: str, revision: str) -> "Stream | None":
        """The answer that holds the object, or what is missing of it; None: it is absent."""
        more = {"range": f"bytes={self._done}-"} if self._done else {}
        stream = self._client.stream(path, more)
        self._progress(self._done)
        if stream.status in (200, 206) and (self._digest is not None or stream.status == 200):
            self._learn(stream)
            return stream
        try:
            answer = stream.answer()
        finally:
            stream.close()
        if not stream.home and answer.status < 500 and answer.status != answers.TOO_MANY:
            raise RemoteError(f"the host that the Hub sends us to answered {answer.status}")
        self.commit = self.commit or stream.facts.get("x-repo-commit", "")
        if answer.status == 404:
            if answer.code == answers.NO_ENTRY:
                return None
            if answer.code == answers.NO_REVISION:
                raise Vanished from answers.failure(answer, self._repo, revision)
        raise answers.failure(answer, self._repo, revision)

    def _learn(self, stream: "Stream") -> None:
        """What the Hub itself says of the object, once; and that it still says so."""
        commit = stream.facts.get("x-repo-commit", "")
        etag = stream.facts.get("x-linked-etag", "")
        size = stream.facts.get("x-linked-size", "")
        if stream.home:
            etag = etag or stream.headers.get("etag", "")
            size = size or stream.headers.get("content-length", "")
        named = etag.removeprefix("W/").strip('"')
        if not commit or len(named) not in (40, 64) or not _HEX.issuperset(named):
            raise RemoteError(
                "an answer without the commit or the digest of what it holds",
                "look at HF_ENDPOINT: the Hub itself names both",
            )
        if self._digest is None:
            self.commit = commit
            self._size = int(size) if _is_number(size) else -1
            self._digest = _Digest(named, self._size)
        elif named != self._digest.named:
            raise EntryError("it has become another object while it was read")

    def _pour(self, stream: "Stream") -> None:
        skip = self._done - _start(stream)
        if skip < 0:
            raise RemoteError("an answer to another range than the one asked for")
        batch: list[bytes] = []
        size = 0
        told = time.monotonic()
        try:
            for piece in stream.pieces():
                if skip:
                    piece, skip = piece[skip:], max(skip - len(piece), 0)
                batch.append(piece)
                size += len(piece)
                now = time.monotonic()
                if size >= _BATCH or now - told >= _SOON:
                    self._write(batch, size)
                    batch, size, told = [], 0, now
        except RemoteError as error:
            self._write(batch, size)
            raise _Cut(error) from error
        self._write(batch, size)
        if self._done < self._size:
            raise _Cut(RemoteError("an answer that breaks off"))

    def _write(self, batch: "list[bytes]", size: int) -> None:
        if not size:
            self._progress(self._done)
            return
        written = posix.writev(self._out, batch)
        if written < size:
            files.write_all(self._out, b"".join(batch)[written:])
        if self._digest is not None:
            self._digest.take(batch)
        self._done += size
        if 0 <= self._size < self._done:
            raise EntryError(f"more than the {self._size} bytes that the Hub names")
        self._progress(self._done)

    def _finish(self) -> None:
        """Compare with what the Hub says, saying all the while that work goes on."""
        if self._digest is None:
            return
        while not self._digest.wait(0.1):
            self._progress(self._done)
        if not self._digest.holds():
            raise EntryError("its bytes are not those that the Hub names")


class _Cut(Exception):
    """The connection broke off in the middle; what had come is in the file."""

    def __init__(self, problem: RemoteError) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _Digest:
    """The digest that the Hub names, and a thread that makes ours, behind the writer.

    SHA-256 for large files, the one of a git blob for those that stand in the repository itself.
    """

    def __init__(self, named: str, size: int) -> None:
        import queue
        import threading

        self.named = named
        self._made = _git_blob(size) if len(named) == 40 else files.new_hash(files.SMALL)
        self._waiting: queue.Queue[list[bytes]] = queue.Queue(4)
        self._stopped = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def take(self, batch: "list[bytes]") -> None:
        """The next bytes."""
        if batch:
            self._waiting.put(batch)

    def wait(self, seconds: float) -> bool:
        """Whether it is through with all bytes; waits for at most so long, after the last one."""
        if not self._stopped:
            self._stopped = True
            self._waiting.put([])
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def holds(self) -> bool:
        """Whether ours is the one that the Hub names."""
        return self._made.hexdigest() == self.named

    def stop(self) -> None:
        """No more is wanted."""
        self.wait(10.0)

    def _work(self) -> None:
        while batch := self._waiting.get():
            for piece in batch:
                self._made.update(piece)


def _git_blob(size: int) -> "Hash":
    import hashlib

    made = hashlib.sha1(usedforsecurity=False)
    made.update(b"blob %d\0" % size)
    return made


def _start(stream: "Stream") -> int:
    """Where the bytes of an answer begin in the object."""
    if stream.status == 200:
        return 0
    first = stream.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if _is_number(first) else 1 << 62


def _is_number(text: str) -> bool:
    """Whether a header tells a size, and not something that only looks like one."""
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS
