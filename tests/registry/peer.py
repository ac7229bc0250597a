"""Registry peer: a small honest OCI registry on loopback, for what no real one does on demand."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from registry.contents import Contents, RefusalError, digest_of
from registry.guarding import Guard

_UPLOADS = re.compile(r"/v2/(.+)/blobs/uploads/([0-9a-f]*)")
_BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})")
_MANIFEST = re.compile(r"/v2/(.+)/manifests/([^/]+)")


@dataclass(frozen=True)
class Seen:
    """One request: headers by name in lower case; status of the answer."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    status: int


class Peer:
    """A registry of one test's own: `with Peer() as peer: peer.remote()`.

    Attributes:
        guard: its logins; contents: what lies there; seen: the requests, in order.
        elsewhere: blobs are redirected to this address (of another peer's `objects`), or "".
        ranges: whether it knows them; resumes: whether it tells how far an upload is.
        absolute: whether its Locations are whole URLs.
    """

    def __init__(self, guard: Guard | None = None) -> None:
        self.guard = guard or Guard()
        self.contents = Contents()
        self.seen: list[Seen] = []
        self.elsewhere = ""
        self.ranges = self.resumes = True
        self.absolute = False
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.peer = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.cut()
        self._server.server_close()

    @property
    def host(self) -> str:
        """127.0.0.1:port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}"

    def remote(self, repository: str = "acme/cache") -> str:
        """The URL of a remote in it."""
        return f"oci://{self.host}/{repository}"

    def lines(self) -> list[str]:
        """The requests as "METHOD path status", without queries."""
        return [f"{one.method} {one.path.partition('?')[0]} {one.status}" for one in self.seen]


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    peer: Peer

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.open: set[socket.socket] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes in the middle is what tests do."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def cut(self) -> None:
        """End the connections that clients keep."""
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_words: object) -> None:
        """Nobody reads it."""

    def setup(self) -> None:
        super().setup()
        self.peer = self.server.peer
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def _serve(self) -> None:
        try:
            body = self._body()
            try:
                self._dispatch(urlsplit(self.path).path, body)
            except RefusalError as error:
                told = {"errors": [{"code": error.code, "message": error.message}]}
                self._answer(error.status, json.dumps(told).encode())
        except OSError:
            self.close_connection = True  # the client has gone

    def _body(self) -> bytes:
        size = int(self.headers.get("content-length", "0"))
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionResetError
        return body

    def _dispatch(self, path: str, body: bytes) -> None:
        if path == "/token":
            return self._token(body)
        if path.startswith("/objects/"):
            return self._object(path.rpartition("/")[2])
        for pattern, method in (
            (_UPLOADS, self._upload),
            (_BLOB, self._blob),
            (_MANIFEST, self._manifest),
        ):
            found = pattern.fullmatch(path)
            if found:
                self._admit(found[1])
                if pattern is _BLOB:  # which is there for any number of readers at once
                    return method(found[1], found[2], body)
                with self.peer.contents.guard:
                    return method(found[1], found[2], body)
        raise RefusalError(404, "UNSUPPORTED")

    def _admit(self, repository: str) -> None:
        action = "pull" if self.command in ("GET", "HEAD") else "push"
        shown = self.headers.get("authorization", "")
        realm = f"{self.peer.url}/token"
        challenge = self.peer.guard.admit(shown, repository, action, realm)
        if challenge:
            self._challenge = challenge
            raise RefusalError(401, "UNAUTHORIZED")

    def _token(self, body: bytes) -> None:
        query = parse_qs(body.decode() or urlsplit(self.path).query)
        if query["service"] != ["peer, the registry"]:
            raise RefusalError(400, "UNSUPPORTED")
        given = self.peer.guard.give(
            self.headers.get("authorization", ""),
            query.get("refresh_token", [""])[0],
            query.get("scope", []),
        )
        self._answer(200, json.dumps(given).encode())

    def _object(self, digest: str) -> None:
        """A blob as a store of objects has it, which takes nobody's login but what the URL says."""
        if "authorization" in self.headers or "sig=" not in self.path:
            raise RefusalError(400, "UNSUPPORTED")
        for repository in self.peer.contents.repositories.values():
            if digest in repository.blobs:
                return self._content(repository.blobs[digest], {})
        raise RefusalError(404, "BLOB_UNKNOWN")

    def _blob(self, name: str, digest: str, _body: bytes) -> None:
        with self.peer.contents.guard:
            data = self.peer.contents.blob(name, digest)
        if self.peer.elsewhere and self.command == "GET":
            where = f"{self.peer.elsewhere}/objects/{digest}?sig=secret"
            return self._answer(307, b"", {"location": where})
        return self._content(data, {"docker-content-digest": digest})

    def _content(self, data: bytes, headers: dict[str, str]) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if not wanted or not self.peer.ranges:
            return self._answer(200, data, headers)
        start = int(wanted[1])
        if start >= len(data):
            raise RefusalError(416, "UNSUPPORTED")
        part = data[start : int(wanted[2]) + 1 if wanted[2] else None]
        told = {"content-range": f"bytes {start}-{start + len(part) - 1}/{len(data)}"}
        return self._answer(206, part, {**headers, **told})

    def _manifest(self, name: str, reference: str, body: bytes) -> None:
        if self.command == "PUT":
            media = self.headers.get("content-type", "")
            digest = self.peer.contents.put_manifest(name, reference, media, body)
            return self._answer(201, b"", {"docker-content-digest": digest})
        media, data = self.peer.contents.manifest(name, reference)
        headers = {"content-type": media, "docker-content-digest": digest_of(data)}
        return self._answer(200, data, headers)

    def _upload(self, name: str, number: str, body: bytes) -> None:
        contents = self.peer.contents
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        if self.command == "POST":
            if "mount" in query and contents.mount(name, query["mount"], query["from"]):
                return self._answer(201)
            return self._session(name, contents.begin(name), 202)
        held = contents.upload(name, number)
        if self.command == "GET":
            if not self.peer.resumes:
                raise RefusalError(404, "BLOB_UPLOAD_UNKNOWN")
            return self._session(name, number, 204)
        if self.command == "DELETE":
            del contents.of(name).uploads[number]
            return self._answer(204)
        if self.command == "PATCH":
            if not self.headers["content-range"].startswith(f"{len(held)}-"):
                raise RefusalError(416, "BLOB_UPLOAD_INVALID")
            held += body
            return self._session(name, number, 202)
        held += body
        contents.finish(name, number, query["digest"])
        return self._answer(201)

    def _session(self, name: str, number: str, status: int) -> None:
        size = len(self.peer.contents.upload(name, number))
        base = self.peer.url if self.peer.absolute else ""
        where = f"{base}/v2/{name}/blobs/uploads/{number}?state={size}"
        self._answer(status, b"", {"location": where, "range": f"0-{max(size - 1, 0)}"})

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, Any] | None = None
    ) -> None:
        seen = {name.lower(): value for name, value in self.headers.items()}
        self.peer.seen.append(Seen(self.command, self.path, seen, status))
        self.send_response(status)
        if status == 401:
            self.send_header("www-authenticate", getattr(self, "_challenge", "Basic"))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
