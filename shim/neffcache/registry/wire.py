"""World: one HTTP request over a connection that is kept for the next one; nothing is followed."""

import time
import weakref

from neffcache.errors import RemoteError
from neffcache.registry import proxies
from neffcache.registry.broken import Broken, Silent, faults, meaning
from neffcache.registry.request import Source, host_of, split

# A small answer is read as a whole; more than this is none.
MOST_BODY = 4 << 20
_PIECE = 256 << 10
_LOOK = 200  # ms between two ticks of a caller who waits for an answer
_MOST_KEPT = 8

TYPE_CHECKING = False
if TYPE_CHECKING:
    import http.client as clients
    import ssl
    from collections.abc import Callable, Mapping
    from typing import Any

    from neffcache.registry.request import Origin, Request


class Reply:
    """An answer whose body has not been read.

    Attributes:
        status: the number; headers: names in lower case; origin: whose it is.
        left: bytes of the body that have not been read; None: nobody says how many there are.
        last: whether the connection is of no use afterwards.
    """

    __slots__ = ("_connection", "_net", "_raw", "headers", "last", "left", "origin", "status")

    def __init__(
        self, net: "Net", origin: "Origin", connection: "Any", raw: "clients.HTTPResponse"
    ) -> None:
        self._net = net
        self._connection = connection
        self._raw = raw
        self.origin = origin
        self.status = raw.status
        self.headers = {name.lower(): value for name, value in raw.getheaders()}
        self.left = None if raw.chunked else raw.length
        self.last = raw.will_close

    def readinto(self, view: memoryview) -> int:
        """What has come of the body, at most the view's size; 0 at the end. Raises Broken."""
        try:
            return self._readinto(view)
        except faults() as error:
            raise meaning(error, self.origin[1]) from error

    def hurry(self) -> None:
        """From now on it may be silent for half as long: so that there is time to ask again."""
        if self._connection is not None and self._connection.sock is not None:
            self._connection.sock.settimeout(self._net.stall / 2)

    def cut(self) -> None:
        """Break it off: another thread that waits for more of it comes out. Not if it is `last`."""
        connection = self._connection
        sock = None if connection is None else connection.sock
        if sock is not None:
            import socket

            try:  # as a plain socket: one of TLS would be read on without
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass

    def body(self) -> bytes:
        """All of a small body; the connection is given back. Raises Broken."""
        parts: list[bytes] = []
        size = 0
        buffer = memoryview(bytearray(min(self.left or _PIECE, _PIECE)))
        try:
            while size <= MOST_BODY and (count := self.readinto(buffer)):
                parts.append(bytes(buffer[:count]))
                size += count
        finally:
            self.close()
        if size > MOST_BODY:
            raise RemoteError(f"{self.origin[1]}: its answer is too long")
        return b"".join(parts)

    def close(self) -> None:
        """Let go of it: the connection is kept if all of the body has been read."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        whole = self.left == 0 or (self.left is None and self._raw.isclosed())
        self._raw.close()
        if whole and not self.last and connection.sock is not None:
            self._net.keep(self.origin, connection)
        else:
            connection.close()

    def _readinto(self, view: memoryview) -> int:
        if self.left is None and self._raw.chunked:
            part = self._raw.read1(len(view))
            view[: len(part)] = part
            return len(part)
        if self.left is not None:
            view = view[: self.left]
        if not view:
            return 0
        # Past the parser, which would wait until the view is full.
        count = self._raw.fp.readinto1(view)
        if self.left is not None:
            if not count:
                raise ConnectionResetError
            self.left -= count
        return count


class Net:
    """How servers are reached from here. For any number of threads.

    Args:
        ca: a file of certificates that are trusted besides the system's; "": none.
        connect, stall: seconds for a connection, and for each wait for bytes after it.
    """

    def __init__(
        self, environ: "Mapping[bytes, bytes]", ca: str, connect: float, stall: float
    ) -> None:
        self._environ = environ
        self._ca = ca
        self._connect = connect
        self.stall = stall
        self._context: ssl.SSLContext | None = None
        self._kept: list[tuple[Origin, Any]] = []
        # Not __del__: what is garbage in a circle goes in any order.
        weakref.finalize(self, _close, self._kept)

    def send(self, request: "Request") -> Reply:
        """Send it once; the caller closes the reply.

        Raises:
            Broken: no answer; RemoteError: there can be none; OSError: of the file that is sent;
            whatever `passed` and `tick` raise.
        """
        origin, target = split(request.url)
        while True:
            connection, used = self._take(origin)
            try:
                return self._send(request, origin, target, connection)
            except Broken as error:
                connection.close()
                # The server may have closed it for its age just now.
                if not used or not request.again or isinstance(error, Silent):
                    raise
            except BaseException:
                connection.close()
                raise

    def proxied(self, origin: "Origin") -> bool:
        """Whether a server is asked through a proxy. Raises RemoteError."""
        return proxies.find(*origin, self._environ) is not None

    def keep(self, origin: "Origin", connection: "Any") -> None:
        """Take a connection back on which everything has been read."""
        if len(self._kept) < _MOST_KEPT:
            self._kept.append((origin, connection))
        else:
            connection.close()

    def _take(self, origin: "Origin") -> "tuple[Any, bool]":
        for kept in reversed(self._kept[:]):
            if kept[0] == origin:
                try:
                    self._kept.remove(kept)
                except ValueError:  # another thread was quicker
                    continue
                kept[1].sock.settimeout(self.stall)
                return kept[1], True
        return self._open(origin), False

    def _open(self, origin: "Origin") -> "Any":
        import http.client as clients

        scheme, host, port = origin
        proxy = proxies.find(scheme, host, port, self._environ)
        at = (proxy.host, proxy.port) if proxy else (host, port)
        connection: clients.HTTPConnection
        try:
            if scheme == "https":
                context = self._trusted()
                connection = clients.HTTPSConnection(*at, timeout=self._connect, context=context)
                if proxy:
                    login = {"Proxy-Authorization": proxy.login} if proxy.login else {}
                    connection.set_tunnel(host, port, login)
            else:
                connection = clients.HTTPConnection(*at, timeout=self._connect)
            connection.connect()
        except faults() as error:
            who = f"{host} by the proxy {proxy.host}:{proxy.port}" if proxy else host
            raise meaning(error, who) from error
        connection.sock.settimeout(self.stall)
        return connection

    def _trusted(self) -> "ssl.SSLContext":
        if self._context is None:
            import ssl

            made = ssl.create_default_context()
            if self._ca:
                try:
                    made.load_verify_locations(self._ca)
                except OSError as error:  # of which ssl's are some
                    what = f"ca={self._ca} cannot be read ({error.strerror or 'no certificates'})"
                    raise RemoteError(what, "name a file of certificates (PEM)") from error
            self._context = made
        return self._context

    def _send(self, request: "Request", origin: "Origin", target: str, connection: "Any") -> Reply:
        proxy = proxies.find(*origin, self._environ) if origin[0] == "http" else None
        headers = dict(request.headers)
        if proxy:
            target = f"http://{host_of(origin)}{target}"
            if proxy.login:
                headers["Proxy-Authorization"] = proxy.login
        body = request.body
        size = body.size if isinstance(body, Source) else len(body)
        if size or request.method in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(size)
        failed = None
        try:
            connection.putrequest(request.method, target, skip_host=True)
            connection.putheader("Host", host_of(origin))
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body if isinstance(body, bytes) and body else None)
        except faults() as error:
            raise meaning(error, origin[1]) from error
        if isinstance(body, Source):
            failed = _send_file(connection, body, origin[1])
        return self._answer(request, origin, connection, failed)

    def _answer(
        self, request: "Request", origin: "Origin", connection: "Any", failed: "Broken | None"
    ) -> Reply:
        """The answer, also the one of a server that would not hear the request to its end."""
        if failed is None and request.tick is not None:
            _wait(connection.sock, request.patience or self.stall, request.tick, origin[1])
        try:
            raw = connection.getresponse()
        except faults() as error:
            raise failed or meaning(error, origin[1]) from error
        reply = Reply(self, origin, connection, raw)
        if failed is not None:
            reply.last = True
            if reply.status < 400:
                raise failed
        return reply


def _close(kept: "list[tuple[Origin, Any]]") -> None:
    for _origin, connection in kept:
        connection.close()


def _send_file(connection: "Any", body: Source, host: str) -> "Broken | None":
    """Send a part of a file; what went wrong on the way, once the answer may say why."""
    import os

    done = 0
    while done < body.size:
        piece = os.pread(body.fd, min(_PIECE, body.size - done), body.start + done)
        if not piece:
            raise OSError(5, "it became shorter while it was sent")
        try:
            connection.sock.sendall(piece)
        except OSError as error:
            return Broken(meaning(error, host).what)
        done += len(piece)
        body.passed(done)
    return None


def _wait(sock: "Any", patience: float, tick: "Callable[[], None]", host: str) -> None:
    """Wait until the answer begins."""
    import select

    deadline = time.monotonic() + patience
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    while not (getattr(sock, "pending", int)() or poll.poll(_LOOK)):
        if time.monotonic() > deadline:
            raise Broken(f"{host}: no answer in {patience:.0f} s")
        tick()
