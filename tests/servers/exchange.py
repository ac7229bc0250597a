"""Faulty proxy: one request on its way to the server, and its answer on the way back."""

from __future__ import annotations

import http.client
import socket
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from servers.rules import Fault

if TYPE_CHECKING:
    from servers.faulty import Handler, Listener

GONE = (OSError, http.client.HTTPException)
_PIECE = 1 << 18
# Of one connection and no business of the next one.
_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "expect", "proxy-connection"))


class Exchange:
    """One request and its answer."""

    def __init__(self, handler: Handler, number: int, fault: Fault) -> None:
        self._handler, self._number, self._fault = handler, number, fault
        self._listener = handler.listener
        self._received = 0

    def run(self) -> None:
        """Carry it out, with its fault."""
        fault = self._fault
        if fault.before is not None:
            fault.before()
        if fault.delay:
            self._listener.closing.wait(fault.delay)
        if fault.upto is not None:
            self._read_part(fault.upto)
            self._end()
        elif not fault.after and self._is_all():
            for _piece in self._body():
                pass
            self._answer_instead()
        else:
            self._pass_on()

    def _is_all(self) -> bool:
        """Whether the fault is all that this request gets."""
        fault = self._fault
        return bool(fault.status) or ((fault.reset or fault.silence) and fault.cut is None)

    def _read_part(self, size: int) -> None:
        while self._received < size:
            piece = self._handler.rfile.read1(min(_PIECE, size - self._received))
            if not piece:
                return
            self._count(piece)

    def _answer_instead(self) -> None:
        fault = self._fault
        if not fault.status:
            self._end()
            return
        headers = {"Content-Type": "application/xml", **fault.headers}
        self._head(fault.status, "", {**headers, "Content-Length": str(len(fault.body))})
        if self._handler.command != "HEAD":
            self._handler.wfile.write(fault.body)

    def _end(self) -> None:
        """Reset, fall silent, or hang up."""
        self._handler.close_connection = True
        if self._fault.reset:
            self._listener.rules.change(self._number, status=-1)
            reset(self._handler.connection)
        elif self._fault.silence:
            self._listener.closing.wait()
        else:
            cut(self._handler.connection)

    def _pass_on(self) -> None:
        target = self._handler.path
        wanted = urlsplit(target)
        if wanted.netloc:  # as a forward proxy
            target = wanted.path + (f"?{wanted.query}" if wanted.query else "")
        upstream = http.client.HTTPConnection(wanted.netloc or self._listener.upstream)
        upstream.connect()
        self._listener.hold(upstream.sock)
        sock = upstream.sock
        try:
            self._forward(upstream, target)
            with upstream.getresponse() as answer:
                if self._fault.after and self._is_all():
                    answer.read()
                    self._answer_instead()
                else:
                    self._give_back(answer)
        finally:
            self._listener.drop(sock)
            upstream.close()

    def _forward(self, upstream: http.client.HTTPConnection, target: str) -> None:
        upstream.putrequest(
            self._handler.command, target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in self._handler.headers.items():
            if name.lower() not in _HOP:
                upstream.putheader(name, value)
        chunked = self._is_chunked()
        if chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        upstream.endheaders()
        try:
            for piece in self._body():
                upstream.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                upstream.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self._handler.close_connection = True  # it has answered before it had read all

    def _is_chunked(self) -> bool:
        return "chunked" in self._handler.headers.get("Transfer-Encoding", "").lower()

    def _body(self) -> Iterator[bytes]:
        """What the client sends, as it comes."""
        if self._is_chunked():
            yield from self._chunks()
            return
        left = int(self._handler.headers.get("Content-Length") or 0)
        while left:
            piece = self._handler.rfile.read1(min(_PIECE, left))
            if not piece:
                raise ConnectionResetError("the body broke off")
            left -= len(piece)
            yield self._count(piece)

    def _chunks(self) -> Iterator[bytes]:
        file = self._handler.rfile
        while size := int(file.readline().split(b";")[0].strip() or b"0", 16):
            yield self._count(file.read(size))
            file.readline()
        file.readline()

    def _count(self, piece: bytes) -> bytes:
        self._received += len(piece)
        self._listener.rules.change(self._number, received=self._received)
        return piece

    def _head(self, status: int, reason: str, headers: dict[str, str]) -> None:
        self._listener.rules.change(self._number, status=status)
        self._handler.send_response_only(status, reason or None)
        for name, value in headers.items():
            if value:
                self._handler.send_header(name, value)
        if self._handler.close_connection:
            self._handler.send_header("Connection", "close")
        self._handler.end_headers()

    def _give_back(self, answer: http.client.HTTPResponse) -> None:
        fault = self._fault
        given = {name.lower(): value for name, value in answer.getheaders()}
        headers = {name: value for name, value in given.items() if name not in _HOP}
        chunked = answer.length is None
        if chunked:
            headers["transfer-encoding"] = "chunked"
        elif fault.longer:
            headers["content-length"] = str(int(headers.get("content-length", "0")) + fault.longer)
            self._handler.close_connection = True
        headers.update((name.lower(), value) for name, value in fault.headers.items())
        self._head(answer.status, answer.reason, headers)
        _Body(self._listener, self._handler, fault, chunked).send(answer)
        if fault.cut is not None:
            self._end()


class _Body:
    """The body of an answer on its way to the client."""

    def __init__(self, listener: Listener, handler: Handler, fault: Fault, chunked: bool) -> None:
        self._listener, self._handler, self._fault = listener, handler, fault
        self._chunked = chunked
        self._rate = min((one for one in (fault.rate, listener.cap) if one), default=0)
        self._sent = 0

    def send(self, answer: http.client.HTTPResponse) -> None:
        """All of it, or as much as the fault leaves, at its rate."""
        started = time.monotonic()
        limit = self._fault.cut
        piece = max(1, min(_PIECE, self._rate // 20)) if self._rate else _PIECE
        total = answer.length
        while part := answer.read1(piece):
            if limit is not None:
                part = part[: limit - self._sent]
            if not part:
                break
            self._write(self._flipped(part, total))
            self._sent += len(part)
            if self._rate:
                ahead = self._sent / self._rate - (time.monotonic() - started)
                self._listener.closing.wait(max(0.0, ahead))
        if answer.length:
            self._handler.close_connection = True  # the server itself broke off
        elif self._chunked and limit is None:
            self._handler.wfile.write(b"0\r\n\r\n")

    def _write(self, part: bytes) -> None:
        self._handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if self._chunked else part)

    def _flipped(self, part: bytes, total: int | None) -> bytes:
        if self._fault.flip is None:
            return part
        at = self._fault.flip - self._sent + (total or 0 if self._fault.flip < 0 else 0)
        if not 0 <= at < len(part):
            return part
        return part[:at] + bytes([part[at] ^ 1]) + part[at + 1 :]


def cut(connection: socket.socket) -> None:
    """End a connection politely; whoever sits in a call on it comes out."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def reset(connection: socket.socket) -> None:
    """End a connection with a reset."""
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()
