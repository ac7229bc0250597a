"""Faults: a store and registry that takes uploads of any size and keeps none of their bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_PIECE = 1 << 20
_ABSENT = b"<Error><Code>NoSuchKey</Code></Error>"
_BEGUN = b"<R><Bucket>b</Bucket><Key>k</Key><UploadId>1</UploadId></R>"
_DONE = b'<R><Location>l</Location><Bucket>b</Bucket><Key>k</Key><ETag>"e"</ETag></R>'


class Sink:
    """What came.

    Attributes:
        url: where it listens.
        parts: the bytes of each request that had a part, in the order of their ends.
        completed: how many uploads were ended as they should be.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.parts: list[int] = []
        self.completed = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sink: Sink

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's
        """Nothing on standard error."""

    def do_GET(self) -> None:
        """There is nothing."""
        registry = self.path.startswith("/v2/")
        self._say(404, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}' if registry else _ABSENT)

    do_HEAD = do_GET  # noqa: N815  # http's name

    def do_POST(self) -> None:
        """An upload begins, or ends."""
        self._swallow()
        if self.path.startswith("/v2/"):
            self._say(202, b"", Location=f"{self.sink.url}/v2/upload/1")
        elif "uploads" in urlsplit(self.path).query:
            self._say(200, _BEGUN)
        else:
            self._complete(200, _DONE)

    def do_PATCH(self) -> None:
        """A registry's part."""
        self._part()
        there = f"0-{sum(self.sink.parts) - 1}"
        self._say(202, b"", Location=f"{self.sink.url}/v2/upload/1", Range=there)

    def do_PUT(self) -> None:
        """A store's part; Azure's list of them; a registry's last."""
        query = urlsplit(self.path).query
        if "comp=blocklist" in query:
            self._swallow()
            self._complete(201, b"")
        elif "digest=" in query:
            self._part()
            self._complete(201, b"")
        else:
            self._part()
            self._say(201 if "comp=block" in query else 200, b"", ETag='"p"')

    def _part(self) -> None:
        size = self._swallow()
        if size:
            self.sink.parts.append(size)

    def _complete(self, status: int, body: bytes) -> None:
        self.sink.completed += 1
        date = "Sat, 21 Nov 2026 00:00:00 GMT"
        headers = {"ETag": '"e"', "Last-Modified": date, "Docker-Content-Digest": "sha256:e"}
        self._say(status, body, **headers)

    def _swallow(self) -> int:
        size = left = int(self.headers.get("Content-Length") or 0)
        buffer = memoryview(bytearray(_PIECE))
        while left:
            count = self.rfile.readinto(buffer[: min(left, _PIECE)])
            if not count:
                raise ConnectionResetError
            left -= count
        return size

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who goes away is no error."""


@contextmanager
def start() -> Iterator[Sink]:
    """One for a test."""

    class Handler(_Handler):
        pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        Handler.sink = Sink(int(server.server_address[1]))
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Handler.sink
        finally:
            server.shutdown()
            thread.join()
