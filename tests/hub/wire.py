"""Hub peer: the listeners: connections, keep-alive, ranges, faults on the wire."""

from __future__ import annotations

import os
import re
import secrets
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from hub.answers import Call, HubError, Reply
from hub.records import Fault, Request
from hub.state import State

_PIECE = 1 << 20
_GONE = (BrokenPipeError, ConnectionResetError, ssl.SSLError, TimeoutError)


class Listener(socketserver.ThreadingTCPServer):
    """One server of the peer on a port of 127.0.0.1, a thread for each connection."""

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 512

    def __init__(
        self,
        name: str,
        state: State,
        answer: Callable[[Call], Reply],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name, self.state, self.answer, self.tls = name, state, answer, tls
        self.scheme = "https" if tls else "http"
        self.port = int(self.server_address[1])
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name=f"hub-peer-{name}")
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, address = self.socket.accept()
            except OSError:
                return
            with self._guard:
                self._open.add(connection)
            self.process_request(connection, address)

    def finish_request(self, request: object, client_address: object) -> None:
        """In the connection's thread: the handshake, then the requests."""
        assert isinstance(request, socket.socket)
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            with self._guard:
                self._open.add(wrapped)
            try:
                super().finish_request(wrapped, client_address)
            finally:
                with self._guard:
                    self._open.discard(wrapped)

    def shutdown_request(self, request: object) -> None:
        """The connection is over."""
        assert isinstance(request, socket.socket)
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error; anything else is shown."""
        import sys

        error = sys.exc_info()[1]
        if not isinstance(error, (*_GONE, OSError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # only printed

    def close(self) -> None:
        """No more connections; the open ones are cut, their threads ended."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        with self._guard:
            for connection in self._open:
                _cut(connection)
        self.server_close()


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Handler(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "hub-peer"
    disable_nagle_algorithm = True

    @property
    def listener(self) -> Listener:
        """The server this connection came to."""
        assert isinstance(self.server, Listener)
        return self.server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's
        """Nothing on standard error: the peer has its own log."""

    def _handle(self) -> None:
        records = self.listener.state.records
        headers = {name.lower(): value for name, value in self.headers.items()}
        port = int(self.client_address[1])
        request = Request(self.listener.name, self.command, self.path, headers, port)
        self._number = records.arrive(request)
        try:
            body = self._body()
            records.change(self._number, received=len(body))
            base = f"{self.listener.scheme}://{headers.get('host', '')}"
            state = self.listener.state
            self._answer(Call(state, self.command, self.path, headers, body, base))
        except _GONE:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815  # http's names

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(iter(self._chunk, b""))
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionResetError("the body broke off")
        return body

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0].strip() or b"0", 16)
        piece = self.rfile.read(size)
        self.rfile.readline()
        return piece

    def _answer(self, call: Call) -> None:
        name, state = self.listener.name, self.listener.state
        fault = state.records.fault(name, call.method, call.target)
        if fault.delay:
            state.closing.wait(fault.delay)
        if not fault.after and self._struck(fault):
            return
        reply = self.listener.answer(call)
        if fault.after and self._struck(fault):
            return
        reply.headers.update(fault.headers)
        self._send(reply, fault)

    def _struck(self, fault: Fault) -> bool:
        """Whether the fault is all that this request gets."""
        if fault.reset:
            self._reset()
        elif fault.silence and fault.truncate is None:
            self._fall_silent()
        elif fault.status:
            reply = HubError(fault.status, fault.message, fault.code, fault.headers).reply()
            self._send(reply, fault)
        else:
            return False
        return True

    def _reset(self) -> None:
        self._status(-1)
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def _fall_silent(self) -> None:
        self.close_connection = True
        self.listener.state.closing.wait()

    def _status(self, status: int) -> None:
        self.listener.state.records.change(self._number, status=status)

    def _send(self, reply: Reply, fault: Fault) -> None:
        whole = reply.body.stat().st_size if isinstance(reply.body, Path) else len(reply.body)
        part = range(whole)
        if isinstance(reply.body, Path):
            reply.headers["Accept-Ranges"] = "bytes"
            part = self._ranged(reply, whole)
        headers = {
            "Content-Type": reply.kind,
            "X-Request-Id": f"Root=1-{secrets.token_hex(12)}",
            "Date": formatdate(usegmt=True),
            "Content-Length": str(len(part)),
            **reply.headers,
        }
        self._status(reply.status)
        self.send_response_only(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and reply.status != 304:
            self._send_body(reply.body, part, fault)

    def _ranged(self, reply: Reply, whole: int) -> range:
        """The part that was asked for; sets status and Content-Range."""
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "").strip())
        if found is None or found[0] == "bytes=-" or reply.status != 200:
            return range(whole)
        if found[1]:
            part = range(int(found[1]), min(int(found[2] or whole), whole - 1) + 1)
        else:
            part = range(max(0, whole - int(found[2])), whole)
        if not part:
            reply.status, reply.body = 416, b""
            reply.headers["Content-Range"] = f"bytes */{whole}"
            return range(0)
        reply.status = 206
        reply.headers["Content-Range"] = f"bytes {part[0]}-{part[-1]}/{whole}"
        return part

    def _send_body(self, body: bytes | Path, part: range, fault: Fault) -> None:
        short = fault.truncate is not None and fault.truncate < len(part)
        self._send_part(body, part[: fault.truncate] if short else part, fault.rate)
        if not short:
            return
        if fault.silence:
            self._fall_silent()
        self.close_connection = True
        _cut(self.connection)

    def _send_part(self, body: bytes | Path, part: range, rate: int) -> None:
        piece = max(1, rate // 20) if rate else _PIECE
        if isinstance(body, bytes):
            for at in part[::piece]:
                self.connection.sendall(body[at : min(at + piece, part.stop)])
                self._pace(rate)
            return
        with body.open("rb") as file:
            for at in part[::piece]:
                self._send_piece(file.fileno(), at, min(piece, part.stop - at))
                self._pace(rate)

    def _send_piece(self, file: int, at: int, size: int) -> None:
        if self.listener.tls:
            self.connection.sendall(os.pread(file, size, at))
            return
        end = at + size
        while at < end:
            at += os.sendfile(self.connection.fileno(), file, at, end - at)

    def _pace(self, rate: int) -> None:
        """Twenty pieces a second, unless the peer is closing."""
        if rate:
            self.listener.state.closing.wait(0.05)
