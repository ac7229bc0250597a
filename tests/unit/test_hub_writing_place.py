"""Where writing goes, by what the Hub says of it: nothing is private unless it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.peer import Peer
from hubs import REPO, url, variables
from neffcache import remote
from neffcache.errors import RefusedError, RemoteError
from neffcache.hub import client
from neffcache.hub.answers import Answer
from neffcache.publishing import Object
from neffcache.remotes.hub import HubRemote
from neffcache.remotes.hub_writing import Place

SHA = "a" * 40


@pytest.fixture(autouse=True)
def _prepared() -> None:
    client.prepare({})


def place(hub: Peer, monkeypatch: pytest.MonkeyPatch, **said: Any) -> Place:
    """A place of which the Hub says this."""
    answer = Answer(200, {}, json.dumps(said).encode(), authorized=True)
    monkeypatch.setattr("neffcache.hub.client.Client.call", lambda *_args, **_more: answer)
    return Place(HubRemote(remote.parse(url(hub, mode="rw")), variables()))


@pytest.mark.parametrize(
    "said",
    [{}, {"private": None}, {"private": "true"}, {"private": 1}, {"visibility": "internal"}],
)
def test_what_is_not_said_to_be_private_is_public(
    hub: Peer, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]
) -> None:
    found = place(hub, monkeypatch, id=REPO, sha=SHA, **said)
    with pytest.raises(RefusedError, match="is public"):
        found.allowed([Object("a.tar", "/dev/null", weights=False)], found.head())


def test_what_is_said_to_be_private_is(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    found = place(hub, monkeypatch, id=REPO, sha=SHA, private=True)
    one = Object("a.tar", "/dev/null", weights=True)
    assert found.allowed([one], found.head()) == ([one], {})


@pytest.mark.parametrize(
    "said", [{}, {"id": REPO}, {"sha": SHA}, {"id": 1, "sha": SHA}, {"id": "a/b/c", "sha": SHA}]
)
def test_an_answer_that_names_no_repository_is_none(
    hub: Peer, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]
) -> None:
    with pytest.raises(RemoteError, match="does not answer like a Hub"):
        place(hub, monkeypatch, private=True, **said).head()


def test_a_commit_is_never_written_to(hub: Peer) -> None:
    spec = remote.parse(url(hub, f"{REPO}@{SHA}", mode="rw"))
    with pytest.raises(RefusedError, match="is a commit, not a branch; name a branch"):
        Place(HubRemote(spec, variables()))
    assert hub.requests() == []
