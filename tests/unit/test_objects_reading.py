"""Unit: an object on its way out of a bucket: ranges of one version, cuts, silence, progress."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from neffcache import remote
from neffcache.errors import RemoteError
from neffcache.objects.client import Client
from neffcache.remotes.objects_reading import Download
from servers.faulty import Faulty
from servers.moto import Moto
from unit.buckets import Bucket, quiet

NAME = "neffcache/v1/ab/abc/object"
SIZE = (40 << 20) + 11
SMALL = 3 << 20
_SECRET = {b"AWS_SECRET_ACCESS_KEY": b"y"}


@pytest.fixture
def bucket(moto: Moto, tmp_path: Path) -> Iterator[Bucket]:
    with Faulty(moto.url) as proxy:
        yield Bucket(moto, proxy, tmp_path)


def test_a_large_object_comes_in_ranges_of_one_version(bucket: Bucket) -> None:
    data = os.urandom(SIZE)
    bucket.put(NAME, data)
    assert bucket.fetch(NAME)
    assert bucket.into.read_bytes() == data
    first, *others = bucket.proxy.requests()
    assert "range" not in first.headers
    starts = sorted(int(one.headers["range"][6:].partition("-")[0]) for one in others)
    assert starts == [number * (8 << 20) for number in range(1, 6)]
    assert len({one.headers["if-match"] for one in others}) == 1


def test_several_ranges_come_at_once(bucket: Bucket) -> None:
    bucket.put(NAME, bytes(SIZE))
    together = threading.Barrier(3)
    bucket.proxy.fault(headers_match={"range": "."}, times=3, before=lambda: together.wait(20))
    assert bucket.fetch(NAME)


def test_a_small_object_is_one_request(bucket: Bucket) -> None:
    bucket.put(NAME, bytes(SMALL))
    assert bucket.fetch(NAME)
    assert [one.method for one in bucket.proxy.requests()] == ["GET"]


def test_through_a_proxy_an_object_comes_as_a_whole(bucket: Bucket) -> None:
    data = os.urandom(SIZE)
    bucket.put(NAME, data)
    opened = bucket.open(http_proxy="http://127.0.0.1:9", no_proxy="other.example")
    assert opened.fetch(NAME, str(bucket.into), quiet)
    assert bucket.into.read_bytes() == data
    assert len(bucket.proxy.requests()) == 1


def test_what_a_cache_may_keep_comes_as_a_whole(bucket: Bucket) -> None:
    """nginx takes the range out of a request, which is signed with it."""
    data = os.urandom(SIZE)
    bucket.put(NAME, data)
    opened = bucket.open(options="&public=1")
    assert opened.fetch(NAME, str(bucket.into), quiet)
    assert bucket.into.read_bytes() == data
    assert len(bucket.proxy.requests()) == 1


def test_where_no_proxy_stands_before_it_ranges_are_used(bucket: Bucket) -> None:
    bucket.put(NAME, bytes(SIZE))
    opened = bucket.open(http_proxy="http://127.0.0.1:9", no_proxy="localhost, 127.0.0.1")
    assert opened.fetch(NAME, str(bucket.into), quiet)
    assert len(bucket.proxy.requests()) > 1


def test_progress_counts_what_stands_in_the_file_from_its_start(bucket: Bucket) -> None:
    data = os.urandom(SIZE)
    bucket.put(NAME, data)
    # The second range comes last of all.
    bucket.proxy.fault(headers_match={"range": "bytes=8388608-"}, rate=40 << 20)
    wrong: list[int] = []
    counts: list[int] = []

    def look(count: int) -> None:
        counts.append(count)
        with bucket.into.open("rb") as file:
            if file.read(count) != data[:count]:
                wrong.append(count)

    assert bucket.fetch(NAME, look)
    assert not wrong
    assert counts == sorted(counts)
    assert counts[-1] == SIZE
    assert len(counts) > 5


def test_an_object_replaced_while_it_is_read_is_never_mixed(bucket: Bucket) -> None:
    bucket.put(NAME, bytes(SIZE))
    bucket.proxy.fault(
        headers_match={"range": "."}, before=lambda: bucket.put(NAME, b"\1" * SIZE), times=1
    )
    with pytest.raises(RemoteError, match="another object while it was read"):
        bucket.fetch(NAME)


def test_an_object_removed_while_it_is_read_is_not_half_served(bucket: Bucket) -> None:
    bucket.put(NAME, bytes(SIZE))
    bucket.proxy.fault(headers_match={"range": "."}, before=lambda: bucket.remove(NAME), times=1)
    with pytest.raises(RemoteError, match="while it was read"):
        bucket.fetch(NAME)


@pytest.mark.parametrize("size", [SMALL, SIZE])
@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_breaks_off_is_taken_up_again(
    bucket: Bucket, size: int, reset: bool
) -> None:
    data = os.urandom(size)
    bucket.put(NAME, data)
    bucket.proxy.fault(cut=2 << 20, reset=reset, times=2)
    assert bucket.fetch(NAME)
    assert bucket.into.read_bytes() == data


@pytest.mark.parametrize("size", [SMALL, SIZE])
def test_one_that_always_breaks_off_is_given_up(bucket: Bucket, size: int) -> None:
    bucket.put(NAME, bytes(size))
    bucket.proxy.fault(cut=100_000, times=None)
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1:\d+: .*br(eak|oke) off"):
        bucket.fetch(NAME)


@pytest.mark.parametrize("size", [SMALL, SIZE])
def test_an_answer_that_says_more_than_comes_is_no_object(bucket: Bucket, size: int) -> None:
    bucket.put(NAME, bytes(size))
    bucket.proxy.fault(longer=10, times=None)
    with pytest.raises(RemoteError):
        bucket.open(timeout="0.5").fetch(NAME, str(bucket.into), quiet)


def test_errors_that_pass_are_waited_out(bucket: Bucket) -> None:
    bucket.put(NAME, b"data")
    bucket.proxy.fault(status=500, times=2)
    assert bucket.fetch(NAME)
    assert bucket.into.read_bytes() == b"data"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"<Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>"),
        (429, b""),
    ],
)
def test_a_store_that_is_asked_too_often_is_left_alone(
    bucket: Bucket, status: int, body: bytes
) -> None:
    bucket.proxy.fault(status=status, body=body, headers={"retry-after": "7"}, times=None)
    with pytest.raises(RemoteError, match="fewer requests") as caught:
        bucket.fetch(NAME)
    assert caught.value.pause > 0
    assert len(bucket.proxy.requests()) <= 3


@pytest.mark.parametrize("size", [SMALL, SIZE])
def test_silence_in_the_middle_ends_the_download(bucket: Bucket, size: int) -> None:
    bucket.put(NAME, bytes(size))
    bucket.proxy.fault(silence=True, cut=1 << 20, times=None)
    with pytest.raises(RemoteError):
        bucket.open(timeout="0.3").fetch(NAME, str(bucket.into), quiet)


def test_what_drips_is_told_as_it_comes(bucket: Bucket) -> None:
    bucket.put(NAME, bytes(300_000))
    bucket.proxy.fault(rate=300_000)
    counts: list[int] = []
    assert bucket.fetch(NAME, counts.append)
    assert len(counts) > 4


class _Enough(Exception):
    pass


def test_given_up_in_the_middle_it_stops_asking(bucket: Bucket) -> None:
    bucket.put(NAME, bytes(SIZE))
    bucket.proxy.fault(headers_match={"range": "."}, rate=1 << 20, times=None)

    def some(count: int) -> None:
        if count:
            raise _Enough

    with pytest.raises(_Enough):
        bucket.fetch(NAME, some)
    assert len(bucket.proxy.requests()) < 6


def test_a_full_disk_is_not_the_stores_fault(bucket: Bucket) -> None:
    for size in (SMALL, SIZE):
        bucket.put(NAME, bytes(size))
        with pytest.raises(OSError, match="No space left"):
            bucket.open().fetch(NAME, "/dev/full", quiet)


class _Short:
    """An answer whose body ends before its size, and whose client does not mind."""

    meta: ClassVar = {"size": 10, "e_tag": '"x"'}

    def stream(self, *, min_chunk_size: int) -> list[bytes]:
        return [b"x" * min_chunk_size]


def test_no_object_is_whole_that_is_shorter_than_it_says(bucket: Bucket) -> None:
    client = Client(remote.parse("s3://team"), {b"AWS_ACCESS_KEY_ID": b"x", **_SECRET})
    with bucket.into.open("wb") as out, pytest.raises(RemoteError, match="shorter than it says"):
        Download(client, NAME, _Short(), out.fileno()).run(quiet)
