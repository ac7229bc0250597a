"""Unit: an object on its way into a bucket: parts, giving up, races of writers, silence."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest

from neffcache.errors import RefusedError, RemoteError
from servers.faulty import Faulty
from servers.moto import Moto
from unit.buckets import Bucket

RECORD = "neffcache/v1/ab/abc/entry"
LARGE = (30 << 20) + 7
DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code><Message>again</Message></Error>"


@pytest.fixture
def bucket(moto: Moto, tmp_path: Path) -> Iterator[Bucket]:
    with Faulty(moto.url) as proxy:
        yield Bucket(moto, proxy, tmp_path)


def tar_of(data: bytes) -> str:
    return f"neffcache/v1/ab/abc/{hashlib.sha256(data).hexdigest()}.tar"


def test_a_small_bundle_is_one_request(bucket: Bucket) -> None:
    assert bucket.store(tar_of(b"x"), b"x")
    assert [one.method for one in bucket.proxy.requests()] == ["PUT"]


def test_a_large_bundle_goes_in_parts(bucket: Bucket) -> None:
    data = os.urandom(LARGE)
    assert bucket.store(tar_of(data), data)
    parts = bucket.proxy.requests("partNumber=", "PUT")
    assert [one.received for one in parts].count(8 << 20) == 3
    assert sum(one.received for one in parts) == LARGE
    assert bucket.read(tar_of(data)) == data


def test_a_large_bundle_that_stands_costs_one_question(bucket: Bucket) -> None:
    data = os.urandom(LARGE)
    bucket.put(tar_of(data), data)
    counts: list[int] = []
    assert not bucket.store(tar_of(data), data, counts.append)
    assert [one.method for one in bucket.proxy.requests()] == ["HEAD"]
    assert counts[-1] == LARGE


def test_progress_ends_with_the_size(bucket: Bucket) -> None:
    for name, size in ((RECORD, 3), (tar_of(b""), 9), ("a" * 64 + ".tar", LARGE)):
        counts: list[int] = []
        bucket.store(name, bytes(size), counts.append)
        assert counts == sorted(counts)
        assert counts[0] == 0
        assert counts[-1] == size


class _Enough(Exception):
    pass


@pytest.mark.parametrize("after", [0, 1, 9 << 20, LARGE])
def test_given_up_it_publishes_nothing_and_leaves_no_parts(bucket: Bucket, after: int) -> None:
    data = os.urandom(LARGE)

    def some(count: int) -> None:
        if count >= after:
            raise _Enough

    with pytest.raises(_Enough):
        bucket.store(tar_of(data), data, some)
    assert bucket.names == []
    assert not bucket.unfinished


def test_a_record_given_up_is_not_published(bucket: Bucket) -> None:
    def some(count: int) -> None:
        if count:
            raise _Enough

    with pytest.raises(_Enough):
        bucket.store(RECORD, b"data", some)
    assert bucket.proxy.requests() == []


def test_a_part_that_fails_is_sent_again(bucket: Bucket) -> None:
    data = os.urandom(LARGE)
    bucket.proxy.fault("partNumber=2", "PUT", status=500, times=2)
    bucket.proxy.fault("partNumber=3", "PUT", upto=1000, reset=True)
    assert bucket.store(tar_of(data), data)
    assert bucket.read(tar_of(data)) == data


def test_an_upload_that_always_fails_is_an_error_and_leaves_no_parts(bucket: Bucket) -> None:
    data = os.urandom(LARGE)
    bucket.proxy.fault("partNumber=2", "PUT", status=500, times=None)
    with pytest.raises(RemoteError, match="answered 500"):
        bucket.store(tar_of(data), data)
    assert bucket.names == []
    # Before 0.12 obstore leaves them to the bucket's own rule for what is never finished.
    assert not bucket.unfinished or obstore.__version__.startswith("0.11.")


def test_a_success_that_holds_an_error_is_none(bucket: Bucket) -> None:
    """S3 answers 200 before it knows whether it can put the parts together."""
    data = os.urandom(LARGE)
    body = b"<Error><Code>InternalError</Code><Message>sorry</Message></Error>"
    bucket.proxy.fault("uploadId=", "POST", status=200, body=body, times=None)
    with pytest.raises(RemoteError):
        bucket.store(tar_of(data), data)
    assert bucket.names == []


def test_a_conflict_with_nothing_standing_there_is_tried_again(bucket: Bucket) -> None:
    bucket.proxy.fault(method="PUT", status=409, body=CONFLICT)
    assert bucket.store(RECORD, b"data")
    assert bucket.read(RECORD) == b"data"


def test_a_conflict_that_does_not_end_is_an_error(bucket: Bucket) -> None:
    bucket.proxy.fault(method="PUT", status=409, body=CONFLICT, times=None)
    with pytest.raises(RemoteError, match="two writers"):
        bucket.store(RECORD, b"data")
    assert len(bucket.proxy.requests("", "PUT")) == 2


def test_a_conflict_that_somebody_else_has_won_is_lost(bucket: Bucket) -> None:
    bucket.proxy.fault(
        method="PUT", status=409, body=CONFLICT, before=lambda: bucket.put(RECORD, b"theirs")
    )
    assert not bucket.store(RECORD, b"ours")
    assert bucket.read(RECORD) == b"theirs"


def test_a_lost_answer_is_no_second_object(bucket: Bucket) -> None:
    bucket.proxy.fault(method="PUT", after=True, reset=True)
    try:
        bucket.store(RECORD, b"data")
    except RemoteError:
        assert not bucket.store(RECORD, b"data")
    assert bucket.read(RECORD) == b"data"


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_store_that_takes_nothing_is_given_up(
    bucket: Bucket, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neffcache.remotes.objects_writing.SLOWEST", 1 << 30)
    bucket.proxy.fault(method="PUT", silence=True, times=None)
    ticks: list[int] = []
    with pytest.raises(RemoteError, match=r"silent for|no answer in time"):
        bucket.store("a" * 64 + ".tar", bytes(size), ticks.append, timeout="0.5")
    assert len(ticks) > 3
    assert bucket.names == []


def test_while_a_slow_store_works_somebody_is_told(bucket: Bucket) -> None:
    bucket.proxy.fault(method="PUT", delay=0.6)
    ticks: list[int] = []
    assert bucket.store(RECORD, b"x", ticks.append)
    assert len(ticks) > 4


def test_who_may_not_write_is_refused_for_good(bucket: Bucket) -> None:
    bucket.proxy.fault(method="PUT|POST", status=403, body=DENIED, times=None)
    for name, size in ((RECORD, 3), ("a" * 64 + ".tar", 9), ("a" * 64 + ".tar", LARGE)):
        with pytest.raises(RefusedError, match="s3:PutObject"):
            bucket.store(name, bytes(size))
    with pytest.raises(RefusedError, match="s3:PutObject"):
        bucket.open().try_write()


def test_who_may_write_where_it_stands_already_is_not_refused(bucket: Bucket) -> None:
    bucket.put("neffcache/v1/probe", b"")
    bucket.open().try_write()
    assert [one.status for one in bucket.proxy.requests()] == [412]


def test_a_file_that_shrinks_under_us_is_a_fault_of_this_host(
    bucket: Bucket, tmp_path: Path
) -> None:
    path = tmp_path / "source"
    shrunk = threading.Event()

    def shrink(count: int) -> None:
        if count and not shrunk.is_set():
            shrunk.set()
            os.truncate(path, 9 << 20)

    bucket.proxy.fault("partNumber=", "PUT", delay=0.3, times=None)
    with pytest.raises(OSError, match="changed while it was read"):
        bucket.store("a" * 64 + ".tar", bytes(80 << 20), shrink)
    assert bucket.names == []


def test_what_is_no_bundle_has_a_limit(bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.touch()
    os.truncate(path, 1 << 30)
    with pytest.raises(RefusedError, match="only bundles"):
        bucket.open().store(RECORD, str(path), lambda _count: None)


@pytest.mark.parametrize("size", [10, LARGE])
def test_who_may_only_write_does_so_and_overwrites_nothing(bucket: Bucket, size: int) -> None:
    bucket.proxy.fault(method="GET|HEAD", status=403, body=DENIED, times=None)
    data = os.urandom(size)
    opened = bucket.open(options="&mode=wo")
    assert opened.exists([RECORD]) == set()
    assert bucket.store(tar_of(data), data)
    assert bucket.store(RECORD, b"first")
    assert not bucket.store(RECORD, b"other")
    assert bucket.read(RECORD) == b"first"
    assert bucket.read(tar_of(data)) == data


def test_a_place_to_be_read_that_may_not_be_is_no_empty_one(bucket: Bucket) -> None:
    bucket.proxy.fault(method="GET|HEAD", status=403, body=DENIED, times=None)
    with pytest.raises(RemoteError, match="s3:GetObject"):
        bucket.open().exists([RECORD])
    with pytest.raises(RemoteError, match="s3:GetObject"):
        bucket.fetch(RECORD)
