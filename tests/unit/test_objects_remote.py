"""Unit: a bucket as a remote, the same on S3 (moto, Ceph), Azure and GCS."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from neffcache import remote
from neffcache.errors import RefusedError, RemoteError
from neffcache.remotes.objects import ObjectRemote

RECORD = "neffcache/v1/ab/abc/entry"
LARGE = (40 << 20) + 11


class Server(Protocol):
    """What all servers of object stores have."""

    environ: Mapping[str, str]

    def bucket(self) -> str: ...
    def remote(self, bucket: str = "", prefix: str = "cache") -> str: ...
    def names(self, bucket: str) -> list[str]: ...
    def headers(self, bucket: str, name: str) -> Mapping[str, str]: ...
    def write(self, bucket: str, name: str, data: bytes) -> None: ...
    def remove(self, bucket: str) -> None: ...


@pytest.fixture(params=["moto", "azurite", "fakegcs", "radosgw"])
def server(request: pytest.FixtureRequest) -> Server:
    made: Server = request.getfixturevalue(request.param)
    return made


def open_at(server: Server, url: str) -> ObjectRemote:
    environ = {name.encode(): text.encode() for name, text in server.environ.items()}
    return ObjectRemote(remote.parse(url), environ)


def quiet(_count: int) -> None:
    return


def source(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "source"
    path.write_bytes(data)
    return str(path)


def tar_of(data: bytes) -> str:
    return f"neffcache/v1/ab/abc/{hashlib.sha256(data).hexdigest()}.tar"


@pytest.mark.parametrize("size", [0, 1, (9 << 20) + 1, LARGE])
def test_a_bundle_of_any_size_comes_back(server: Server, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    opened = open_at(server, server.remote())
    name, into = tar_of(data), tmp_path / "into"
    assert opened.store(name, source(tmp_path, data), quiet)
    assert opened.fetch(name, str(into), quiet)
    assert into.read_bytes() == data


def test_names_in_the_bucket_are_below_the_prefix(server: Server, tmp_path: Path) -> None:
    bucket = server.bucket()
    opened = open_at(server, server.remote(bucket, "team%20a/x"))
    opened.store(RECORD, source(tmp_path, b"x"), quiet)
    assert server.names(bucket) == [f"team a/x/{RECORD}"]


def test_a_record_is_written_once(server: Server, tmp_path: Path) -> None:
    opened = open_at(server, server.remote())
    assert opened.store(RECORD, source(tmp_path, b"first"), quiet)
    assert not opened.store(RECORD, source(tmp_path, b"other"), quiet)
    assert opened.fetch(RECORD, str(tmp_path / "into"), quiet)
    assert (tmp_path / "into").read_bytes() == b"first"


@pytest.mark.parametrize("size", [1000, 9 << 20])
def test_a_bundle_that_stands_is_not_sent_again(server: Server, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    opened = open_at(server, server.remote())
    assert opened.store(tar_of(data), source(tmp_path, data), quiet)
    assert not opened.store(tar_of(data), source(tmp_path, data), quiet)


@pytest.mark.parametrize("size", [1000, 9 << 20])
def test_a_bundle_of_the_wrong_length_is_replaced(
    server: Server, tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    bucket = server.bucket()
    opened = open_at(server, server.remote(bucket))
    server.write(bucket, f"cache/{tar_of(data)}", data[:-1])
    assert opened.store(tar_of(data), source(tmp_path, data), quiet)
    assert opened.fetch(tar_of(data), str(tmp_path / "into"), quiet)
    assert (tmp_path / "into").read_bytes() == data


@pytest.mark.parametrize("size", [1000, 9 << 20])
@pytest.mark.parametrize(("option", "word"), [("", "private"), ("&public=1", "public")])
def test_caches_on_the_way_are_told_that_a_bundle_never_changes(
    server: Server, tmp_path: Path, size: int, option: str, word: str
) -> None:
    data = os.urandom(size)
    bucket = server.bucket()
    opened = open_at(server, server.remote(bucket) + option)
    opened.store(tar_of(data), source(tmp_path, data), quiet)
    told = server.headers(bucket, f"cache/{tar_of(data)}")["cache-control"]
    assert told == f"{word}, max-age=31536000, immutable"


def test_caches_on_the_way_are_not_to_keep_records(server: Server, tmp_path: Path) -> None:
    bucket = server.bucket()
    opened = open_at(server, server.remote(bucket) + "&public=1")
    opened.store(RECORD, source(tmp_path, b"x"), quiet)
    told = server.headers(bucket, f"cache/{RECORD}").get("cache-control", "")
    assert "immutable" not in told
    assert "public" not in told


def test_a_bucket_that_is_gone_is_not_taken_for_absence(server: Server, tmp_path: Path) -> None:
    bucket = server.bucket()
    opened = open_at(server, server.remote(bucket))
    assert not opened.exists([RECORD])
    server.remove(bucket)
    for ask in (
        lambda: opened.exists([RECORD]),
        lambda: opened.exists([RECORD, RECORD + "2"]),
        lambda: opened.fetch(RECORD, str(tmp_path / "into"), quiet),
    ):
        with pytest.raises(RemoteError, match=f"there is no (bucket|container) {bucket}; make it"):
            ask()
    for name in (RECORD, tar_of(b"y")):
        with pytest.raises(RefusedError, match="there is no"):
            opened.store(name, source(tmp_path, b"y"), quiet)


def test_many_names_are_told_apart_at_once(server: Server, tmp_path: Path) -> None:
    opened = open_at(server, server.remote())
    names = [f"neffcache/v1/ab/{number}/entry" for number in range(40)]
    for name in names[::2]:
        opened.store(name, source(tmp_path, b"x"), quiet)
    assert opened.exists(names) == set(names[::2])
    assert opened.exists([]) == set()


def test_whether_we_may_write_is_tried_and_can_be_tried_again(server: Server) -> None:
    bucket = server.bucket()
    opened = open_at(server, server.remote(bucket))
    opened.try_write()
    opened.try_write()
    assert server.names(bucket) == ["cache/neffcache/v1/probe"]
    assert opened.identity()
