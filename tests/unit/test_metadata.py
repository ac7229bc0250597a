"""Unit: requests for credentials: bounded, past proxies or through them, never sent elsewhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

import pytest

from neffcache.errors import RemoteError
from neffcache.objects import metadata
from neffcache.objects.metadata import Answer
from servers.metadata import Cloud, Said


@contextmanager
def dripping(pieces: bytes) -> Iterator[str]:
    """The address of a server that sends the same piece again and again."""
    ended = threading.Event()

    def drip() -> None:
        link, _ = listener.accept()
        with link:
            try:
                while not ended.wait(0.05):
                    link.sendall(pieces)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            ended.set()
            thread.join()


def test_an_answer_that_drips_is_left_alone() -> None:
    with dripping(b"X-More: 1\r\n") as url, pytest.raises(OSError, match=r"usable|through"):
        metadata.ask(url, 0.3)


def test_a_status_line_that_drips_is_left_alone() -> None:
    with dripping(b"H") as url, pytest.raises(TimeoutError, match="not through after"):
        metadata.ask(url, 0.3)


def test_who_does_not_speak_http_gives_no_usable_answer() -> None:
    with dripping(b"hello\r\n\r\n") as url, pytest.raises(OSError, match="no usable answer"):
        metadata.ask(url, 5)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("body", [None, b"{}"])
def test_a_secret_goes_to_nobody_who_says_that_its_server_has_moved(
    cloud: Cloud, status: int, body: bytes | None
) -> None:
    cloud.instead["/here"] = Said(status, "", {"Location": f"{cloud.url}/there"})
    bearer = {"authorization": "Bearer secret"}
    assert metadata.send(f"{cloud.url}/here", body, bearer, 5).status == status
    assert metadata.ask(f"{cloud.url}/here", 5, bearer).status == status
    assert [one.path for one in cloud.asked] == ["/here", "/here"]


def test_metadata_are_asked_past_the_proxy(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    cloud.instead["/x"] = Said(200, "here")
    assert metadata.ask(f"{cloud.url}/x", 5).text == "here"


def test_servers_of_tokens_are_asked_through_the_proxy(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", cloud.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    answer = metadata.post("http://login.example/token", {"a": "b"}, 5)
    assert answer.json()["access_token"] == cloud.token
    assert cloud.asked[0].headers["host"] == "login.example"


def test_an_answer_that_is_an_error_comes_with_its_body(cloud: Cloud) -> None:
    cloud.instead["/token"] = Said(400, {"error": "invalid_grant"})
    answer = metadata.post(f"{cloud.url}/token", {}, 5)
    assert (answer.status, answer.json()) == (400, {"error": "invalid_grant"})


def test_nobody_there_is_an_oserror() -> None:
    with pytest.raises(OSError, match="refused"):
        metadata.post("http://127.0.0.1:9/", {}, 5)


@pytest.mark.parametrize("url", ["http://[x", "http://127.0.0.1:none/"])
def test_an_address_that_is_none_is_an_oserror(url: str) -> None:
    with pytest.raises(OSError, match="no usable answer"):
        metadata.ask(url, 5)


@pytest.mark.parametrize("body", ["", "[]", "{", "null", "[" * 100_000])
def test_a_body_that_is_no_object_is_empty(body: str) -> None:
    assert Answer(200, {}, body.encode()).json() == {}


def test_a_token_lacks_nothing() -> None:
    answer = Answer(200, {}, b'{"access_token": "T", "expires_in": 3600}')
    made = metadata.token(answer, "who", "")
    assert made["token"] == "T"
    assert 3500 < (made["expires_at"] - datetime.now(timezone.utc)).total_seconds() < 3700


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, b'{"error": "invalid_grant"}', r"who gave no token: 400 \(invalid_grant\); remedy"),
        (400, b'{"error": "a secret!"}', r"who gave no token: 400; remedy"),
        (200, b"{}", r"who gave no token: 200; remedy"),
        (200, b'{"access_token": 1}', r"who gave no token: 200; remedy"),
    ],
)
def test_what_is_no_token_is_told_by_its_code(status: int, body: bytes, message: str) -> None:
    with pytest.raises(RemoteError, match=message):
        metadata.token(Answer(status, {}, body), "who", "remedy")


def test_times_are_those_of_utc() -> None:
    expected = datetime(2026, 11, 21, 9, 30, 5, tzinfo=timezone.utc)
    assert metadata.moment("2026-11-21T09:30:05Z") == expected
    assert metadata.moment("2026-11-21T09:30:05.123456789Z") == expected
    assert metadata.moment(None) is None
