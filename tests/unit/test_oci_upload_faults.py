"""A registry that fails while it is written to: what is sent again, and what never is published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from neffcache.errors import RemoteError
from registry.failing import LARGE, MANIFEST, UPLOAD, Place, error
from registry.opening import Entry, file_of
from registry.peer import Peer
from servers.faulty import Faulty


@pytest.fixture
def place() -> Iterator[Place]:
    with Peer() as peer, Faulty(peer.url) as proxy:
        yield Place(peer, proxy)


def test_a_piece_that_broke_off_is_sent_again(place: Place, tmp_path: Path) -> None:
    place.proxy.fault(UPLOAD, method="PATCH", upto=1 << 20, reset=True)
    entry = Entry(tmp_path, LARGE)
    opened = place.open()
    assert entry.publish(opened)
    assert place.methods(UPLOAD)[:4] == ["POST", "PATCH", "GET", "PATCH"]
    assert entry.fetch(opened, tmp_path / "into") == entry.data


def test_a_piece_whose_answer_was_lost_is_not_sent_again(place: Place, tmp_path: Path) -> None:
    place.proxy.fault(UPLOAD, method="PATCH", reset=True, after=True)
    entry = Entry(tmp_path, LARGE)
    opened = place.open()
    assert entry.publish(opened)
    assert place.methods(UPLOAD)[:4] == ["POST", "PATCH", "GET", "PUT"]
    assert entry.fetch(opened, tmp_path / "into") == entry.data


def test_a_forgotten_upload_is_begun_anew(place: Place, tmp_path: Path) -> None:
    place.peer.resumes = False
    place.proxy.fault(UPLOAD, method="PATCH", upto=1 << 20, reset=True)
    entry = Entry(tmp_path, LARGE)
    opened = place.open()
    assert entry.publish(opened)
    assert place.methods(UPLOAD)[:5] == ["POST", "PATCH", "GET", "POST", "PATCH"]
    assert entry.fetch(opened, tmp_path / "into") == entry.data


@pytest.mark.parametrize("status", [400, 405, 411, 501])
def test_a_registry_that_takes_no_pieces_gets_it_whole(
    status: int, place: Place, tmp_path: Path
) -> None:
    place.proxy.fault(UPLOAD, method="PATCH", times=None, status=status)
    entry = Entry(tmp_path, LARGE)
    opened = place.open()
    assert entry.publish(opened)
    assert place.methods(UPLOAD)[:4] == ["POST", "PATCH", "POST", "PUT"]
    assert entry.fetch(opened, tmp_path / "into") == entry.data


def test_an_upload_that_never_gets_through_is_given_up(place: Place, tmp_path: Path) -> None:
    place.proxy.fault(UPLOAD, method="PATCH|PUT", times=None, upto=1000, reset=True)
    entry = Entry(tmp_path, LARGE)
    with pytest.raises(RemoteError, match="broke off"):
        entry.publish(place.open())
    assert len(place.proxy.requests(UPLOAD)) < 30
    assert place.peer.contents.of("acme/cache").tags == {}


def test_a_blob_whose_answer_was_lost_stands(place: Place, tmp_path: Path) -> None:
    place.proxy.fault(UPLOAD, method="PUT", reset=True, after=True)
    entry = Entry(tmp_path)
    opened = place.open()
    assert entry.publish(opened)
    assert place.methods(UPLOAD) == ["POST", "PUT", "POST", "PUT"]  # of bundle and record
    assert entry.fetch(opened, tmp_path / "into") == entry.data


def test_a_manifest_whose_answer_was_lost_stands(place: Place, tmp_path: Path) -> None:
    place.proxy.fault(MANIFEST, method="PUT", status=500)
    entry = Entry(tmp_path)
    opened = place.open()
    assert entry.publish(opened)
    assert entry.fetch(opened, tmp_path / "into") == entry.data


def test_a_blob_that_is_not_there_yet_is_waited_for(place: Place, tmp_path: Path) -> None:
    body = error("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
    place.proxy.fault(MANIFEST, method="PUT", times=2, status=400, body=body)
    assert Entry(tmp_path).publish(place.open())


def test_a_registry_that_stops_listening_says_why(place: Place, tmp_path: Path) -> None:
    place.proxy.fault(
        UPLOAD, method="PATCH|PUT", times=None, status=413, body=error("TOO_LARGE", "quota")
    )
    with pytest.raises(RemoteError, match="TOO_LARGE"):
        Entry(tmp_path, LARGE).publish(place.open())


def test_progress_never_goes_back(place: Place, tmp_path: Path) -> None:
    place.proxy.fault(UPLOAD, method="PATCH", upto=3 << 20, reset=True)
    data = bytes(LARGE)
    counts: list[int] = []
    place.open().store("object", file_of(tmp_path, data), counts.append)
    assert counts == sorted(counts)
    assert counts[-1] == LARGE


class _Enough(Exception):
    pass


def test_a_large_upload_given_up_publishes_nothing(place: Place, tmp_path: Path) -> None:
    def give_up(count: int) -> None:
        if count > 1 << 20:
            raise _Enough

    with pytest.raises(_Enough):
        place.open().store("object", file_of(tmp_path, bytes(LARGE)), give_up)
    repository = place.peer.contents.of("acme/cache")
    assert (repository.tags, repository.blobs) == ({}, {})
