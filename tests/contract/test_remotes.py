"""What every remote promises: named objects, published whole and once, failures told apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.places import PLACES, Place
from entries import key_of, make_store, settings
from neffcache import journal, remote
from neffcache.cache import Reader
from neffcache.errors import RefusedError, RemoteError

if TYPE_CHECKING:
    from neffcache.remote import Remote

NAME = "neffcache/v1/ab/abc/object"
# Of the Hub's client, which runs in this process here, when it sends a file.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with PLACES[request.param]() as made:
        yield made


@pytest.fixture
def opened(place: Place, tmp_path: Path) -> Remote:
    return open_url(place, place.working(tmp_path))


def open_url(place: Place, url: str) -> Remote:
    return remote.open_remote(remote.parse(url), place.environ)


def quiet(_count: int) -> None:
    return


def source(tmp_path: Path, data: bytes, name: str = "source") -> str:
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


def test_absent_is_false_and_no_error(opened: Remote, tmp_path: Path) -> None:
    assert not opened.fetch(NAME, str(tmp_path / "into"), quiet)
    assert opened.exists([NAME]) == set()


@pytest.mark.parametrize("size", [0, 1, (3 << 20) + 7])
def test_what_was_stored_comes_back(opened: Remote, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    assert opened.store(NAME, source(tmp_path, data), quiet)
    into = tmp_path / "into"
    into.write_bytes(b"something longer that was there" * 9)
    assert opened.fetch(NAME, str(into), quiet)
    assert into.read_bytes() == data


def test_exists_names_what_stands_there(opened: Remote, tmp_path: Path) -> None:
    opened.store(NAME, source(tmp_path, b"x"), quiet)
    assert opened.exists([NAME, NAME + "2", "other"]) == {NAME}


def test_first_writer_wins(opened: Remote, tmp_path: Path) -> None:
    assert opened.store(NAME, source(tmp_path, b"first"), quiet)
    assert not opened.store(NAME, source(tmp_path, b"second"), quiet)
    opened.fetch(NAME, str(tmp_path / "into"), quiet)
    assert (tmp_path / "into").read_bytes() == b"first"


def test_of_many_writers_at_once_one_wins(place: Place, tmp_path: Path) -> None:
    url = place.working(tmp_path)
    contents = [bytes([number]) * (1 << 20) for number in range(8)]
    paths = [source(tmp_path, data, f"s{number}") for number, data in enumerate(contents)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda path: open_url(place, url).store(NAME, path, quiet), paths))
    winners = [data for data, first in zip(contents, won, strict=True) if first]
    assert len(winners) == 1 or (winners and not place.create_only)
    open_url(place, url).fetch(NAME, str(tmp_path / "into"), quiet)
    assert (tmp_path / "into").read_bytes() in winners


def test_as_many_threads_as_it_says_may_use_it_at_once(opened: Remote, tmp_path: Path) -> None:
    words = [f"{number:02}" for number in range(16)]

    def there_and_back(word: str) -> bytes:
        name, into = f"{NAME}-{word}", tmp_path / f"into-{word}"
        assert opened.exists([name]) == set()
        assert opened.store(name, source(tmp_path, word.encode() * 50_000, word), quiet)
        assert opened.fetch(name, str(into), quiet)
        return into.read_bytes()

    with ThreadPoolExecutor(getattr(opened, "lanes", 1)) as pool:
        assert list(pool.map(there_and_back, words)) == [word.encode() * 50_000 for word in words]


def test_progress_counts_the_bytes_up(opened: Remote, tmp_path: Path) -> None:
    up: list[int] = []
    down: list[int] = []
    opened.store(NAME, source(tmp_path, bytes(5 << 20)), up.append)
    opened.fetch(NAME, str(tmp_path / "into"), down.append)
    for counts in (up, down):
        assert len(counts) > 1
        assert counts == sorted(counts)
        assert counts[-1] == 5 << 20


class _Enough(Exception):
    pass


def _give_up(_count: int) -> None:
    raise _Enough


def test_an_upload_given_up_publishes_nothing(opened: Remote, tmp_path: Path) -> None:
    path = source(tmp_path, bytes(3 << 20))
    with pytest.raises(_Enough):
        opened.store(NAME, path, _give_up)
    assert opened.exists([NAME]) == set()
    assert opened.store(NAME, path, quiet)


def test_a_download_can_be_given_up(opened: Remote, tmp_path: Path) -> None:
    opened.store(NAME, source(tmp_path, bytes(3 << 20)), quiet)
    with pytest.raises(_Enough):
        opened.fetch(NAME, str(tmp_path / "into"), _give_up)


def test_a_local_fault_is_not_the_remotes(opened: Remote, tmp_path: Path) -> None:
    opened.store(NAME, source(tmp_path, b"x"), quiet)
    with pytest.raises(OSError, match="No such file"):
        opened.fetch(NAME, str(tmp_path / "missing" / "into"), quiet)
    with pytest.raises(OSError, match="No such file"):
        opened.store(NAME + "2", str(tmp_path / "missing"), quiet)


def test_read_only_refuses_and_writes_nothing(place: Place, tmp_path: Path) -> None:
    url = place.working(tmp_path)
    shut = open_url(place, f"{url}{'&' if '?' in url else '?'}mode=ro")
    path = source(tmp_path, b"x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RefusedError):
        shut.store(NAME, path, quiet)
    assert not shut.fetch(NAME, str(tmp_path / "into"), quiet)
    assert sorted(tmp_path.rglob("*")) == before


def test_down_is_never_taken_for_absent(place: Place, tmp_path: Path) -> None:
    down = open_url(place, place.down(tmp_path))
    with pytest.raises(RemoteError):
        down.fetch(NAME, str(tmp_path / "into"), quiet)
    with pytest.raises(RemoteError):
        down.exists([NAME])
    with pytest.raises(RemoteError):
        down.store(NAME, source(tmp_path, b"x"), quiet)


@pytest.fixture
def silent(place: Place, tmp_path: Path) -> Iterator[str]:
    with place.silent(tmp_path) as url:
        yield url


def test_silence_is_given_up_and_then_avoided(place: Place, silent: str, tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    spec = remote.parse(silent)
    record = journal.Record()
    reader = Reader(store, settings(remote_timeout="0.5"), place.environ, record, str(tmp_path))
    assert reader.fetch(key_of("a"), [spec]) is None
    assert record.notes == [["remote_failed", f"{spec.url}: silent for 0.5 s"]]
    assert len(reader.outages) == 1
    assert reader.fetch(key_of("b"), [spec]) is None
    assert record.notes[1:] == [["remote_skipped", spec.url]]
    assert len(reader.outages) == 1
