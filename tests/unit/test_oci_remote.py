"""An OCI registry as a remote: what lies there, how many requests it takes, what is left alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from neffcache.cache import bundles
from neffcache.errors import EntryError, RefusedError, RemoteError
from registry.opening import Entry, file_of, open_url, quiet
from registry.peer import Peer

OBJECT = "neffcache/v1/probe"


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as made:
        yield made


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return Entry(tmp_path)


def test_an_entry_comes_back(peer: Peer, entry: Entry, tmp_path: Path) -> None:
    assert entry.publish(open_url(peer.remote()))
    assert entry.fetch(open_url(peer.remote()), tmp_path / "into") == entry.data


def test_an_entry_is_an_artifact_tagged_with_its_key(peer: Peer, entry: Entry) -> None:
    entry.publish(open_url(peer.remote()))
    repository = peer.contents.of("acme/cache")
    assert list(repository.tags) == [entry.key]
    _media, text = repository.manifests[repository.tags[entry.key]]
    told = json.loads(text)
    assert told["artifactType"] == "application/vnd.neffcache.entry.v1"
    assert told["config"]["mediaType"] == "application/vnd.neffcache.record.v1"
    assert repository.blobs[told["config"]["digest"]].startswith(b"neffcache-record 1\n")
    (layer,) = told["layers"]
    assert layer["mediaType"] == "application/vnd.neffcache.bundle.v1+tar"
    assert layer["annotations"] == {"org.opencontainers.image.title": f"{entry.key}.tar"}
    assert layer["digest"] == "sha256:" + hashlib.sha256(entry.data).hexdigest()
    assert repository.blobs[layer["digest"]] == entry.data


def test_the_manifest_comes_last(peer: Peer, entry: Entry) -> None:
    entry.publish(open_url(peer.remote()))
    assert peer.lines()[-1] == f"PUT /v2/acme/cache/manifests/{entry.key} 201"
    assert sum(line.startswith("PUT") and "/manifests/" in line for line in peer.lines()) == 1


def test_reading_an_entry_takes_two_requests(peer: Peer, entry: Entry, tmp_path: Path) -> None:
    entry.publish(open_url(peer.remote()))
    peer.seen.clear()
    assert entry.fetch(open_url(peer.remote()), tmp_path / "into")
    assert [line.split("/")[0] for line in peer.lines()] == ["GET ", "GET "]


def test_an_entry_is_looked_for_once_before_it_is_written(peer: Peer, entry: Entry) -> None:
    entry.publish(open_url(peer.remote()))
    looks = [line for line in peer.lines() if line.startswith("HEAD") and "/manifests/" in line]
    assert len(looks) == 1


def test_a_blob_that_stands_is_not_sent_again(peer: Peer, entry: Entry) -> None:
    to = open_url(peer.remote())
    name = bundles.tar_name(entry.key, hashlib.sha256(entry.data).hexdigest())
    assert to.store(name, entry.path, quiet)
    peer.seen.clear()
    counts: list[int] = []
    assert not to.store(name, entry.path, counts.append)
    assert [one.method for one in peer.seen] == ["HEAD"]
    assert counts[-1] == len(entry.data)


def test_a_record_too_large_for_a_manifest_is_a_blob_alone(peer: Peer, tmp_path: Path) -> None:
    name = f"neffcache/v1/ab/{'ab' * 32}/entry"
    record = f"neffcache-record 1\nkey x\nbundle 3 {hashlib.sha256(b'tar').hexdigest()}\n".encode()
    record += bytes(200_000)
    tar = bundles.tar_name("ab" * 32, hashlib.sha256(b"tar").hexdigest())
    to = open_url(peer.remote())
    to.store(tar, file_of(tmp_path, b"tar"), quiet)
    assert to.store(name, file_of(tmp_path, record), quiet)
    repository = peer.contents.of("acme/cache")
    assert len(repository.manifests[repository.tags["ab" * 32]][1]) < 2000
    assert to.fetch(name, str(tmp_path / "into"), quiet)
    assert (tmp_path / "into").read_bytes() == record


def test_bytes_of_another_digest_are_noticed(peer: Peer, entry: Entry, tmp_path: Path) -> None:
    to = open_url(peer.remote())
    entry.publish(to)
    repository = peer.contents.of("acme/cache")
    digest = "sha256:" + hashlib.sha256(entry.data).hexdigest()
    repository.blobs[digest] = entry.data[:-1] + bytes([entry.data[-1] ^ 1])
    with pytest.raises(EntryError, match="digest"):
        entry.fetch(to, tmp_path / "into")


def test_an_object_of_another_digest_is_noticed(peer: Peer, tmp_path: Path) -> None:
    to = open_url(peer.remote())
    to.store(OBJECT, file_of(tmp_path, b"content"), quiet)
    blobs = peer.contents.of("acme/cache").blobs
    blobs["sha256:" + hashlib.sha256(b"content").hexdigest()] = b"contest"
    with pytest.raises(EntryError, match="digest"):
        to.fetch(OBJECT, str(tmp_path / "into"), quiet)


def test_a_tag_of_somebody_elses_is_no_entry(peer: Peer, entry: Entry, tmp_path: Path) -> None:
    to = open_url(peer.remote())
    entry.publish(to)
    repository = peer.contents.of("acme/cache")
    media, text = repository.manifests[repository.tags[entry.key]]
    other = text.replace(b"vnd.neffcache.entry", b"vnd.somebody.thing")
    repository.manifests[repository.tags[entry.key]] = (media, other)
    with pytest.raises(RemoteError, match="a repository of its own"):
        entry.fetch(to, tmp_path / "into")


def test_a_record_that_is_not_its_digest_is_not_believed(
    peer: Peer, entry: Entry, tmp_path: Path
) -> None:
    to = open_url(peer.remote())
    entry.publish(to)
    repository = peer.contents.of("acme/cache")
    media, text = repository.manifests[repository.tags[entry.key]]
    told = json.loads(text)
    told["config"]["data"] = "bmVmZmNhY2hl"
    repository.manifests[repository.tags[entry.key]] = (media, json.dumps(told).encode())
    with pytest.raises(RemoteError, match="does not hold what neffcache put there"):
        entry.fetch(to, tmp_path / "into")


def test_a_missing_bundle_is_absent(peer: Peer, entry: Entry, tmp_path: Path) -> None:
    name = bundles.tar_name(entry.key, "0" * 64)
    assert not open_url(peer.remote()).fetch(name, str(tmp_path / "into"), quiet)
    assert not (tmp_path / "into").exists()


def test_another_repository_of_the_registry_spares_the_upload(peer: Peer, entry: Entry) -> None:
    entry.publish(open_url(peer.remote("acme/old")))
    peer.seen.clear()
    assert entry.publish(open_url(peer.remote() + "?mount=acme/old"))
    digest = "sha256:" + hashlib.sha256(entry.data).hexdigest()
    assert peer.contents.of("acme/cache").blobs[digest] == entry.data
    sent = [int(one.headers.get("content-length", "0")) for one in peer.seen]
    assert max(sent) < len(entry.data)


def test_what_cannot_be_mounted_is_sent(peer: Peer, entry: Entry, tmp_path: Path) -> None:
    to = open_url(peer.remote() + "?mount=acme/old")
    assert entry.publish(to)
    assert entry.fetch(to, tmp_path / "into") == entry.data


def test_trying_to_write_leaves_nothing(peer: Peer) -> None:
    open_url(peer.remote()).try_write()
    repository = peer.contents.of("acme/cache")
    assert (repository.uploads, repository.blobs, repository.tags) == ({}, {}, {})
    assert [one.method for one in peer.seen] == ["POST", "DELETE"]


def test_a_read_only_remote_is_not_tried(peer: Peer) -> None:
    with pytest.raises(RefusedError, match="mode=ro"):
        open_url(peer.remote() + "?mode=ro").try_write()
    assert not peer.seen


def test_nobody_is_anonymous(peer: Peer) -> None:
    assert open_url(peer.remote()).identity() == "anonymous"
    assert not peer.seen


def test_whole_locations_are_followed(peer: Peer, entry: Entry) -> None:
    peer.absolute = True
    assert entry.publish(open_url(peer.remote()))


def test_a_large_bundle_goes_in_pieces(peer: Peer, tmp_path: Path) -> None:
    entry = Entry(tmp_path, 9 << 20)
    to = open_url(peer.remote())
    assert entry.publish(to)
    assert "PATCH" in {one.method for one in peer.seen}
    assert entry.fetch(to, tmp_path / "into") == entry.data
