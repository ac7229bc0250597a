"""A large blob of a registry: by several connections where one alone is slow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from entries import key_of
from neffcache.cache import bundles
from neffcache.registry import downloads, names
from registry.failing import BLOB, Place
from registry.guarding import Guard
from registry.opening import Entry, open_url, quiet
from registry.peer import Peer
from registry.ranged import SIZE, SLOW, asked, never_quick, parts, serving, slow, threads
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


def test_what_is_slow_comes_in_ranges(place: Place, entry: Entry, tmp_path: Path) -> None:
    slow(place)
    assert entry.fetch(place.open(), tmp_path / "into") == entry.data
    found = asked(place.proxy)
    assert found[-1][1] == len(entry.data) - 1
    assert all(one[1] + 1 == other[0] for one, other in pairwise(found))
    assert {last + 1 - first for first, last in found[:-1]} == {8 << 20}
    assert "range" not in place.proxy.requests(BLOB)[0].headers
    assert len({one.connection for one in place.proxy.requests(BLOB)}) <= 4


def test_four_connections_bring_it_at_once(place: Place, entry: Entry, tmp_path: Path) -> None:
    """One that has done its work is used again: those are all at work."""
    slow(place, times=None)
    assert entry.fetch(place.open(), tmp_path / "into") == entry.data
    assert len({one.connection for one in place.proxy.requests(BLOB)[:4]}) == 4


def test_what_is_quick_is_one_request(
    place: Place, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "QUICK", 0)
    slow(place)
    assert entry.fetch(place.open(), tmp_path / "into") == entry.data
    assert len(place.proxy.requests(BLOB)) == 1


def test_what_is_small_is_one_request(
    place: Place, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "LARGE", len(entry.data))
    slow(place)
    assert entry.fetch(place.open(), tmp_path / "into") == entry.data
    assert len(place.proxy.requests(BLOB)) == 1


def test_through_a_proxy_it_is_one_request(
    place: Place, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "is_loopback", lambda _host: False)
    slow(place)
    opened = open_url(f"{place.peer.remote()}?plain=1", {"HTTP_PROXY": place.proxy.url})
    assert entry.fetch(opened, tmp_path / "into") == entry.data
    assert len(place.proxy.requests(BLOB)) == 1


def test_each_range_is_led_to_the_store_of_blobs(
    place: Place, entry: Entry, tmp_path: Path
) -> None:
    """Which refuses, as a peer's does, whoever shows it a login."""
    place.peer.guard = Guard(("alice", "open sesame"))
    with Peer() as behind, Faulty(behind.url) as store:
        behind.contents.repositories = place.peer.contents.repositories
        place.peer.elsewhere = store.url
        store.fault("/objects/", rate=SLOW)
        opened = open_url(
            f"{place.peer.remote()}?credential=env:LOGIN", {"LOGIN": "alice:open sesame"}
        )
        assert entry.fetch(opened, tmp_path / "into") == entry.data
        found = store.requests("/objects/")
        assert len([one for one in found if one.headers.get("range")]) >= 4
        assert {one.status for one in found} == {200, 206}
        assert len([one for one in place.peer.seen if one.status == 307]) == len(found)


@pytest.mark.parametrize("uses", [2, 3, 4])
def test_a_token_that_ends_in_the_middle_is_renewed(
    uses: int, entry: Entry, tmp_path: Path
) -> None:
    """It is good for the manifest and the stream, and perhaps for a range."""
    login = {"LOGIN": "alice:open sesame"}
    with Peer(Guard(("alice", "open sesame"), tokens=True)) as peer, Faulty(peer.url) as proxy:
        entry.publish(open_url(f"{peer.remote()}?credential=env:LOGIN", login))
        peer.guard.uses = uses
        proxy.fault(BLOB, rate=SLOW)
        url = f"oci://{proxy.url.partition('://')[2]}/acme/cache?credential=env:LOGIN"
        given = peer.guard.given
        assert entry.fetch(open_url(url, login), tmp_path / "into") == entry.data
        assert peer.guard.given > given + 1
        assert len([one for one in proxy.requests(BLOB) if one.status == 206]) >= 4


def test_progress_counts_what_stands_in_the_file_from_its_start(
    place: Place, entry: Entry, tmp_path: Path
) -> None:
    slow(place)
    parts(place, rate=60 << 20)
    wrong: list[int] = []
    counts: list[int] = []
    into = tmp_path / "into"

    def look(count: int) -> None:
        counts.append(count)
        with into.open("rb") as file:
            if file.read(count) != entry.data[:count]:
                wrong.append(count)

    opened = place.open()
    record = bundles.fetch_record(opened, entry.key, str(into))
    assert record is not None
    bundles.fetch_bundle(opened, record, str(into), look)
    assert not wrong
    assert counts == sorted(counts)
    assert counts[-1] == len(entry.data)


class _Enough(Exception):
    pass


def test_given_up_in_the_middle_nothing_is_written_any_more(
    place: Place, entry: Entry, tmp_path: Path
) -> None:
    slow(place)
    parts(place, times=None, rate=1 << 20)
    opened, into = place.open(timeout="30"), tmp_path / "into"
    record = bundles.fetch_record(opened, entry.key, str(into))
    assert record is not None

    def some(_count: int) -> None:
        if len([one for one in place.proxy.requests(BLOB) if one.status == 206]) == 3:
            raise _Enough

    with pytest.raises(_Enough):
        opened.fetch(bundles.tar_name(entry.key, record.digest), str(into), some)
    stands = into.read_bytes()
    until(lambda: not threads())
    assert into.read_bytes() == stands
    assert len(place.proxy.requests(BLOB)) == 4


def test_what_never_was_there_stays_absent(place: Place, tmp_path: Path) -> None:
    name = bundles.tar_name(key_of("other"), "ab" * 32)
    assert not place.open().fetch(name, str(tmp_path / "into"), quiet)
