"""When entries for a remote that takes commits are sent: many, much, old, asked for; how often."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from entries import key_of, make_store, put
from neffcache import locks, queue, remote
from neffcache.store.local import Store
from neffcache.sync import hourly, pacing
from neffcache.sync.hourly import Hourly
from neffcache.sync.pacing import Gathering

URL = "hf://acme/cache"
WORDS = "abcdefgh"


class Gathered:
    """A store whose entries wait for a Hub repository, and the pace at which they go there."""

    def __init__(self, path: Path, **settings: str) -> None:
        self.store = make_store(path / "store")
        self.settings = {"hub_gather": "100", **settings}
        self.name = ""

    def pace(self) -> Gathering:
        """What an uploader that has just started would go by."""
        environ = {b"NEFFCACHE_CONFIG": b"/dev/null"}
        for name, text in self.settings.items():
            environ[f"NEFFCACHE_{name.upper()}".encode()] = text.encode()
        made = pacing.of(self.store, queue.read_destination(self.store, self.name), environ)
        assert isinstance(made, Gathering)
        return made

    def add(self, words: str, age: float = 0.0, data: bytes = b"neff") -> list[str]:
        """Queue an entry for each letter, some seconds ago; their keys."""
        keys = [key_of(word) for word in words]
        for key in keys:
            put(self.store, key, data)
            marker = queue.enqueue(self.store, key, [remote.parse(URL)], {})[0]
            self.name = marker.destination.name
            then = time.time() - age
            os.utime(marker.path, (then, then))
        return keys

    def sent(self, keys: list[str]) -> None:
        """What an uploader does with what has been sent."""
        for key in keys:
            os.unlink(Path(self.store.path, "queue", self.name, key))

    def hasten(self, keys: list[str]) -> None:
        """What a compile does that waits for the upload of its entry."""
        destination = queue.read_destination(self.store, self.name)
        directory = Path(self.store.path, "queue", self.name)
        queue.hasten([queue.Marker(destination, key, f"{directory}/{key}") for key in keys])

    @property
    def request(self) -> Path:
        """The file by which somebody asks for all to be sent."""
        return Path(self.store.path, "queue", self.name, queue.FLUSH)


@pytest.fixture
def host(tmp_path: Path) -> Gathered:
    return Gathered(tmp_path)


def test_a_directory_is_written_to_at_once(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    marker = queue.enqueue(store, key_of("a"), [remote.parse("file:///r")], {})[0]
    pace = pacing.of(store, marker.destination, {})
    assert pace.due([marker.key]) == [marker.key]
    assert pace.start()


def test_a_fresh_entry_is_gathered(host: Gathered) -> None:
    keys = host.add("a")
    assert host.pace().due(keys) == []


def test_an_old_one_takes_all_along(host: Gathered) -> None:
    keys = host.add("a", age=126) + host.add("b")
    assert host.pace().due(keys) == keys


@pytest.mark.parametrize(("age", "when"), [(74, "never"), (126, "always")])
def test_the_time_of_gathering_differs_by_a_quarter_at_most(
    host: Gathered, age: float, when: str
) -> None:
    keys = host.add("a", age=age)
    found = {bool(host.pace().due(keys)) for _ in range(50)}
    assert found == {when == "always"}


def test_the_time_of_gathering_differs(host: Gathered) -> None:
    keys = host.add("a", age=100)
    assert {bool(host.pace().due(keys)) for _ in range(50)} == {True, False}


def test_a_marker_from_the_future_waits_no_longer(
    host: Gathered, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = host.add("a", age=-86400)
    pace = host.pace()
    assert pace.due(keys) == []
    later = time.monotonic() + 126
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert pace.due(keys) == keys


def test_many_are_sent_at_once(tmp_path: Path) -> None:
    host = Gathered(tmp_path, hub_batch="3")
    few = host.add("ab")
    assert host.pace().due(few) == []
    keys = host.add(WORDS)
    assert host.pace().due(keys) == keys[:3]


def test_much_is_sent_at_once(tmp_path: Path) -> None:
    host = Gathered(tmp_path, hub_batch_size="1M")
    little = host.add("a", data=bytes(400 << 10))
    assert host.pace().due(little) == []
    keys = host.add("abc", data=bytes(400 << 10))
    assert host.pace().due(keys) == keys[:2]


def test_an_entry_larger_than_a_batch_goes_alone(tmp_path: Path) -> None:
    host = Gathered(tmp_path, hub_batch_size="1K")
    keys = host.add("ab")
    assert host.pace().due(keys) == keys[:1]


def test_a_native_entry_is_as_large_as_its_files(tmp_path: Path) -> None:
    host = Gathered(tmp_path, hub_batch_size="1M")
    host.add("a")
    entry = tmp_path / "root" / "MODULE_1"
    entry.mkdir(parents=True)
    (entry / "model.neff").write_bytes(bytes(2 << 20))
    native = (str(tmp_path / "root"), "MODULE_1")
    key = queue.native_key(*native)
    destination = queue.read_destination(host.store, host.name)
    queue.put(host.store, destination, key, native)
    assert host.pace().due([key]) == [key]


def test_what_waits_when_somebody_asks_is_sent(host: Gathered) -> None:
    keys = host.add("ab")
    pace = host.pace()
    assert pace.due(keys) == []
    queue.ask_flush(host.store, host.name)
    assert pace.due(keys) == keys
    host.sent(keys)
    later = host.add("c")
    assert pace.due(later) == []
    assert not host.request.exists()


def test_what_a_compile_waits_for_is_not_gathered(host: Gathered) -> None:
    keys = host.add("a", age=1)
    pace = host.pace()
    assert pace.due(keys) == []
    host.hasten(keys)
    assert pace.due(keys) == keys
    host.sent(keys)
    later = host.add("b", age=-1)
    assert pace.due(later) == []


def test_what_a_compile_waits_for_is_counted(tmp_path: Path) -> None:
    host = Gathered(tmp_path, hub_commits="1")
    keys = host.add("a", age=1)
    host.hasten(keys)
    assert [commit(host, keys) for _ in range(2)] == [True, False]


def test_asked_again_it_is_sent_again(host: Gathered) -> None:
    keys = host.add("a")
    pace = host.pace()
    for _ in range(2):
        queue.ask_flush(host.store, host.name)
        assert pace.due(keys) == keys


def test_an_uploader_that_comes_later_does_what_was_asked(host: Gathered) -> None:
    keys = host.add("a")
    queue.ask_flush(host.store, host.name)
    assert host.pace().due(keys) == keys
    assert host.pace().due(keys) == keys  # the first one was killed


def commit(host: Gathered, keys: list[str], counts: bool = True) -> bool:
    pace = host.pace()
    if not pace.due(keys) or not pace.start():
        return False
    pace.end(counts)
    return True


def test_so_many_commits_an_hour(tmp_path: Path) -> None:
    host = Gathered(tmp_path, hub_commits="2")
    keys = host.add("a", age=1000)
    assert [commit(host, keys) for _ in range(3)] == [True, True, False]


def test_what_was_no_commit_does_not_count(tmp_path: Path) -> None:
    host = Gathered(tmp_path, hub_commits="1")
    keys = host.add("a", age=1000)
    assert [commit(host, keys, counts=False) for _ in range(3)] == [True, True, True]


def test_one_that_was_killed_counts(tmp_path: Path) -> None:
    host = Gathered(tmp_path, hub_commits="1")
    keys = host.add("a", age=1000)
    assert host.pace().start()
    assert not commit(host, keys)


def test_what_somebody_asks_for_is_not_counted(tmp_path: Path) -> None:
    host = Gathered(tmp_path, hub_commits="0")
    keys = host.add("a", age=1000)
    assert not commit(host, keys)
    queue.ask_flush(host.store, host.name)
    assert commit(host, keys)


def test_after_an_hour_there_are_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Gathered(tmp_path, hub_commits="1")
    keys = host.add("a", age=1000)
    assert commit(host, keys)
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)
    assert commit(host, keys)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def test_two_credentials_of_a_host_share_the_hour(store: Store) -> None:
    assert Hourly(store, f"{URL}?credential=env:A").take(1)
    assert not Hourly(store, f"{URL}@other?credential=env:B").take(1)
    assert Hourly(store, "hf://acme/other").take(1)
    assert Hourly(store, f"{URL}?endpoint=http://127.0.0.1:1").take(1)


def test_the_clock_put_back_does_not_stop_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Hourly(store, URL).take(1)
    before = time.time() - 86400
    monkeypatch.setattr(time, "time", lambda: before)
    assert Hourly(store, URL).take(1)


@pytest.mark.parametrize("data", [b"", b"\xff\n\xff", b"neffcache-commits 1\nsoon\n\n"])
def test_a_damaged_count_is_begun_anew(store: Store, data: bytes) -> None:
    Hourly(store, URL).take(5)
    file = next(Path(store.path, hourly.DIRECTORY).iterdir())
    file.write_bytes(data)
    assert Hourly(store, URL).take(1)
    assert not Hourly(store, URL).take(1)


def test_while_another_counts_nobody_commits(store: Store) -> None:
    made = Hourly(store, URL)
    made.take(5)
    file = next(Path(store.path, hourly.DIRECTORY).iterdir())
    lock = locks.try_lock(f"{file}.lock")
    assert lock is not None
    assert not made.take(5)
    lock.release()
    assert made.take(5)


def test_what_is_not_taken_is_halved_until_something_goes_through(host: Gathered) -> None:
    keys = host.add(WORDS, age=1000)
    pace = host.pace()
    sizes = []
    for _ in range(5):
        sizes.append(len(pace.due(keys)))
        pace.narrow()
    assert sizes == [8, 4, 2, 1, 1]
    pace.end(True)
    assert len(pace.due(keys)) == 8
