"""The S3 mock is what the tests of a remote take it for: conditions, and keys where they count."""

from __future__ import annotations

from servers.moto import Moto


def test_what_was_written_is_listed_and_read(moto: Moto) -> None:
    bucket = moto.bucket()
    moto.write(bucket, "a/b & c", b"data")
    assert moto.names(bucket) == ["a/b & c"]
    assert moto.read(bucket, "a/b & c") == b"data"
    moto.delete(bucket, "a/b & c")
    assert moto.names(bucket) == []


def test_second_creator_loses(moto: Moto) -> None:
    path, once = f"/{moto.bucket()}/x", {"if-none-match": "*"}
    assert moto.call("PUT", path, body=b"1", headers=once).status == 200
    assert moto.call("PUT", path, body=b"2", headers=once).status == 412


def test_bucket_goes_with_all_that_is_in_it(moto: Moto) -> None:
    bucket = moto.bucket()
    moto.write(bucket, "x", b"data")
    moto.remove(bucket)
    gone = moto.call("GET", f"/{bucket}/x")
    assert (gone.status, b"NoSuchBucket" in gone.body) == (404, True)


def test_keys_count_where_a_test_wants_them_to(own_moto: Moto) -> None:
    path = f"/{own_moto.bucket()}/x"
    own_moto.control("reset-auth", "0")
    refused = own_moto.call("GET", path)
    assert (refused.status, b"InvalidAccessKeyId" in refused.body) == (403, True)
    own_moto.control("reset-auth", "inf")
    assert own_moto.call("GET", path).status == 404
