"""Requests to a Hub: whom the token is shown to, how long they wait, what an answer means."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.peer import Peer
from hubs import REPO, WRITER, variables
from neffcache import remote
from neffcache.errors import RemoteError
from neffcache.hub import answers, client
from neffcache.hub.client import Client

WHO = "/api/whoami-v2"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Peer]:
    """A second Hub: the same host, another port."""
    with Peer(tmp_path / "other-peer") as peer:
        yield peer


@pytest.fixture(autouse=True)
def _prepared() -> None:
    client.prepare(variables())


def ask(peer: Peer, token: str = WRITER, silence: float = 20.0) -> Client:
    return Client(peer.url, token, silence)


def refused(peer: Peer, path: str, token: str = WRITER) -> str:
    """What people are told about an answer."""
    answer = ask(peer, token).call("GET", path)
    assert not answer.fine
    return str(answers.failure(answer, REPO, "rev"))


def test_a_call_carries_the_token_and_gives_the_answer(hub: Peer) -> None:
    answer = ask(hub).call("GET", WHO)
    assert (answer.status, answer.json()["name"], answer.authorized) == (200, "alice", True)
    (request,) = hub.requests()
    assert request.headers["authorization"] == f"Bearer {WRITER}"
    assert request.headers["user-agent"].startswith("neffcache/")


def test_without_a_token_nothing_is_authorized(hub: Peer) -> None:
    assert ask(hub, "").call("GET", WHO).status == 401
    assert [request.authorized for request in hub.requests()] == [False]


def test_a_form_and_json_are_sent_as_such(hub: Peer) -> None:
    hub.create(REPO)
    hub.commit(REPO, {"a b+c=d": b"x"})
    found = ask(hub).call(
        "POST", f"/api/models/{REPO}/paths-info/main", data=[("paths", "a b+c=d"), ("paths", "no")]
    )
    assert [entry["path"] for entry in found.json()] == ["a b+c=d"]
    made = ask(hub).call("POST", "/api/repos/create", json={"name": "new", "private": True})
    assert made.fine
    assert hub.exists("alice/new")


def test_parameters_join_the_query(hub: Peer) -> None:
    ask(hub).call("GET", f"{WHO}?a=1", params={"b": "x y"})
    assert hub.requests()[0].path == f"{WHO}?a=1&b=x+y"


def test_an_answer_without_its_body_is_whole_when_only_the_head_was_asked_for(hub: Peer) -> None:
    hub.create(REPO)
    hub.commit(REPO, {"x.json": b"some text"})
    answer = ask(hub).call("HEAD", f"/{REPO}/resolve/main/x.json")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "9")


def test_a_redirect_within_the_hub_keeps_the_token(hub: Peer) -> None:
    hub.fault("^/moved", status=307, headers={"Location": WHO})
    assert ask(hub).call("GET", "/moved").status == 200
    assert [request.authorized for request in hub.requests()] == [True, True]


def test_another_port_of_the_host_never_sees_the_token(hub: Peer, other: Peer) -> None:
    hub.fault("^/moved", status=302, headers={"Location": other.url + WHO})
    assert ask(hub).call("GET", "/moved").status == 401
    assert [request.authorized for request in other.requests()] == [False]


def test_another_name_of_the_host_never_sees_the_token(hub: Peer) -> None:
    there = hub.url.replace("127.0.0.1", "localhost") + WHO
    hub.fault("^/moved", status=302, headers={"Location": there})
    assert ask(hub).call("GET", "/moved").status == 401
    assert [request.authorized for request in hub.requests()] == [True, False]


def test_back_on_the_hub_the_token_is_shown_again(hub: Peer, other: Peer) -> None:
    hub.fault("^/moved", status=302, headers={"Location": other.url + "/back"})
    other.fault("^/back", status=302, headers={"Location": hub.url + WHO})
    assert ask(hub).call("GET", "/moved").status == 200
    assert [request.authorized for request in hub.requests()] == [True, True]
    assert [request.authorized for request in other.requests()] == [False]


def test_what_is_sent_goes_to_no_other_origin(hub: Peer, other: Peer) -> None:
    hub.fault("^/moved", status=307, headers={"Location": other.url + "/there"})
    with pytest.raises(RemoteError, match=f"sends us to {other.url}; name that as HF_ENDPOINT"):
        ask(hub).call("POST", "/moved", json={"secret": 1})
    assert other.requests() == []


def test_a_circle_of_redirects_ends(hub: Peer) -> None:
    hub.fault("^/moved", times=None, status=302, headers={"Location": "/moved"})
    with pytest.raises(RemoteError, match="circle"):
        ask(hub).call("GET", "/moved")
    assert len(hub.requests()) == 6


@pytest.mark.parametrize("where", ["ftp://127.0.0.1/x", "http://127.0.0.1:99999/", "http://[x/"])
def test_a_redirect_to_what_is_no_url_is_an_answer_without_use(hub: Peer, where: str) -> None:
    hub.fault("^/moved", status=302, headers={"Location": where})
    with pytest.raises(RemoteError):
        ask(hub).call("GET", "/moved")


def test_a_silent_hub_is_given_up(hub: Peer) -> None:
    hub.fault(WHO, silence=True)
    with pytest.raises(RemoteError, match="no answer in time"):
        ask(hub, silence=0.3).call("GET", WHO)


def test_nothing_is_tried_twice(hub: Peer) -> None:
    hub.fault(WHO, times=None, status=503)
    assert ask(hub).call("GET", WHO).status == 503
    hub.fault("/other", times=None, reset=True)
    with pytest.raises(RemoteError):
        ask(hub).call("GET", "/other")
    assert len(hub.requests()) == 2


def test_a_refused_port_is_named(hub: Peer) -> None:
    with pytest.raises(RemoteError, match="connection refused"):
        Client(hub.nowhere, WRITER).call("GET", WHO)


def test_a_name_that_does_not_resolve_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_words: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(RemoteError, match="does not resolve"):
        Client("http://hub.invalid", WRITER).call("GET", WHO)


def test_a_certificate_of_nobody_we_know_is_named(tmp_path: Path) -> None:
    with (
        Peer(tmp_path / "secure", secure=True) as peer,
        pytest.raises(RemoteError, match="no trusted TLS"),
    ):
        ask(peer).call("GET", WHO)


def test_an_answer_without_end_is_cut_off(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_MOST_BODY", 1000)
    hub.fault(WHO, status=200, message="x" * 2000)
    with pytest.raises(RemoteError, match="does not come to an end"):
        ask(hub).call("GET", WHO)


def test_no_message_holds_a_url_or_a_token(hub: Peer, other: Peer) -> None:
    other.fault("/signed", reset=True)
    there = f"{other.url}/signed?X-Amz-Signature=secret"
    hub.fault("^/moved", status=302, headers={"Location": there})
    with pytest.raises(RemoteError) as caught:
        ask(hub).call("GET", "/moved")
    assert "secret" not in str(caught.value)
    assert WRITER not in str(caught.value)


def test_a_private_repository_without_a_token(hub: Peer) -> None:
    hub.create(REPO)
    told = refused(hub, f"/api/models/{REPO}", token="")
    assert told == (
        f"{REPO} is private or not there, and no token was sent; "
        "log in (`hf auth login`) or set HF_TOKEN"
    )


def test_a_repository_that_is_not_there(hub: Peer) -> None:
    assert f"{REPO} is not there, or the token may not see it" in refused(
        hub, f"/api/models/{REPO}"
    )


def test_a_token_that_is_no_longer_valid(hub: Peer) -> None:
    hub.create(REPO)
    hub.revoke(WRITER)
    assert f"{REPO}: the token is not valid" in refused(hub, f"/api/models/{REPO}")


def test_a_gated_repository(hub: Peer) -> None:
    hub.create(REPO, private=False)
    hub.commit(REPO, {"x": b"x"})
    hub.gate(REPO)
    assert "is gated; ask for access" in refused(
        hub, f"/{REPO}/resolve/main/x", token="hf_bob_write"
    )


def test_a_revision_that_is_not_there(hub: Peer) -> None:
    hub.create(REPO)
    assert f"{REPO} has no revision rev" in refused(hub, f"/api/models/{REPO}/revision/rev")


def test_a_proxys_own_404_is_not_the_hubs(hub: Peer) -> None:
    hub.fault(WHO, status=404, message="<html>not here</html>")
    assert "something that does not answer like the Hub" in refused(hub, WHO)


@pytest.mark.parametrize(
    ("headers", "message", "pause"),
    [
        ({"Retry-After": "2580"}, "slow down", 2580.0),
        ({"RateLimit": '"api";r=0;t=55'}, "slow down", 55.0),
        ({"Retry-After": "5", "RateLimit": '"api";r=0;t=55'}, "slow down", 55.0),
        ({}, "limit of commits. You can retry this action in 43 minutes.", 2580.0),
        ({}, "You can retry this action in about 1 hour.", 3600.0),
        ({}, "slow down", answers.PAUSE),
        ({"Retry-After": "999999999999"}, "slow down", 7200.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, "slow down", answers.PAUSE),
        ({"Retry-After": "soon"}, "slow down", answers.PAUSE),
    ],
)
def test_a_used_up_quota_says_for_how_long(
    hub: Peer, headers: dict[str, str], message: str, pause: float
) -> None:
    hub.fault(WHO, status=429, headers=headers, message=message)
    answer = ask(hub).call("GET", WHO)
    # The peer tells its own quota in every answer: that is not what this rule says.
    if "RateLimit" not in headers:
        answer.headers.pop("ratelimit", None)
    failure = answers.failure(answer)
    assert failure.pause == pause
    assert "rate limit" in str(failure)


def test_a_server_error_states_its_pause(hub: Peer) -> None:
    hub.fault(WHO, status=503, headers={"Retry-After": "7"})
    failure = answers.failure(ask(hub).call("GET", WHO), REPO)
    assert (str(failure), failure.pause) == ("the Hub answered 503 (injected)", 7.0)


def test_the_endpoint_is_the_urls_then_the_environments() -> None:
    plain = remote.parse(f"hf://{REPO}")
    bound = remote.parse(f"hf://{REPO}?endpoint=https://hub.example%3A8443/")
    environ = {b"HF_ENDPOINT": b"https://mirror.example/"}
    assert client.endpoint_of(bound, environ) == "https://hub.example:8443"
    assert client.endpoint_of(plain, environ) == "https://mirror.example"
    assert client.endpoint_of(plain, {}) == client.DEFAULT_ENDPOINT


def test_the_token_is_the_named_variables(tmp_path: Path) -> None:
    named = remote.parse(f"hf://{REPO}?credential=env:MINE")
    environ = variables("hf_other", MINE=" hf_mine\n", HF_HOME=str(tmp_path))
    assert client.token_of(named, environ) == "hf_mine"
    assert client.token_of(remote.parse(f"hf://{REPO}"), environ) == "hf_other"
    assert client.token_of(remote.parse(f"hf://{REPO}"), variables("", HF_HOME="/no")) == ""


def test_preparing_keeps_the_library_quiet() -> None:
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
