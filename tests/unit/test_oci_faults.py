"""A registry that fails: what is got over, what is told of the rest, and what never happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from neffcache.cache import bundles
from neffcache.errors import EntryError, RefusedError, RemoteError
from registry.failing import BLOB, MANIFEST, UPLOAD, Place, error
from registry.opening import Entry, file_of, open_url, quiet
from registry.peer import Peer
from servers.faulty import Faulty


@pytest.fixture
def place() -> Iterator[Place]:
    with Peer() as peer, Faulty(peer.url) as proxy:
        yield Place(peer, proxy)


@pytest.fixture
def stored(place: Place, tmp_path: Path) -> Entry:
    """An entry that stands there already."""
    entry = Entry(tmp_path, 3 << 20)
    entry.publish(open_url(place.peer.remote()))
    return entry


def test_a_download_goes_on_where_it_broke_off(place: Place, stored: Entry, tmp_path: Path) -> None:
    place.proxy.fault(BLOB, reset=True, cut=1 << 20)
    assert stored.fetch(place.open(), tmp_path / "into") == stored.data
    first, second = place.proxy.requests(BLOB)
    assert "range" not in first.headers
    assert int(second.headers["range"].removeprefix("bytes=").removesuffix("-")) > 0


def test_a_registry_without_ranges_sends_it_all_again(
    place: Place, stored: Entry, tmp_path: Path
) -> None:
    place.peer.ranges = False
    place.proxy.fault(BLOB, reset=True, cut=1 << 20)
    assert stored.fetch(place.open(), tmp_path / "into") == stored.data


def test_a_body_that_stalls_is_gone_on_with(place: Place, stored: Entry, tmp_path: Path) -> None:
    place.proxy.fault(BLOB, silence=True, cut=1 << 20)
    assert stored.fetch(place.open(timeout="1"), tmp_path / "into") == stored.data


def test_a_body_shorter_than_its_length_ends_as_what_it_is(
    place: Place, stored: Entry, tmp_path: Path
) -> None:
    place.proxy.fault(BLOB, longer=10)
    assert stored.fetch(place.open(), tmp_path / "into") == stored.data


def test_a_download_that_always_breaks_off_is_given_up(
    place: Place, stored: Entry, tmp_path: Path
) -> None:
    place.proxy.fault(BLOB, times=None, reset=True, cut=0)
    with pytest.raises(RemoteError, match="broke off"):
        stored.fetch(place.open(), tmp_path / "into")
    assert len(place.proxy.requests(BLOB)) < 10


def test_a_wrong_byte_is_noticed(place: Place, stored: Entry, tmp_path: Path) -> None:
    place.proxy.fault(BLOB, flip=12345)
    with pytest.raises(EntryError, match="digest"):
        stored.fetch(place.open(), tmp_path / "into")


def test_a_wrong_byte_of_a_manifest_is_noticed(place: Place, stored: Entry, tmp_path: Path) -> None:
    place.proxy.fault(MANIFEST, flip=700)
    with pytest.raises((RemoteError, EntryError)):
        stored.fetch(place.open(), tmp_path / "into")


@pytest.mark.parametrize("match", [BLOB, MANIFEST])
def test_a_moments_500_is_got_over(match: str, place: Place, stored: Entry, tmp_path: Path) -> None:
    place.proxy.fault(match, times=2, status=503)
    assert stored.fetch(place.open(), tmp_path / "into") == stored.data


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_lasting_500_is_an_outage(
    status: int, place: Place, stored: Entry, tmp_path: Path
) -> None:
    place.proxy.fault("", times=None, status=status)
    with pytest.raises(RemoteError, match=str(status)) as caught:
        stored.fetch(place.open(), tmp_path / "into")
    assert not isinstance(caught.value, RefusedError)


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_asked_for_is_passed_on(
    status: int, place: Place, stored: Entry, tmp_path: Path
) -> None:
    place.proxy.fault("", times=None, status=status, headers={"Retry-After": "17"})
    with pytest.raises(RemoteError) as caught:
        stored.fetch(place.open(), tmp_path / "into")
    assert caught.value.pause == 17
    assert len(place.proxy.requests()) == 1


def test_a_registry_that_never_answers_is_given_up(place: Place, tmp_path: Path) -> None:
    place.proxy.fault("", times=None, silence=True)
    opened = place.open(timeout="0.5")
    with pytest.raises(RemoteError, match="in time"):
        opened.fetch("object", str(tmp_path / "into"), quiet)


def test_404_of_something_else_is_not_absent(place: Place, tmp_path: Path) -> None:
    place.proxy.fault("", times=None, status=404, body=b"<html>no such page</html>")
    opened = place.open()
    with pytest.raises(RemoteError, match="does not answer like a registry"):
        opened.fetch("object", str(tmp_path / "into"), quiet)
    with pytest.raises(RemoteError, match="does not answer like a registry"):
        opened.exists(["object"])


def test_no_such_repository_is_told_to_who_only_reads(place: Place, tmp_path: Path) -> None:
    place.proxy.fault("", times=None, status=404, body=error("NAME_UNKNOWN", "no such name"))
    assert not place.open().fetch("object", str(tmp_path / "into"), quiet)
    with pytest.raises(RemoteError, match="there is no such repository"):
        place.open("?mode=ro").fetch("object", str(tmp_path / "into"), quiet)


def test_no_such_repository_refuses_what_is_written(place: Place) -> None:
    place.proxy.fault(UPLOAD, times=None, status=404, body=error("NAME_UNKNOWN", "no such name"))
    with pytest.raises(RefusedError, match="there is no such repository"):
        place.open().try_write()


@pytest.mark.parametrize("status", [403, 405])
def test_what_may_not_be_pushed_is_refused(status: int, place: Place, tmp_path: Path) -> None:
    place.proxy.fault(UPLOAD, times=None, status=status, body=error("DENIED", "not you"))
    with pytest.raises(RefusedError, match="not permitted"):
        place.open().store("object", file_of(tmp_path, b"x"), quiet)


@pytest.mark.parametrize(
    "words", ["Your authorization token has expired. Reauthenticate and try again.", "Clock skew"]
)
def test_a_login_that_has_ended_buries_nothing(words: str, place: Place, tmp_path: Path) -> None:
    place.proxy.fault("", times=None, status=403, body=error("DENIED", words))
    with pytest.raises(RemoteError, match="login has ended") as caught:
        place.open().store("object", file_of(tmp_path, b"x"), quiet)
    assert not isinstance(caught.value, RefusedError)


def test_what_a_registry_says_is_shown_without_secrets(place: Place, tmp_path: Path) -> None:
    said = "bad request https://x.example/y?sig=abcdef Bearer abcdef"
    place.proxy.fault("", times=None, status=400, body=error("UNSUPPORTED", said))
    with pytest.raises(RemoteError, match="UNSUPPORTED: bad request") as caught:
        place.open().fetch("object", str(tmp_path / "into"), quiet)
    assert "abcdef" not in str(caught.value)


def test_a_connection_closed_for_its_age_is_opened_anew(
    place: Place, stored: Entry, tmp_path: Path
) -> None:
    opened = place.open()
    assert stored.fetch(opened, tmp_path / "into") == stored.data
    place.proxy.fault(MANIFEST, reset=True)
    assert stored.fetch(opened, tmp_path / "into") == stored.data


def test_a_blob_deleted_before_it_was_read_is_a_damaged_entry(
    place: Place, stored: Entry, tmp_path: Path
) -> None:
    opened = place.open()
    record = bundles.fetch_record(opened, stored.key, str(tmp_path / "into"))
    assert record is not None
    place.peer.contents.of("acme/cache").blobs.clear()
    with pytest.raises(EntryError, match="its bundle does not"):
        bundles.fetch_bundle(opened, record, str(tmp_path / "into"), quiet)
