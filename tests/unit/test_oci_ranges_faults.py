"""Ranges of a large blob go wrong: the others bring it, or the stream alone; never a wrong byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from neffcache.cache import bundles
from neffcache.errors import EntryError, RemoteError
from neffcache.registry import ranges
from neffcache.remotes.oci import OciRemote
from registry.failing import BLOB, Place
from registry.guarding import Guard
from registry.opening import Entry, open_url
from registry.peer import Peer
from registry.ranged import PART, SIZE, SLOW, asked, never_quick, parts, serving, slow, threads
from servers.faulty import Faulty
from waiting import until


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    never_quick(monkeypatch)


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    return Entry(tmp_path_factory.mktemp("entry"), SIZE)


@pytest.fixture
def place(entry: Entry) -> Iterator[Place]:
    with serving(entry) as made:
        yield made


def test_a_registry_without_ranges_is_asked_once_more_and_no_oftener(
    place: Place, entry: Entry, tmp_path: Path
) -> None:
    place.peer.ranges = False
    slow(place)
    assert entry.fetch(place.open(), tmp_path / "into") == entry.data
    assert len(place.proxy.requests(BLOB)) == 2


@pytest.mark.parametrize(
    "what",
    [
        {"status": 416, "headers": {"Content-Range": "bytes */7"}},
        {"status": 403},
        {"status": 404, "body": b"no page"},
        {"status": 429},
        {"status": 400},
        {"reset": True},
        {"headers": {"Content-Range": ""}},
        {"headers": {"Content-Range": "bytes 0-8388607/*"}},
        {"headers": {"Content-Range": "pages 1-2/3"}},
        {"longer": 5},
    ],
    ids=lambda what: "-".join(f"{name}-{what[name]}" for name in what)[:40],
)
def test_without_the_others_the_stream_brings_it_all(
    what: dict[str, Any], place: Place, entry: Entry, tmp_path: Path
) -> None:
    slow(place)
    parts(place, times=None, **what)
    assert entry.fetch(place.open(), tmp_path / "into") == entry.data
    first, *others = place.proxy.requests(BLOB)
    assert first.status == 200
    assert 1 <= len(others) <= 2


def test_a_blob_of_another_size_is_no_help(place: Place, entry: Entry, tmp_path: Path) -> None:
    """The range is the one that was asked for, but not of what the stream brings."""
    slow(place)
    blobs = place.peer.contents.of("acme/cache").blobs
    (digest,) = [name for name, data in blobs.items() if len(data) == len(entry.data)]
    place.proxy.fault(
        BLOB,
        headers_match={"range": PART},
        before=lambda: blobs.update({digest: bytes(SIZE + (1 << 20))}),
        times=1,
    )
    assert entry.fetch(place.open(), tmp_path / "into") == entry.data


@pytest.mark.parametrize("reset", [True, False])
def test_a_range_that_breaks_off_goes_on_where_it_was(
    reset: bool, place: Place, entry: Entry, tmp_path: Path
) -> None:
    slow(place)
    parts(place, times=2, cut=3 << 20, reset=reset)
    assert entry.fetch(place.open(), tmp_path / "into") == entry.data
    sizes = [last + 1 - first for first, last in asked(place.proxy)]
    assert len([size for size in sizes[:-1] if size < 8 << 20]) >= 2


def test_a_range_that_falls_silent_is_asked_for_again(
    place: Place, entry: Entry, tmp_path: Path
) -> None:
    slow(place)
    parts(place, cut=3 << 20, silence=True)
    assert entry.fetch(place.open(timeout="2"), tmp_path / "into") == entry.data


def test_nobody_waits_for_a_range_that_the_stream_has_brought(
    place: Place, entry: Entry, tmp_path: Path
) -> None:
    """Who asked for it hears nothing, and has stopped asking when the stream is at its end."""
    slow(place)
    parts(place, times=None, silence=True)
    assert entry.fetch(place.open(timeout="100"), tmp_path / "into") == entry.data
    assert len(place.proxy.requests(BLOB)) == 2
    until(lambda: not threads())


@pytest.mark.parametrize("what", [{"reset": True}, {"silence": True}, {}], ids=str)
def test_a_stream_that_ends_early_is_finished_by_the_others(
    what: dict[str, Any], place: Place, entry: Entry, tmp_path: Path
) -> None:
    slow(place, cut=6 << 20, **what)
    assert entry.fetch(place.open(timeout="2"), tmp_path / "into") == entry.data
    assert all(one.headers.get("range") for one in place.proxy.requests(BLOB)[1:])
    assert -1 not in [last for _first, last in asked(place.proxy)]


def test_when_all_of_it_breaks_off_one_stream_goes_on(
    place: Place, entry: Entry, tmp_path: Path
) -> None:
    slow(place, cut=6 << 20, reset=True)
    parts(place, times=None, cut=0)
    counts: list[int] = []
    record = bundles.fetch_record(place.open(), entry.key, str(tmp_path / "into"))
    assert record is not None
    bundles.fetch_bundle(place.open(), record, str(tmp_path / "into"), counts.append)
    assert (tmp_path / "into").read_bytes() == entry.data
    assert counts == sorted(counts)
    ((first, _last),) = [one for one in asked(place.proxy) if one[1] == -1]
    assert first > 1 << 20


def test_behind_a_gap_nothing_is_left(place: Place, entry: Entry, tmp_path: Path) -> None:
    """Whoever goes on from there, perhaps elsewhere, finds the end of the file."""
    slow(place, cut=6 << 20, reset=True)
    parts(place, times=2, cut=3 << 20)
    place.proxy.fault(BLOB, headers_match={"range": "."}, times=None, status=403)
    opened, into, counts = place.open(), tmp_path / "into", [0]
    record = bundles.fetch_record(opened, entry.key, str(into))
    assert record is not None
    with pytest.raises(RemoteError, match="403"):
        opened.fetch(bundles.tar_name(entry.key, record.digest), str(into), counts.append)
    assert 206 in {one.status for one in place.proxy.requests(BLOB)}
    assert into.stat().st_size == counts[-1]


def test_a_stream_goes_on_behind_what_others_brought(
    place: Place, entry: Entry, tmp_path: Path
) -> None:
    """They finish what the first stream had begun, but for the last range there is no answer."""
    slow(place, cut=6 << 20, reset=True)
    last = {"range": rf"bytes=\d+-{len(entry.data) - 1}$"}
    place.proxy.fault(BLOB, headers_match=last, delay=1, status=404, times=None)
    assert entry.fetch(place.open(), tmp_path / "into") == entry.data
    assert [end for _first, end in asked(place.proxy)].count(-1) == 1


def test_what_always_breaks_off_is_given_up(place: Place, entry: Entry, tmp_path: Path) -> None:
    slow(place, cut=6 << 20, reset=True)
    place.proxy.fault(BLOB, times=None, cut=0, reset=True)
    with pytest.raises(RemoteError, match="broke off"):
        entry.fetch(place.open(), tmp_path / "into")
    assert len(place.proxy.requests(BLOB)) < 16


def test_a_wrong_byte_in_a_range_is_noticed(place: Place, entry: Entry, tmp_path: Path) -> None:
    slow(place)
    parts(place, flip=1234)
    with pytest.raises(EntryError, match="digest"):
        entry.fetch(place.open(), tmp_path / "into")


def test_a_login_that_is_taken_away_in_the_middle_stops_only_the_others(
    entry: Entry, tmp_path: Path
) -> None:
    login = {"LOGIN": "alice:open sesame"}
    with Peer(Guard(("alice", "open sesame"))) as peer, Faulty(peer.url) as proxy:
        opened = open_url(f"{peer.remote()}?credential=env:LOGIN", login)
        entry.publish(opened)
        proxy.fault(BLOB, rate=SLOW)
        proxy.fault(BLOB, headers_match={"range": "."}, times=None, status=401)
        url = f"oci://{proxy.url.partition('://')[2]}/acme/cache?credential=env:LOGIN"
        assert entry.fetch(open_url(url, login), tmp_path / "into") == entry.data


@pytest.fixture
def mirrored(place: Place) -> Iterator[tuple[OciRemote, Faulty]]:
    """A registry's mirror, seen through a proxy."""
    with Peer() as mirror, Faulty(mirror.url) as proxy:
        mirror.contents.repositories = place.peer.contents.repositories
        host = place.proxy.url.partition("://")[2]
        yield open_url(f"oci://{host}/acme/cache?mirror={proxy.url}"), proxy


