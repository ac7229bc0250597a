"""Faulty proxy: before any HTTP server, on loopback: what goes wrong does so by rule."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from servers.exchange import GONE, Exchange, cut
from servers.rules import Fault, Request, Rules


class Faulty:
    """A proxy before one server; `with Faulty("http://127.0.0.1:9000") as proxy: proxy.url`.

    The Host that clients name goes on to the server, which may have signed it. As a forward proxy
    (HTTP_PROXY) it goes to wherever clients want; it tunnels nothing.
    """

    def __init__(self, upstream: str, cap: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """A proxy that listens at once.

        Args:
            upstream: the address of the server, http://host:port.
            cap: bytes of answers per second on each connection; 0: as fast as it goes.
            tls: clients speak TLS to it.
        """
        self.rules = Rules()
        self._listener = Listener(self.rules, urlsplit(upstream).netloc, cap, tls)

    def __enter__(self) -> Faulty:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self._listener.tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.server_address[1]}"

    def fault(self, match: str = "", method: str | None = None, **what: Any) -> Fault:
        """From now on this goes wrong (see Fault): with one request, unless `times` says more."""
        return self.rules.add(Fault(match, method, **what))

    def mend(self) -> None:
        """Nothing goes wrong any more; who waits in silence waits on."""
        self.rules.mend()

    def requests(self, match: str = "", method: str | None = None) -> list[Request]:
        """Those that came so far."""
        rule = Fault(match, method, times=None)
        return [one for one in self.rules.requests() if rule.strikes(one)]

    def clear(self) -> None:
        """Forget the requests."""
        self.rules.clear()

    def close(self) -> None:
        """No more connections; the open ones are cut, their threads ended."""
        self._listener.close()


class Listener(socketserver.ThreadingTCPServer):
    """The connections of one proxy, a thread for each."""

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 512

    def __init__(self, rules: Rules, upstream: str, cap: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rules, self.upstream, self.cap, self.tls = rules, upstream, cap, tls
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="faulty-proxy")
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, address = self.socket.accept()
            except OSError:
                return
            self.hold(connection)
            self.process_request(connection, address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's thread: the handshake, then the requests."""
        try:
            if self.tls is not None:
                request.settimeout(30)
                request = self.tls.wrap_socket(request, server_side=True)
                request.settimeout(None)
                self.hold(request)
            super().finish_request(request, client_address)
        except GONE:
            pass  # the client, or the proxy itself, has had enough
        finally:
            self.drop(request)

    def hold(self, connection: socket.socket) -> None:
        """A connection that has to end with the proxy."""
        with self._guard:
            self._open.add(connection)
            if self.closing.is_set():
                cut(connection)

    def drop(self, connection: socket.socket) -> None:
        """It has ended."""
        with self._guard:
            self._open.discard(connection)
        connection.close()

    def close(self) -> None:
        """The end of all connections and threads."""
        if self.closing.is_set():
            return
        self.closing.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        with self._guard:
            for connection in self._open:
                cut(connection)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def listener(self) -> Listener:
        """The proxy this connection came to."""
        assert isinstance(self.server, Listener)
        return self.server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's
        """Nothing on standard error: the proxy has its own log."""

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, int(self.client_address[1]))
        number, fault = self.listener.rules.arrive(request)
        Exchange(self, number, fault).run()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815  # http's names
