"""A Hub that sends the client elsewhere: no other origin is shown the token, whoever asks."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from entries import key_of, put
from hub import uploads
from hub.answers import Call
from hub.peer import Peer
from hub.real import NEWEST, python_with
from neffcache import queue, targets
from running import working_for
from story.hub_uploads import REPO, HubUploads

TOKEN = "hf_alice_write"
# Every kind of request that sending an entry makes.
STEPS = {
    "head": "/revision/",
    "paths-info": "/paths-info/",
    "preupload": "/preupload/",
    "batch": "/info/lfs/objects/batch",
    "xet token": "/xet-write-token/",
    "commit": "/commit/",
}


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Peer]:
    """Another server: the same address, another port."""
    with Peer(tmp_path / "foreign") as peer:
        yield peer


@pytest.fixture
def host(
    tmp_path: Path, hub: Peer, version: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HubUploads]:
    """A host whose sender uses a version of the client."""
    packages = sysconfig.get_path("purelib")
    if version != NEWEST:
        (found,) = python_with(version).parents[1].glob("lib/python3*/site-packages")
        packages = str(found)
    monkeypatch.setitem(sys._xoptions, "neffcache", packages)
    hub.create(REPO)
    made = HubUploads(tmp_path / "host", hub, TOKEN)
    made.set(remote_timeout="5")
    yield made
    made.end()


def _shown(*peers: Peer) -> list[str]:
    """The requests in which a token came, however it was wrapped."""
    return [
        f"{request.server} {request.method} {request.path}"
        for peer in peers
        for request in peer.requests()
        if request.authorized or TOKEN in str(request.headers) or TOKEN in request.path
    ]


@pytest.mark.parametrize("step", sorted(STEPS))
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_redirect_to_another_origin_is_shown_no_token(
    host: HubUploads, foreign: Peer, step: str, name: str
) -> None:
    host.set(hub_no_xet="" if step == "xet token" else "1")
    there = foreign.url.replace("127.0.0.1", name)
    away = {"Location": f"{there}/elsewhere"}
    host.hub.fault(STEPS[step], status=307, times=None, headers=away)
    host.queue(["a"])
    host.flush(None)
    assert host.asked(STEPS[step])
    assert _shown(foreign) == []
    assert step == "xet token" or host.commits() == 0  # without Xet it goes by LFS


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_verification_at_another_origin_is_shown_no_token(
    host: HubUploads, foreign: Peer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    true = uploads._upload

    def elsewhere(call: Call, repo: str, item: dict[str, Any], parts: int) -> dict[str, Any]:
        row: dict[str, Any] = true(call, repo, item, parts)
        verify = row.get("actions", {}).get("verify")
        if verify:
            there = foreign.url.replace("127.0.0.1", name)
            verify["href"] = verify["href"].replace(call.base, there)
        return row

    monkeypatch.setattr(uploads, "_upload", elsewhere)
    host.queue(["a"])
    host.flush(None)
    assert [one.method for one in foreign.requests()] == ["POST"]
    assert _shown(foreign) == []


def test_where_a_repository_is_bound_the_environments_hub_is_not_asked(
    host: HubUploads, foreign: Peer
) -> None:
    put(host.store, key_of("a"), b"neff")
    bound = targets.repository(REPO, "a test", host.environ)
    queue.enqueue(host.store, key_of("a"), [bound], host.environ)
    host.environ[b"HF_ENDPOINT"] = foreign.url.encode()
    host.flush()
    assert host.arrived(["a"])
    assert foreign.requests() == []


def test_no_command_line_holds_the_token(host: HubUploads) -> None:
    host.environ[b"HF_TOKEN"] = TOKEN.encode()
    host.hub.fault("/preupload/", silence=True, times=None)
    host.start(host.queue(["a"]))
    host.until_asked("/preupload/")
    found = working_for(host.store.path)
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in found]
    assert len(lines) >= 2  # the uploader and its sender
    assert not [line for line in lines if TOKEN.encode() in line]


@pytest.mark.parametrize("xet", [True, False])
def test_no_file_but_the_login_holds_the_token(host: HubUploads, xet: bool) -> None:
    """Neither the store's, nor what a client writes about its transfers."""
    host.set(hub_no_xet="" if xet else "1")
    host.queue(["a"])
    assert host.flush().left == []
    login = host.path / "huggingface" / "token"
    found = [path for path in host.path.rglob("*") if path.is_file() and path != login]
    assert not [path for path in found if TOKEN.encode() in path.read_bytes()]
