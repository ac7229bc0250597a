"""Unit: a registry, or what stands before it, that is not to be believed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neffcache.errors import EntryError, RemoteError
from registry.failing import BLOB, MANIFEST, Place, error
from registry.guarding import Guard
from registry.opening import Entry, open_url
from registry.peer import Peer
from servers.faulty import Faulty

PASSWORD = 'open "sesame" & more'
LOGIN = {"LOGIN": f"alice:{PASSWORD}"}
BASIC = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
PAGE: dict[str, Any] = {
    "status": 200,
    "body": b"<html>Log in</html>",
    "headers": {"Content-Type": "text/html"},
}


@pytest.fixture
def place() -> Iterator[Place]:
    with Peer() as peer, Faulty(peer.url) as proxy:
        yield Place(peer, proxy)


def test_a_page_for_whatever_is_asked_is_no_sign_that_an_entry_stands(
    place: Place, tmp_path: Path
) -> None:
    """Or the entry would pass for sent, and be lost."""
    place.proxy.fault(times=None, **PAGE)
    with pytest.raises(RemoteError, match="does not hold what neffcache put there"):
        Entry(tmp_path).publish(place.open())


def test_a_registry_that_names_no_type_is_asked_for_the_manifest(
    place: Place, tmp_path: Path
) -> None:
    entry = Entry(tmp_path)
    assert entry.publish(open_url(place.peer.remote()))
    place.proxy.fault(MANIFEST, "HEAD", times=None, headers={"Content-Type": ""})
    assert not entry.publish(place.open())


def test_a_digest_is_of_what_stands_in_the_file_and_not_of_what_a_mirror_sent_before(
    place: Place, tmp_path: Path
) -> None:
    """What a mirror ends too early is begun anew at the registry, which has a wrong byte there."""
    entry = Entry(tmp_path, 12 << 20)
    entry.publish(open_url(place.peer.remote()))
    with Faulty(place.peer.url) as mirror:
        # Enough that its digest is under way.
        mirror.fault(BLOB, status=200, body=entry.data[: 5 << 20])
        place.proxy.fault(BLOB, flip=1 << 20, times=None)
        here = place.proxy.url.partition("://")[2]
        opened = open_url(f"oci://{here}/acme/cache?mirror={mirror.url}")
        with pytest.raises(EntryError, match="digest does not match"):
            entry.fetch(opened, tmp_path / "into")
        assert mirror.requests(BLOB)
        assert place.proxy.requests(BLOB)


def repeated(*secrets: str) -> dict[str, Any]:
    """An answer that says why it is none, and repeats what it was shown."""
    said = error("DENIED", " ".join(f"<{secret}> is not good enough" for secret in secrets))
    return {"times": None, "status": 403, "body": said}


@pytest.mark.parametrize("match", [MANIFEST, BLOB])
def test_what_a_registry_repeats_of_a_login_is_not_told(
    place: Place, tmp_path: Path, match: str
) -> None:
    entry = Entry(tmp_path)
    entry.publish(open_url(place.peer.remote()))
    place.proxy.fault(match, **repeated(PASSWORD, BASIC))
    here = place.proxy.url.partition("://")[2]
    opened = open_url(f"oci://{here}/acme/cache?credential=env:LOGIN", LOGIN)
    with pytest.raises(RemoteError, match="is not good enough") as caught:
        entry.fetch(opened, tmp_path / "into")
    assert "sesame" not in str(caught.value)
    assert BASIC not in str(caught.value)


def test_what_a_server_of_tokens_repeats_of_a_login_is_not_told() -> None:
    with Peer(Guard(("alice", PASSWORD), tokens=True)) as peer, Faulty(peer.url) as proxy:
        said = {**repeated(PASSWORD, BASIC), "status": 500}
        proxy.fault("/token", **said)
        realm = f'Bearer realm="{proxy.url}/token",service="peer, the registry"'
        proxy.fault("/v2/", times=None, status=401, headers={"WWW-Authenticate": realm})
        here = proxy.url.partition("://")[2]
        opened = open_url(f"oci://{here}/acme/cache?credential=env:LOGIN", LOGIN)
        with pytest.raises(RemoteError, match="is not good enough") as caught:
            opened.exists(["object"])
        assert "sesame" not in str(caught.value)
        assert BASIC not in str(caught.value)


def test_what_a_registry_repeats_of_a_token_is_not_told() -> None:
    with Peer(Guard(("alice", PASSWORD), tokens=True)) as peer, Faulty(peer.url) as proxy:
        here = proxy.url.partition("://")[2]
        opened = open_url(f"oci://{here}/acme/cache?credential=env:LOGIN", LOGIN)
        assert not opened.exists(["object"])
        token = max(
            one.headers["authorization"].removeprefix("Bearer ")
            for one in proxy.requests("/v2/")
            if one.headers.get("authorization", "").startswith("Bearer ")
        )
        proxy.fault("/v2/", **repeated(token))
        with pytest.raises(RemoteError, match="is not good enough") as caught:
            opened.exists(["object"])
        assert token not in str(caught.value)


def test_a_rest_that_begins_behind_what_is_there_is_not_taken(place: Place, tmp_path: Path) -> None:
    entry = Entry(tmp_path, 3 << 20)
    entry.publish(open_url(place.peer.remote()))
    place.proxy.fault(BLOB, reset=True, cut=1 << 20)
    rest = {"Content-Range": f"bytes {2 << 20}-{(2 << 20) + 9}/{len(entry.data)}"}
    place.proxy.fault(BLOB, times=None, status=206, headers=rest, body=b"0123456789")
    with pytest.raises(RemoteError, match="not the range that was asked for"):
        entry.fetch(place.open(), tmp_path / "into")