def test_what_a_mirror_brought_is_gone_on_with_at_the_registry(
    mirrored: tuple[OciRemote, Faulty], place: Place, entry: Entry, tmp_path: Path
) -> None:
    opened, mirror = mirrored
    mirror.fault(BLOB, rate=SLOW, cut=9 << 20, reset=True)
    mirror.fault(BLOB, headers_match={"range": PART}, skip=1, times=None, status=404)
    mirror.fault(BLOB, headers_match={"range": "."}, skip=1, times=None, status=404)
    slow(place)
    assert entry.fetch(opened, tmp_path / "into") == entry.data
    assert asked(place.proxy)[0][0] > 1 << 20


def test_a_mirror_whose_range_is_wrong_is_not_believed(
    mirrored: tuple[OciRemote, Faulty], place: Place, entry: Entry, tmp_path: Path
) -> None:
    opened, mirror = mirrored
    mirror.fault(BLOB, rate=SLOW)
    mirror.fault(BLOB, headers_match={"range": PART}, flip=1234)
    slow(place)
    assert entry.fetch(opened, tmp_path / "into") == entry.data
    assert place.proxy.requests(BLOB)


def test_a_full_disk_is_not_the_registrys_fault(
    place: Place, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _data: memoryview, _at: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ranges, "posix", SimpleNamespace(pwrite=full))
    slow(place)
    with pytest.raises(OSError, match="No space left"):
        entry.fetch(place.open(), tmp_path / "into")
