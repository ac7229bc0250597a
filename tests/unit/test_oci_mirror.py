"""A mirror before a registry: read through while it works, never written to, never believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neffcache.errors import RemoteError
from neffcache.remotes.oci import OciRemote
from registry.guarding import Guard
from registry.opening import Entry, file_of, open_url, quiet
from registry.peer import Peer
from servers.faulty import Faulty

LOGIN = {"LOGIN": "alice:open sesame"}


@pytest.fixture
def origin() -> Iterator[Peer]:
    with Peer() as made:
        yield made


@pytest.fixture
def mirror(origin: Peer) -> Iterator[Peer]:
    """One that has everything, as it stands at the origin."""
    with Peer() as made:
        made.contents.repositories = origin.contents.repositories
        yield made


@pytest.fixture
def stored(origin: Peer, tmp_path: Path) -> Entry:
    entry = Entry(tmp_path, 3 << 20)
    entry.publish(open_url(origin.remote()))
    origin.seen.clear()
    return entry


def through(origin: Peer, url: str, options: str = "") -> OciRemote:
    environ = {"NEFFCACHE_REMOTE_TIMEOUT": "2", **LOGIN}
    return open_url(f"{origin.remote()}?mirror={url}{options}", environ)


def test_an_entry_is_read_from_the_mirror(
    origin: Peer, mirror: Peer, stored: Entry, tmp_path: Path
) -> None:
    assert stored.fetch(through(origin, mirror.url), tmp_path / "into") == stored.data
    assert not origin.seen
    assert len(mirror.seen) == 2


def test_the_path_of_a_mirror_comes_before_the_repository(
    origin: Peer, mirror: Peer, stored: Entry, tmp_path: Path
) -> None:
    repositories = dict(origin.contents.repositories)
    mirror.contents.repositories = {"proxies/one/acme/cache": repositories["acme/cache"]}
    opened = through(origin, f"{mirror.url}/proxies/one/")
    assert stored.fetch(opened, tmp_path / "into") == stored.data
    assert not origin.seen


def test_entries_are_written_to_the_registry_itself(
    origin: Peer, mirror: Peer, tmp_path: Path
) -> None:
    opened = through(origin, mirror.url)
    assert Entry(tmp_path, name="new").publish(opened)
    opened.try_write()
    assert not mirror.seen


def test_what_a_mirror_lacks_is_asked_for_at_the_registry(
    origin: Peer, mirror: Peer, stored: Entry, tmp_path: Path
) -> None:
    mirror.contents.repositories = {}
    assert stored.fetch(through(origin, mirror.url), tmp_path / "into") == stored.data


def test_a_bundle_that_a_mirror_lacks_comes_from_the_registry(
    origin: Peer, mirror: Peer, stored: Entry, tmp_path: Path
) -> None:
    with Faulty(mirror.url) as proxy:
        proxy.fault("/blobs/", times=None, status=404, body=b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
        assert stored.fetch(through(origin, proxy.url), tmp_path / "into") == stored.data


def test_only_the_registry_says_what_is_absent(origin: Peer, mirror: Peer, tmp_path: Path) -> None:
    assert not through(origin, mirror.url).fetch("object", str(tmp_path / "into"), quiet)
    assert len(origin.seen) == 1
    with Faulty(origin.url) as proxy:
        proxy.fault("", times=None, status=500)
        url = f"oci://{proxy.url.partition('://')[2]}/acme/cache?mirror={mirror.url}"
        with pytest.raises(RemoteError, match="500"):
            open_url(url).fetch("object", str(tmp_path / "into"), quiet)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 403},
        {"status": 404, "body": b"no registry"},
        {"reset": True},
        {"silence": True},
    ],
)
def test_a_mirror_that_fails_is_left_out(
    fault: dict[str, Any], origin: Peer, mirror: Peer, stored: Entry, tmp_path: Path
) -> None:
    with Faulty(mirror.url) as proxy:
        proxy.fault("", times=None, **fault)
        opened = through(origin, proxy.url)
        assert stored.fetch(opened, tmp_path / "into") == stored.data
        asked = len(proxy.requests())
        assert not proxy.requests("/blobs/")
        assert stored.fetch(opened, tmp_path / "into") == stored.data
        assert len(proxy.requests()) == asked


def test_a_mirror_that_is_not_there_is_left_out(
    origin: Peer, stored: Entry, tmp_path: Path
) -> None:
    opened = through(origin, "http://127.0.0.1:1")
    assert stored.fetch(opened, tmp_path / "into") == stored.data


@pytest.mark.parametrize("fault", [{"reset": True}, {"silence": True}])
def test_what_broke_off_at_the_mirror_is_gone_on_with_at_the_registry(
    fault: dict[str, Any], origin: Peer, mirror: Peer, stored: Entry, tmp_path: Path
) -> None:
    with Faulty(mirror.url) as proxy:
        proxy.fault("/blobs/", cut=1 << 20, **fault)
        proxy.fault("/blobs/", times=None, reset=True)
        opened = through(origin, proxy.url)
        assert stored.fetch(opened, tmp_path / "into") == stored.data
        (asked,) = [one for one in origin.seen if "/blobs/" in one.path]
        assert asked.headers["range"] != "bytes=0-"


def test_wrong_bytes_of_a_mirror_are_replaced(
    origin: Peer, mirror: Peer, stored: Entry, tmp_path: Path
) -> None:
    with Faulty(mirror.url) as proxy:
        proxy.fault("/blobs/", flip=-1)
        assert stored.fetch(through(origin, proxy.url), tmp_path / "into") == stored.data
        digest = hashlib.sha256(stored.data).hexdigest()
        assert [one.path for one in origin.seen] == [f"/v2/acme/cache/blobs/sha256:{digest}"]


def test_a_mirror_never_sees_the_registrys_login(tmp_path: Path) -> None:
    guard = Guard(("alice", "open sesame"))
    with Peer(guard) as origin, Peer() as mirror:
        opened = through(origin, mirror.url, "&credential=env:LOGIN")
        opened.store("object", file_of(tmp_path, b"x"), quiet)
        assert opened.fetch("object", str(tmp_path / "into"), quiet)
        assert mirror.seen
        assert not any("authorization" in one.headers for one in mirror.seen)


def test_a_mirror_has_a_login_of_its_own(origin: Peer, stored: Entry, tmp_path: Path) -> None:
    with Peer(Guard(("bob", "other"))) as mirror:
        mirror.contents.repositories = origin.contents.repositories
        login = {"username": "bob", "password": "other"}
        told = json.dumps({"auths": {mirror.host: login}})
        environ = {"REGISTRY_AUTH_FILE": file_of(tmp_path, told.encode(), "auth.json")}
        opened = open_url(f"{origin.remote()}?mirror={mirror.url}", environ)
        assert stored.fetch(opened, tmp_path / "into") == stored.data
        assert not origin.seen
