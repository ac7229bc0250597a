"""Hub peer: the log, and what is left of a peer that was closed: nothing."""

from __future__ import annotations

import http.client
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hub.asking import ask
from hub.peer import Peer
from waiting import until

WHO = "/api/whoami-v2"


def test_an_answered_request_is_in_the_log_at_once(hub: Peer) -> None:
    for number in range(1, 50):
        ask(f"{hub.url}{WHO}?n={number}")
        last = hub.requests()[-1]
        assert (last.path, last.status) == (f"{WHO}?n={number}", 200)


def test_the_log_tells_tokens_bodies_and_headers(hub: Peer) -> None:
    ask(hub.url + "/nowhere", "POST", token="", body=b"12345", headers={"X-Of-Mine": "yes"})
    ask(hub.url + WHO)
    first, second = hub.requests()
    assert (first.method, first.status, first.received, first.authorized) == ("POST", 404, 5, False)
    assert first.headers["x-of-mine"] == "yes"
    assert second.authorized
    assert first.connection != second.connection


def test_a_request_that_breaks_off_is_in_the_log(hub: Peer) -> None:
    parts = urlsplit(hub.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        connection.sendall(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        until(hub.requests)
    assert [(request.method, request.status) for request in hub.requests()] == [("PUT", 0)]


def test_a_cleared_log_is_empty_and_fills_again(hub: Peer) -> None:
    ask(hub.url + WHO)
    hub.clear()
    assert hub.requests() == []
    ask(hub.url + WHO)
    assert [request.status for request in hub.requests()] == [200]


def test_a_request_under_way_survives_a_clear(hub: Peer) -> None:
    hub.fault("whoami", delay=0.2)
    thread = threading.Thread(target=ask, args=(hub.url + WHO,))
    thread.start()
    until(hub.requests)
    hub.clear()
    thread.join()
    assert hub.requests() == []


def test_connections_are_kept_alive(hub: Peer) -> None:
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc)
    for _ in range(3):
        connection.request("GET", WHO)
        assert connection.getresponse().read()
    connection.close()
    assert len({request.connection for request in hub.requests()}) == 1


def test_a_closed_peer_leaves_no_threads_and_no_open_port(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    peer = Peer(tmp_path / "peer")
    parts = urlsplit(peer.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)):
        until(lambda: len(set(threading.enumerate()) - before) >= 4)
        peer.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        ask(peer.url)


def test_a_peer_without_a_place_removes_what_it_made() -> None:
    with Peer() as peer:
        peer.create("alice/cache")
        peer.commit("alice/cache", {"a.txt": b"a"})
        made = peer.place
        assert made.exists()
    assert not made.exists()
