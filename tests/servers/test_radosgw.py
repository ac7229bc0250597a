"""The S3 of Ceph is what the tests of a remote take it for: it looks at signatures."""

from __future__ import annotations

from servers.s3 import S3


def test_what_was_written_is_listed_and_read(radosgw: S3) -> None:
    bucket = radosgw.bucket()
    radosgw.write(bucket, "a/b & c", b"data")
    assert radosgw.names(bucket) == ["a/b & c"]
    assert radosgw.read(bucket, "a/b & c") == b"data"
    radosgw.remove(bucket)
    gone = radosgw.call("GET", f"/{bucket}/a")
    assert (gone.status, b"NoSuchBucket" in gone.body) == (404, True)


def test_second_creator_loses(radosgw: S3) -> None:
    path, once = f"/{radosgw.bucket()}/x", {"if-none-match": "*"}
    assert radosgw.call("PUT", path, body=b"1", headers=once).status == 200
    assert radosgw.call("PUT", path, body=b"2", headers=once).status == 412


def test_another_secret_is_refused(radosgw: S3) -> None:
    path = f"/{radosgw.bucket()}/x"
    for keys, code in (
        (("test", "other"), b"SignatureDoesNotMatch"),
        (("other", "testtest"), b"InvalidAccessKeyId"),
    ):
        refused = S3(radosgw.url, keys).call("GET", path)
        assert (refused.status, code in refused.body) == (403, True)
