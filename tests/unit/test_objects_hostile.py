"""Unit: a bucket whose answers are not to be believed: conflicts, conditions, huge sizes."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from neffcache.errors import RemoteError
from servers.faulty import Faulty
from servers.moto import Moto
from unit.buckets import Bucket, quiet

RECORD = "neffcache/v1/ab/abc/entry"
TAR = f"neffcache/v1/ab/abc/{'0' * 64}.tar"
# More than its list of ranges may ever take, and far less than the ranges of the sizes below.
_MOST_MEMORY = 1 << 20  # KiB


@pytest.fixture
def bucket(moto: Moto, tmp_path: Path) -> Iterator[Bucket]:
    with Faulty(moto.url) as proxy:
        yield Bucket(moto, proxy, tmp_path)


def told(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()


@pytest.mark.parametrize(
    ("status", "code"),
    [(409, "OperationAborted"), (412, "PreconditionFailed"), (409, "ContainerDisabled")],
)
def test_a_conflict_nobody_asked_about_is_no_sign_that_an_object_stands(
    bucket: Bucket, status: int, code: str
) -> None:
    """Or an entry would pass for sent, and be lost."""
    bucket.proxy.fault(times=None, status=status, body=told(code))
    opened = bucket.open()
    with pytest.raises(RemoteError, match=f"{status} {code}"):
        opened.exists([RECORD])
    with pytest.raises(RemoteError, match=f"{status} {code}"):
        opened.fetch(RECORD, str(bucket.into), quiet)


def test_a_conflict_while_parts_are_sent_is_told(bucket: Bucket, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as out:
        out.truncate(20 << 20)
    bucket.proxy.fault(method="POST", times=None, status=409, body=told("OperationAborted"))
    with pytest.raises(RemoteError, match="409 OperationAborted"):
        bucket.open().store(TAR, str(large), quiet)
    assert bucket.names == []


def test_who_cannot_make_anything_in_a_container_that_goes_away_is_told(bucket: Bucket) -> None:
    bucket.proxy.fault(method="PUT", times=None, status=409, body=told("ContainerDisabled"))
    with pytest.raises(RemoteError, match="ContainerDisabled"):
        bucket.open().try_write()


@pytest.mark.parametrize("size", [1 << 50, (1 << 63) - 1000])
def test_a_size_that_nothing_of_ours_has_costs_no_memory(bucket: Bucket, size: int) -> None:
    bucket.put(RECORD, b"x")
    bucket.proxy.fault(times=None, longer=size)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RemoteError, match=f"has {size + 1} bytes"):
        bucket.open().fetch(RECORD, str(bucket.into), quiet)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown < _MOST_MEMORY


def test_a_range_of_another_version_is_not_believed_where_conditions_are_not_kept(
    bucket: Bucket,
) -> None:
    bucket.put(RECORD, bytes(40 << 20))
    bucket.proxy.fault(
        headers_match={"range": "bytes=16777216-"}, times=None, headers={"ETag": '"another"'}
    )
    with pytest.raises(RemoteError, match="another object"):
        bucket.fetch(RECORD)


@pytest.mark.parametrize("size", [1000, 20 << 20])
def test_a_bundle_that_stands_there_torn_is_sent_again(
    bucket: Bucket, tmp_path: Path, size: int
) -> None:
    bucket.put(TAR, b"torn")
    whole = tmp_path / "whole"
    whole.write_bytes(b"w" * size)
    assert bucket.open().store(TAR, str(whole), quiet)
    assert bucket.read(TAR) == b"w" * size
