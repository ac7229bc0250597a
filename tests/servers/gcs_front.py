"""Servers: a program: the XML API of Google's storage in front of a server of its JSON API."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

_CHUNK = 1 << 20
# No part but the last may be smaller.
_LEAST = 5 << 20
_PASSED = ("etag", "last-modified", "x-goog-generation", "x-goog-hash", "content-type")
_KEPT = {"cache-control": "cacheControl", "content-type": "contentType"}


class Refusal(Exception):
    """The answer that the API gives: a status and a code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class Upload:
    """An upload in parts, by number: the file, its size, its ETag."""

    name: str
    headers: Mapping[str, str]
    parts: dict[int, tuple[Path, int, str]] = field(default_factory=dict)


class Front(ThreadingHTTPServer):
    """What all requests share.

    Attributes:
        backend: (host, port) of the server behind.
        tokens: a file with the bearer tokens that are taken; anybody is served while there is none.
    """

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, port: int, backend: tuple[str, int], place: Path) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.backend, self.place = backend, place
        self.tokens = place / "tokens"
        self.uploads: dict[str, Upload] = {}
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Front

    def handle_one_request(self) -> None:
        """Read one, answer it."""
        self.raw_requestline = self.rfile.readline(65537)
        self.close_connection = not self.raw_requestline
        if self.close_connection or not self.parse_request():
            return
        self.left = int(self.headers.get("content-length") or 0)
        parts = urlsplit(self.path)
        self.bucket, _, self.name = unquote(parts.path).removeprefix("/").partition("/")
        self.asked = {n: v[0] for n, v in parse_qs(parts.query, keep_blank_values=True).items()}
        try:
            self._check_login()
            getattr(self, f"_{self.command.lower()}", self._unknown)()
        except Refusal as refusal:
            self._refuse(refusal)

    def log_message(self, *_words: object) -> None:
        """Nothing."""

    def _check_login(self) -> None:
        if self.server.tokens.exists():
            allowed = self.server.tokens.read_text().split()
            given = self.headers.get("authorization", "").removeprefix("Bearer ")
            if given not in allowed:
                raise Refusal(401, "AuthenticationRequired")

    def _unknown(self) -> None:
        raise Refusal(501, "NotImplemented")

    def _get(self) -> None:
        """Also for HEAD: what stands there, or a part of it, if it is what is wanted."""
        sent = {n: self.headers[n] for n in ("range",) if n in self.headers}
        with self._behind(self.command, f"/{self.bucket}/{quote(self.name)}", sent) as answer:
            if answer.status == 404:
                raise self._absent()
            tag = answer.headers.get("etag", "")
            wanted, known = self.headers.get("if-match"), self.headers.get("if-none-match")
            if wanted not in (None, "*", tag):
                raise Refusal(412, "PreconditionFailed")
            if known in ("*", tag):
                raise Refusal(304, "NotModified")
            if answer.status == 416:
                raise Refusal(416, "InvalidRange")
            self._pass_on(answer)

    _head = _get

    def _pass_on(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(answer.status)
        for name in (*_PASSED, "cache-control", "content-length", "content-range"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.end_headers()
        if self.command == "HEAD":
            return
        room = memoryview(bytearray(_CHUNK))
        while count := answer.readinto(room):
            self.wfile.write(room[:count])

    def _put(self) -> None:
        if "uploadId" in self.asked:
            return self._take_part()
        told = self._publish(self.name, dict(self._given()), self._body(), self.left)
        return self._answer(200, headers=told)

    def _take_part(self) -> None:
        upload, digest, size = self._upload(), hashlib.md5(), self.left
        path = self.server.place / uuid.uuid4().hex
        with path.open("wb") as file:
            for chunk in self._body():
                file.write(chunk)
                digest.update(chunk)
        tag = f'"{digest.hexdigest()}"'
        with self.server.lock:
            upload.parts[int(self.asked["partNumber"])] = (path, size, tag)
        self._answer(200, headers={"etag": tag})

    def _post(self) -> None:
        if "uploads" in self.asked:
            if self._bucket_is_missing():
                raise Refusal(404, "NoSuchBucket")
            number = uuid.uuid4().hex
            with self.server.lock:
                self.server.uploads[number] = Upload(self.name, dict(self._given()))
            self._answer(200, _xml("InitiateMultipartUploadResult", UploadId=number))
        elif "uploadId" in self.asked:
            self._complete()
        else:
            self._unknown()

    def _complete(self) -> None:
        upload, text = self._upload(), b"".join(self._body()).decode()
        text = text.replace("&quot;", '"')
        tags = re.findall(r"<ETag>(.*?)</ETag>", text)
        numbers = [int(number) for number in re.findall(r"<PartNumber>(\d+)</PartNumber>", text)]
        have = [upload.parts.get(number, (Path(), 0, "")) for number in numbers]
        if [tag for _path, _size, tag in have] != tags or numbers != sorted(set(numbers)):
            raise Refusal(400, "InvalidPart")
        if any(size < _LEAST for _path, size, _tag in have[:-1]):
            raise Refusal(400, "EntityTooSmall")
        size = sum(size for _path, size, _tag in have)
        told = self._publish(
            upload.name, upload.headers, _contents(path for path, _, _ in have), size
        )
        self._forget()
        self._answer(200, _xml("CompleteMultipartUploadResult", ETag=told["etag"]), told)

    def _delete(self) -> None:
        if "uploadId" in self.asked:
            self._upload()
            self._forget()
        else:
            path = f"/storage/v1/b/{self.bucket}/o/{quote(self.name, safe='')}"
            with self._behind("DELETE", path) as answer:
                if answer.status == 404:
                    raise self._absent()
        self._answer(204)

    def _publish(
        self, name: str, headers: Mapping[str, str], body: Iterable[bytes], size: int
    ) -> dict[str, str]:
        """Hand an object over, in the one request whose condition the server behind heeds."""
        about = {key: headers[given] for given, key in _KEPT.items() if given in headers}
        mark = uuid.uuid4().hex
        head = f"--{mark}\r\ncontent-type: application/json\r\n\r\n"
        head += json.dumps({"name": name, **about}) + f"\r\n--{mark}\r\n"
        head += f"content-type: {about.get('contentType', 'application/octet-stream')}\r\n\r\n"
        tail = f"\r\n--{mark}--\r\n".encode()
        query = f"uploadType=multipart&name={quote(name, safe='')}"
        if "x-goog-if-generation-match" in headers:
            query += f"&ifGenerationMatch={headers['x-goog-if-generation-match']}"
        sent = {
            "content-type": f"multipart/related; boundary={mark}",
            "content-length": str(len(head) + size + len(tail)),
        }
        chunks = chain([head.encode()], body, [tail])
        if self._bucket_is_missing():  # the server behind would hang up in the midst of the body
            raise Refusal(404, "NoSuchBucket")
        path = f"/upload/storage/v1/b/{self.bucket}/o?{query}"
        with self._behind("POST", path, sent, chunks) as answer:
            told = answer.read()
            if answer.status == 412:
                raise Refusal(412, "PreconditionFailed")
            if answer.status != 200:
                raise Refusal(500, "InternalError")
        made = json.loads(told)
        return {"etag": f'"{made["etag"]}"', "x-goog-generation": made["generation"]}

    def _upload(self) -> Upload:
        with self.server.lock:
            upload = self.server.uploads.get(self.asked["uploadId"])
        if upload is None:
            raise Refusal(404, "NoSuchUpload")
        return upload

    def _forget(self) -> None:
        with self.server.lock:
            upload = self.server.uploads.pop(self.asked["uploadId"], None)
        for path, _size, _tag in upload.parts.values() if upload else ():
            path.unlink()

    def _absent(self) -> Refusal:
        return Refusal(404, "NoSuchBucket" if self._bucket_is_missing() else "NoSuchKey")

    def _bucket_is_missing(self) -> bool:
        with self._behind("GET", f"/storage/v1/b/{self.bucket}") as answer:
            return answer.status == 404

    def _given(self) -> Iterator[tuple[str, str]]:
        """The headers, names in small letters."""
        return ((name.lower(), text) for name, text in self.headers.items())

    def _body(self) -> Iterator[bytes]:
        while self.left:
            chunk = self.rfile.read(min(self.left, _CHUNK))
            if not chunk:
                raise ConnectionError("the client went away")
            self.left -= len(chunk)
            yield chunk

    def _behind(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
    ) -> http.client.HTTPResponse:
        """Ask the server behind, on a connection that ends with the answer."""
        link = http.client.HTTPConnection(*self.server.backend)
        link.request(method, path, body, {"connection": "close", **(headers or {})})
        return link.getresponse()

    def _refuse(self, refusal: Refusal) -> None:
        for _chunk in self._body():  # or the next request would begin in the midst of this one
            pass
        body = _xml("Error", Code=refusal.code, Message=refusal.code)
        self._answer(refusal.status, b"" if refusal.status == 304 else body)

    def _answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        if body:
            self.send_header("content-type", "application/xml")
        if status not in (204, 304):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _contents(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


def _xml(what: str, **fields: str) -> bytes:
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><{what}>{inner}</{what}>'.encode()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[3]) as _place:
        Front(int(sys.argv[1]), ("127.0.0.1", int(sys.argv[2])), Path(sys.argv[3])).serve_forever()
