"""Faulty proxy: each fault happens as its rule says, and without rules nothing is changed."""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hub.asking import Answer, ask
from servers.faulty import Faulty
from waiting import until

NOISE = os.urandom(300_000)


class _Objects(BaseHTTPRequestHandler):
    """A server of objects that were put."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's
        """Nothing on standard error."""

    def do_GET(self) -> None:
        """What stands there; its Host header is told."""
        found = self.objects.get(self.path)
        body = found if found is not None else b"absent"
        self.send_response(404 if found is None else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Host", self.headers["Host"])
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  # http's name

    def do_PUT(self) -> None:
        """It stands there from now on."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.objects[self.path] = body
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections are cut here: that is what the tests are about."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    handler = type("Objects", (_Objects,), {"objects": {"/noise": NOISE, "/chunked": NOISE}})
    made = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def proxy(server: str) -> Iterator[Faulty]:
    with Faulty(server) as made:
        yield made


def get(proxy: Faulty, path: str = "/noise", method: str = "GET") -> Answer:
    return ask(proxy.url + path, method, token="")


@pytest.mark.parametrize("path", ["/noise", "/chunked"])
def test_without_rules_an_answer_is_the_servers_own(proxy: Faulty, path: str) -> None:
    answer = get(proxy, path)
    assert (answer.status, answer.body) == (200, NOISE)
    assert answer.headers["x-host"] in proxy.url  # what clients named, not the server's


def test_a_head_tells_the_size_and_sends_nothing(proxy: Faulty) -> None:
    answer = get(proxy, method="HEAD")
    assert answer.headers["content-length"] == str(len(NOISE))
    assert answer.body == b""


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_put_arrives(proxy: Faulty, chunked: bool) -> None:
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"))
    pieces = iter([NOISE[:1000], NOISE[1000:]])
    connection.request("PUT", f"/new{chunked}", pieces if chunked else NOISE)
    assert connection.getresponse().read() == b""
    connection.request("GET", f"/new{chunked}")  # on the same connection
    assert connection.getresponse().read() == NOISE
    connection.close()
    put, got = proxy.requests("/new")
    assert (put.status, put.received, got.status) == (201, len(NOISE), 200)
    assert put.connection == got.connection


def test_a_status_strikes_as_often_as_its_rule_says(proxy: Faulty) -> None:
    rule = proxy.fault("/noise", status=503, body=b"<Code>SlowDown</Code>", times=2, skip=1)
    answers = [get(proxy) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 503, 503, 200]
    assert answers[1].body == b"<Code>SlowDown</Code>"
    assert rule.hits == 2


def test_a_rule_may_ask_for_a_method_and_for_a_header(proxy: Faulty) -> None:
    proxy.fault(method="HEAD", status=500)
    proxy.fault(headers_match={"authorization": "old"}, status=403, times=None)
    assert get(proxy).status == 200
    assert get(proxy, method="HEAD").status == 500
    assert ask(f"{proxy.url}/noise", token="old-one").status == 403
    assert ask(f"{proxy.url}/noise", token="new-one").status == 200
    proxy.mend()
    assert ask(f"{proxy.url}/noise", token="old-one").status == 200


def test_a_reset_at_once_and_in_the_middle(proxy: Faulty) -> None:
    proxy.fault(reset=True)
    with pytest.raises(ConnectionResetError):
        get(proxy)
    proxy.fault(reset=True, cut=1000)
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        get(proxy)
    assert [one.status for one in proxy.requests()] == [-1, -1]


def test_a_body_that_ends_early(proxy: Faulty) -> None:
    proxy.fault(cut=1000)
    with pytest.raises(http.client.IncompleteRead) as caught:
        get(proxy)
    assert caught.value.partial == NOISE[:1000]


def test_a_length_too_large_and_one_too_small(proxy: Faulty) -> None:
    proxy.fault(longer=10)
    with pytest.raises(http.client.IncompleteRead) as caught:
        get(proxy)
    assert caught.value.partial == NOISE
    proxy.fault(longer=-10)
    assert get(proxy).body == NOISE[:-10]
    proxy.fault(method="HEAD", longer=-10)
    assert get(proxy, method="HEAD").headers["content-length"] == str(len(NOISE) - 10)


@pytest.mark.parametrize(("flip", "at"), [(0, 0), (270_000, 270_000), (-1, len(NOISE) - 1)])
def test_one_wrong_byte(proxy: Faulty, flip: int, at: int) -> None:
    proxy.fault(flip=flip)
    body = get(proxy).body
    assert len(body) == len(NOISE)
    assert [place for place in range(len(NOISE)) if body[place] != NOISE[place]] == [at]


@pytest.mark.parametrize("part", [0, 500])
def test_silence_lasts_until_the_proxy_closes(proxy: Faulty, part: int) -> None:
    proxy.fault(silence=True, cut=part or None)
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as connection:
        connection.sendall(b"GET /noise HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        while part and len(got.partition(b"\r\n\r\n")[2]) < part:
            got += connection.recv(4096)
        assert got.partition(b"\r\n\r\n")[2] == NOISE[:part]
        until(proxy.requests)
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(None)
        proxy.close()
        assert connection.recv(1) == b""


def test_an_upload_that_breaks_in_the_middle_does_not_get_through(proxy: Faulty) -> None:
    proxy.fault(method="PUT", upto=1000, reset=True)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        ask(f"{proxy.url}/half", "PUT", body=NOISE * 20)
    assert [one.received for one in proxy.requests()] == [1000]
    assert get(proxy, "/half").status == 404


def test_an_answer_may_be_lost_behind_the_deed(proxy: Faulty) -> None:
    proxy.fault(method="PUT", after=True, status=504)
    assert ask(f"{proxy.url}/done", "PUT", body=b"x").status == 504
    assert get(proxy, "/done").body == b"x"
    proxy.fault(method="PUT", after=True, reset=True)
    with pytest.raises(ConnectionResetError):
        ask(f"{proxy.url}/done2", "PUT", body=b"x")
    assert get(proxy, "/done2").body == b"x"


def test_something_may_happen_just_before(proxy: Faulty) -> None:
    proxy.fault("/sudden", before=lambda: ask(f"{proxy.url}/sudden", "PUT", body=b"x"))
    assert get(proxy, "/sudden").body == b"x"


def test_headers_are_added_and_taken_away(proxy: Faulty) -> None:
    proxy.fault(headers={"X-Host": "", "Retry-After": "5"})
    headers = get(proxy).headers
    assert "x-host" not in headers
    assert headers["retry-after"] == "5"


@pytest.mark.parametrize("method", ["rule", "cap"])
def test_a_slow_body_arrives_whole(server: str, method: str) -> None:
    rate = len(NOISE) * 5
    with Faulty(server, cap=rate if method == "cap" else 0) as proxy:
        if method == "rule":
            proxy.fault(rate=rate)
        assert get(proxy).body == NOISE


def test_as_a_forward_proxy_it_goes_where_clients_want(server: str) -> None:
    with Faulty("http://127.0.0.1:1") as proxy:
        connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"))
        connection.request("GET", f"{server}/noise", headers={"Host": "x"})
        assert connection.getresponse().read() == NOISE
        connection.close()


def test_a_server_that_is_away_is_a_cut_connection() -> None:
    with Faulty("http://127.0.0.1:1") as away, pytest.raises(http.client.RemoteDisconnected):
        get(away)
