"""Google's server is what the tests of a remote take it for, above all its XML front."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from servers.gcs import Gcs

ONCE = {"x-goog-if-generation-match": "0"}
PART = 5 << 20


def begin(gcs: Gcs, path: str) -> str:
    told = gcs.call("POST", f"{path}?uploads=", b"", {"cache-control": "private"}).body.decode()
    return f"{path}?uploadId={told.partition('<UploadId>')[2].partition('<')[0]}"


def send(gcs: Gcs, upload: str, number: int, data: bytes) -> str:
    done = gcs.call("PUT", f"{upload}&partNumber={number}", data)
    tag = done.headers["etag"]
    return f"<Part><ETag>{tag}</ETag><PartNumber>{number}</PartNumber></Part>"


def complete(gcs: Gcs, upload: str, parts: list[str]) -> int:
    body = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>"
    return gcs.call("POST", upload, body.encode()).status


def code(body: bytes) -> str:
    found = re.search(rb"<Code>(\w+)</Code>", body)
    return found[1].decode() if found else ""


def test_what_was_written_is_listed_and_read(fakegcs: Gcs) -> None:
    bucket = fakegcs.bucket()
    headers = {"cache-control": "private, immutable", "content-type": "x/y"}
    assert fakegcs.call("PUT", f"/{bucket}/a%2Fb%20%26c", b"data", headers).status == 200
    assert fakegcs.names(bucket) == ["a/b &c"]
    assert fakegcs.read(bucket, "a/b &c") == b"data"
    told = fakegcs.headers(bucket, "a/b &c")
    assert (told["cache-control"], told["content-type"]) == ("private, immutable", "x/y")
    assert fakegcs.call("DELETE", f"/{bucket}/a%2Fb%20%26c").status == 204
    assert fakegcs.names(bucket) == []


def test_of_many_creators_one_wins(fakegcs: Gcs) -> None:
    path = f"/{fakegcs.bucket()}/x"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: fakegcs.call("PUT", path, b"%d" % n, ONCE), range(16)))
    winners = [number for number, answer in enumerate(answers) if answer.status == 200]
    assert len(winners) == 1
    assert {code(answer.body) for answer in answers} == {"", "PreconditionFailed"}
    assert fakegcs.call("GET", path).body == b"%d" % winners[0]


@pytest.mark.parametrize("wanted", ["GET", "HEAD"])
def test_a_read_is_tied_to_what_it_names(fakegcs: Gcs, wanted: str) -> None:
    path = f"/{fakegcs.bucket()}/x"
    first = fakegcs.call("PUT", path, b"first").headers["etag"]
    assert fakegcs.call(wanted, path, headers={"if-match": first}).status == 200
    assert fakegcs.call(wanted, path, headers={"if-none-match": first}).status == 304
    fakegcs.call("PUT", path, b"second")
    assert fakegcs.call(wanted, path, headers={"if-match": first}).status == 412


@pytest.mark.parametrize(
    ("wanted", "status", "body", "span"),
    [("1-2", 206, b"el", "bytes 1-2/5"), ("3-9", 206, b"lo", "bytes 3-4/5"), ("9-", 416, b"", "")],
)
def test_a_range_comes_alone(
    fakegcs: Gcs, wanted: str, status: int, body: bytes, span: str
) -> None:
    path = f"/{fakegcs.bucket()}/x"
    fakegcs.call("PUT", path, b"hello")
    told = fakegcs.call("GET", path, headers={"range": f"bytes={wanted}"})
    assert (told.status, told.headers.get("content-range", "")) == (status, span)
    assert (told.body if body else b"") == body


def test_what_is_missing_is_named(fakegcs: Gcs) -> None:
    bucket = fakegcs.bucket()
    assert code(fakegcs.call("GET", f"/{bucket}/x").body) == "NoSuchKey"
    fakegcs.write(bucket, "x", b"")
    fakegcs.remove(bucket)
    for method in ("GET", "PUT", "DELETE"):
        answer = fakegcs.call(method, f"/{bucket}/x", b"")
        assert (answer.status, code(answer.body)) == (404, "NoSuchBucket")
    assert fakegcs.call("POST", f"/{bucket}/x?uploads=", b"").status == 404


def test_an_upload_in_parts_is_there_whole_at_its_end(fakegcs: Gcs) -> None:
    bucket, data = fakegcs.bucket(), os.urandom(PART + 7)
    upload = begin(fakegcs, f"/{bucket}/x")
    second = send(fakegcs, upload, 2, data[PART:])
    parts = [send(fakegcs, upload, 1, data[:PART]), second]
    assert fakegcs.names(bucket) == []
    assert complete(fakegcs, upload, parts) == 200
    assert fakegcs.read(bucket, "x") == data
    assert fakegcs.headers(bucket, "x")["cache-control"] == "private"
    assert complete(fakegcs, upload, parts) == 404


def test_parts_must_be_the_ones_that_were_sent(fakegcs: Gcs) -> None:
    upload = begin(fakegcs, f"/{fakegcs.bucket()}/x")
    small = [send(fakegcs, upload, number, b"small") for number in (1, 2)]
    assert complete(fakegcs, upload, small) == 400
    assert complete(fakegcs, upload, [small[0].replace("<PartNumber>1", "<PartNumber>3")]) == 400
    assert fakegcs.call("DELETE", upload).status == 204
    assert fakegcs.call("PUT", f"{upload}&partNumber=1", b"more").status == 404


def test_a_token_is_wanted_once_tokens_are_named(own_fakegcs: Gcs) -> None:
    path = f"/{own_fakegcs.bucket()}/x"
    own_fakegcs.allow("one", "two")
    assert own_fakegcs.call("PUT", path, b"x").status == 401
    assert own_fakegcs.call("PUT", path, b"x", {"authorization": "Bearer two"}).status == 200
    own_fakegcs.allow("three")
    assert own_fakegcs.call("GET", path, headers={"authorization": "Bearer two"}).status == 401
