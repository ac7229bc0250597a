"""The peer answers as a real registry does: one script of requests, held against both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from registry.peer import Peer
from servers import registry, shared
from servers.asking import Answer, ask

DATA = b"a blob of some bytes" * 50
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()
MEDIA = "application/vnd.oci.image.manifest.v1+json"
MISSING = "sha256:" + "0" * 64
Ask = Callable[..., Answer]


@pytest.fixture(params=["peer", "docker-registry"])
def base(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a repository that nothing is in."""
    if request.param == "peer":
        with Peer() as peer:
            yield f"{peer.url}/v2/acme/cache"
    else:
        server = shared.get(registry.start)
        yield f"{server.url}/v2/{server.bucket()}"


@pytest.fixture
def asked(base: str) -> Ask:
    def send(method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        url = path if "://" in path else base + path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(method, url, body, named)

    return send


def location(base: str, answer: Answer, digest: str = "") -> str:
    where = answer.headers["location"]
    where = where if "://" in where else base.partition("/v2/")[0] + where
    return f"{where}{'&' if '?' in where else '?'}digest={digest}" if digest else where


def code(answer: Answer) -> Any:
    return json.loads(answer.body)["errors"][0]["code"]


def push(base: str, asked: Ask, data: bytes = DATA) -> str:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    begun = asked("POST", "/blobs/uploads/", b"")
    assert begun.status == 202
    assert asked("PUT", location(base, begun, digest), data).status == 201
    return digest


def manifest(config: str = DIGEST, media: str = MEDIA) -> bytes:
    one = {"mediaType": "application/x-test", "digest": config, "size": len(DATA)}
    told = {"schemaVersion": 2, "mediaType": media, "artifactType": "application/x-test"}
    return json.dumps({**told, "config": one, "layers": [one]}).encode()


def test_a_blob_in_one_piece(base: str, asked: Ask) -> None:
    push(base, asked)
    there = asked("HEAD", f"/blobs/{DIGEST}")
    assert (there.status, there.headers["content-length"]) == (200, str(len(DATA)))
    assert asked("GET", f"/blobs/{DIGEST}").body == DATA
    part = asked("GET", f"/blobs/{DIGEST}", range="bytes=900-")
    assert (part.status, part.body) == (206, DATA[900:])
    assert part.headers["content-range"] == f"bytes 900-{len(DATA) - 1}/{len(DATA)}"


def test_a_blob_in_pieces(base: str, asked: Ask) -> None:
    at = location(base, asked("POST", "/blobs/uploads/", b""))
    first = asked("PATCH", at, DATA[:600], content_range="0-599")
    assert (first.status, first.headers["range"]) == (202, "0-599")
    status = asked("GET", location(base, first))
    assert (status.status, status.headers["range"]) == (204, "0-599")
    last = asked("PATCH", location(base, status), DATA[600:], content_range=f"600-{len(DATA) - 1}")
    assert asked("PUT", location(base, last, DIGEST), b"").status == 201
    assert asked("GET", f"/blobs/{DIGEST}").body == DATA


def test_a_blob_of_another_digest(base: str, asked: Ask) -> None:
    begun = asked("POST", "/blobs/uploads/", b"")
    refused = asked("PUT", location(base, begun, DIGEST), b"something else")
    assert (refused.status, code(refused)) == (400, "DIGEST_INVALID")
    assert asked("HEAD", f"/blobs/{DIGEST}").status == 404


def test_what_is_not_there(asked: Ask) -> None:
    for path, expected in (
        (f"/blobs/{MISSING}", "BLOB_UNKNOWN"),
        ("/manifests/tag", "MANIFEST_UNKNOWN"),
    ):
        absent = asked("GET", path)
        assert (absent.status, code(absent)) == (404, expected)
        assert asked("HEAD", path).status == 404


def test_an_upload_that_is_given_up(base: str, asked: Ask) -> None:
    at = location(base, asked("POST", "/blobs/uploads/", b""))
    assert asked("DELETE", at).status == 204
    assert asked("GET", at).status == 404


def test_a_manifest(base: str, asked: Ask) -> None:
    push(base, asked)
    put = asked("PUT", "/manifests/tag", manifest(), content_type=MEDIA)
    assert put.status == 201
    for name in ("tag", "sha256:" + hashlib.sha256(manifest()).hexdigest()):
        there = asked("GET", f"/manifests/{name}", accept=MEDIA)
        assert (there.status, there.body) == (200, manifest())
        assert there.headers["content-type"] == MEDIA
    assert asked("HEAD", "/manifests/tag", accept=MEDIA).status == 200


def test_a_manifest_without_its_blobs(asked: Ask) -> None:
    refused = asked("PUT", "/manifests/tag", manifest(), content_type=MEDIA)
    assert (refused.status, code(refused)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_the_last_writer_of_a_tag_wins(base: str, asked: Ask) -> None:
    push(base, asked)
    for extra in (b" ", b"  "):
        assert asked("PUT", "/manifests/tag", manifest() + extra, content_type=MEDIA).status == 201
    assert asked("GET", "/manifests/tag", accept=MEDIA).body == manifest() + b"  "


def test_a_blob_of_another_repository(base: str, asked: Ask) -> None:
    push(base, asked)
    source = base.partition("/v2/")[2]
    other = f"{base}-other"
    taken = asked("POST", f"{other}/blobs/uploads/?mount={DIGEST}&from={source}", b"")
    assert taken.status == 201
    assert asked("GET", f"{other}/blobs/{DIGEST}").body == DATA
    begun = asked("POST", f"{other}/blobs/uploads/?mount={MISSING}&from={source}", b"")
    assert begun.status == 202
    assert begun.headers["location"]
