"""What object stores promise besides: buckets that are gone, large objects, headers, wrong keys."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import pytest

from contract.real import KINDS, Running, nowhere
from neffcache import remote
from neffcache.errors import RefusedError, RemoteError

if TYPE_CHECKING:
    from neffcache.remote import Probing, Remote
    from servers.azurite import Azurite

RECORD = "neffcache/v1/ab/abc/entry"
STORES = [kind for kind in KINDS if not kind.startswith("oci")]
LARGE = (40 << 20) + 7


class Store(Protocol):
    """What a test does to a bucket past the product."""

    def headers(self, bucket: str, name: str) -> Mapping[str, str]: ...

    def remove(self, bucket: str) -> None: ...

    def names(self, bucket: str) -> list[str]: ...


@pytest.fixture(params=STORES)
def running(request: pytest.FixtureRequest) -> Running:
    return KINDS[request.param]()


@pytest.fixture
def store(running: Running) -> Store:
    return cast("Store", running.server)


def opened(running: Running, url: str, **more: str) -> Remote:
    environ = {**running.environ, **more}
    variables = {name.encode(): text.encode() for name, text in environ.items()}
    return remote.open_remote(remote.parse(url), variables)


def quiet(_count: int) -> None:
    return


def source(tmp_path: Path, data: bytes) -> tuple[str, str]:
    """A file, and the name of a bundle that has this content."""
    path = tmp_path / "source"
    path.write_bytes(data)
    return str(path), f"neffcache/v1/ab/abc/{hashlib.sha256(data).hexdigest()}.tar"


def test_a_large_bundle_comes_back_and_is_sent_once(running: Running, tmp_path: Path) -> None:
    there = opened(running, running.remote(running.bucket()))
    data = os.urandom(1 << 20) * (LARGE >> 20) + b"1234567"
    path, name = source(tmp_path, data)
    told: list[int] = []
    assert there.store(name, path, told.append)
    assert told[-1] == LARGE
    assert not there.store(name, path, quiet)
    assert there.fetch(name, str(tmp_path / "into"), quiet)
    assert (tmp_path / "into").read_bytes() == data


def test_only_what_is_named_by_its_digest_is_immutable(
    running: Running, store: Store, tmp_path: Path
) -> None:
    bucket = running.bucket()
    there = opened(running, running.remote(bucket))
    path, name = source(tmp_path, b"bundle")
    there.store(name, path, quiet)
    there.store(RECORD, path, quiet)
    told = store.headers(bucket, f"cache/{name}").get("cache-control", "")
    assert told == "private, max-age=31536000, immutable"
    assert "immutable" not in store.headers(bucket, f"cache/{RECORD}").get("cache-control", "")


def test_public_is_said_only_where_the_url_says_so(
    running: Running, store: Store, tmp_path: Path
) -> None:
    bucket = running.bucket()
    path, name = source(tmp_path, b"bundle")
    opened(running, f"{running.remote(bucket)}&public=1").store(name, path, quiet)
    told = store.headers(bucket, f"cache/{name}")["cache-control"]
    assert told == "public, max-age=31536000, immutable"


def test_a_bucket_that_is_gone_is_no_absent_entry(
    running: Running, store: Store, tmp_path: Path
) -> None:
    bucket = running.bucket()
    there = opened(running, running.remote(bucket))
    path, name = source(tmp_path, b"bundle")
    assert there.store(RECORD, path, quiet)
    store.remove(bucket)
    for wanted in (RECORD, name):
        with pytest.raises(RemoteError):
            there.fetch(wanted, str(tmp_path / "into"), quiet)
    with pytest.raises(RemoteError):
        there.exists([RECORD])
    for wanted in (RECORD, name):
        with pytest.raises(RemoteError, match=re.escape(bucket)):
            there.store(wanted, path, quiet)


def test_who_we_are_and_that_we_may_write_can_be_told(running: Running) -> None:
    bucket = running.bucket()
    there = cast("Probing", opened(running, running.remote(bucket)))
    there.try_write()
    there.try_write()
    assert there.identity()
    assert len(running.server.names(bucket)) == 1
    assert all(text not in there.identity() for text in secrets(running))


def secrets(running: Running) -> Iterator[str]:
    wanted = ("AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN")
    yield from (text for name, text in running.environ.items() if name in wanted)


WRONG = {
    "s3 (Ceph)": {"AWS_SECRET_ACCESS_KEY": "other"},
    "az": {"AZURE_STORAGE_KEY": "b3RoZXIK" * 4},
    "az (signature)": {"AZURE_STORAGE_SAS_TOKEN": "sv=2021-08-06&ss=b&srt=sco&sp=r&sig=b3RoZXI%3D"},
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_key_is_no_absent_entry_and_not_shown(kind: str, tmp_path: Path) -> None:
    running = KINDS[kind]()
    there = opened(running, running.remote(running.bucket()), **WRONG[kind])
    path, name = source(tmp_path, b"bundle")
    told = []
    for ask in (
        lambda: there.fetch(name, str(tmp_path / "into"), quiet),
        lambda: there.exists([name]),
        lambda: there.store(RECORD, path, quiet),
        lambda: there.store(name, path, quiet),
    ):
        with pytest.raises(RemoteError) as caught:
            ask()
        told.append(str(caught.value))
    secret = next(iter(WRONG[kind].values())).rpartition("=")[2] or "b3RoZXI"
    assert all("\n" not in line and secret not in line for line in told)


def test_a_signature_that_may_only_read_is_refused_for_good(tmp_path: Path) -> None:
    running = KINDS["az (signature)"]()
    token = cast("Azurite", running.server).sas("r")
    there = opened(running, running.remote(running.bucket()), AZURE_STORAGE_SAS_TOKEN=token)
    path, name = source(tmp_path, b"bundle")
    assert not there.fetch(name, str(tmp_path / "into"), quiet)
    for wanted in (RECORD, name):
        with pytest.raises(RefusedError):
            there.store(wanted, path, quiet)


def test_a_proxy_of_the_environment_is_not_asked_for_this_host(tmp_path: Path) -> None:
    running = KINDS["s3"]()
    with nowhere() as refusing:
        proxies = {"HTTP_PROXY": f"http://{refusing}", "NO_PROXY": "127.0.0.1"}
        there = opened(running, running.remote(running.bucket()), **proxies)
        assert not there.fetch(RECORD, str(tmp_path / "into"), quiet)
