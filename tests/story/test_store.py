"""The local store over its life: what it evicts and never evicts, and what it does to its clock."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from entries import key_of, make_store, neff, put
from faults.making import comes_from, write_graph
from hosts import Host
from neffcache import locks
from neffcache.store import keep
from neffcache.store.local import Store

HOUR = 3600


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return make_store(tmp_path / "store")


def _fill(store: Store, count: int, size: int = 10_000) -> list[str]:
    """Entries that were used an hour after one another, the last one an hour ago."""
    keys = [key_of(str(number)) for number in range(count)]
    for number, key in enumerate(keys):
        used = time.time() - (count - number) * HOUR
        os.utime(put(store, key, bytes(size)), (used, used))
    return keys


def _left(store: Store) -> set[str]:
    return {key for _used, _size, key in keep.entries(store)}


def _total(store: Store) -> int:
    return sum(size for _used, size, _key in keep.entries(store))


def test_what_was_used_least_recently_goes_first(store: Store) -> None:
    keys = _fill(store, 6)
    keep.make_room(store, 10_000, _total(store))
    gone = set(keys) - _left(store)
    assert gone == set(keys[: len(gone)]) != set()


def test_a_hit_counts_as_use(host: Host, tmp_path: Path) -> None:
    graphs = [write_graph(tmp_path / f"{name}.mlir", name) for name in ("a", "b", "c")]
    for number, graph in enumerate(graphs[:2]):
        host.compile(tmp_path / "work", graph)
        (new,) = [path for path in host.entries() if path.stat().st_mtime > time.time() - HOUR]
        used = time.time() - (2 - number) * 9 * HOUR
        os.utime(new, (used, used))
    sizes = sum(path.stat().st_size for path in host.entries())
    host.compile(tmp_path / "work", graphs[0])
    host.variables["NEFFCACHE_MAX_SIZE"] = str(sizes + 1000)
    host.compile(tmp_path / "work", graphs[2])
    host.compile(tmp_path / "work", graphs[0])
    assert host.outcomes() == ["compiled", "compiled", "hit_local", "compiled", "hit_local"]


def test_store_never_grows_beyond_its_size(host: Host, tmp_path: Path) -> None:
    host.variables["NEFFCACHE_MAX_SIZE"] = "30K"
    for number in range(12):
        graph = write_graph(tmp_path / f"{number}.mlir", f"graph{number}")
        assert host.compile(tmp_path / "work", graph).status == 0
    assert set(host.outcomes()) == {"compiled"}
    assert sum(path.stat().st_size for path in host.entries()) <= 30 << 10
    assert len(host.entries()) > 1


def test_what_waits_for_an_upload_is_not_evicted(store: Store) -> None:
    keys = _fill(store, 6)
    for key in keys[:3]:
        marker = Path(store.path) / "queue" / "some-destination" / key
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    keep.make_room(store, 10_000, _total(store) // 2)
    assert set(keys[:3]) <= _left(store)
    assert keys[3] not in _left(store)


def test_what_another_process_works_on_is_not_evicted(store: Store) -> None:
    keys = _fill(store, 6)
    lock = locks.try_lock(f"{store.directory('locks')}/{keys[0]}")
    assert lock is not None
    keep.make_room(store, 10_000, _total(store) // 2)
    lock.release()
    assert keys[0] in _left(store)
    assert keys[1] not in _left(store)


def test_claim_of_a_dead_process_protects_nothing(store: Store) -> None:
    keys = _fill(store, 6)
    Path(store.directory("locks"), keys[0]).touch()
    keep.make_room(store, 10_000, _total(store) // 2)
    assert keys[0] not in _left(store)


def test_entry_that_is_evicted_while_it_is_read_is_read_to_its_end(store: Store) -> None:
    key = _fill(store, 1)[0]
    data = os.urandom(50_000)
    put(store, key, data)
    bundle = store.get(key)
    assert bundle is not None
    keep.make_room(store, 10_000, 20_000)
    assert _left(store) == set()
    assert hashlib.sha256(neff(bundle)).digest() == hashlib.sha256(data).digest()
    bundle.close()


def test_entry_larger_than_the_store_is_not_kept_and_evicts_nothing(
    host: Host, tmp_path: Path
) -> None:
    small = write_graph(tmp_path / "small.mlir", "small")
    large = write_graph(tmp_path / "large.mlir", "large")
    host.variables["NEFFCACHE_MAX_SIZE"] = "500K"
    host.compile(tmp_path / "work", small)
    done = host.compile(tmp_path / "work", large, variables={"SDKSTANDIN_NEFF_MB": "1"})
    assert done.status == 0
    assert comes_from(tmp_path / "work" / "out.neff", large)
    host.compile(tmp_path / "work", small)
    assert host.outcomes() == ["compiled", "compiled_too_large", "hit_local"]


def test_store_of_size_nought_keeps_nothing(host: Host, tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "graph.mlir", "plain")
    assert host.compile(tmp_path / "work", graph, variables={"NEFFCACHE_MAX_SIZE": "0"}).status == 0
    assert host.outcomes() == ["compiled_too_large"]
    assert host.entries() == []


@pytest.mark.parametrize("offset", [30 * 365 * 24 * HOUR, -40 * 365 * 24 * HOUR])
def test_entries_of_another_time_are_served_and_evicted_like_others(
    store: Store, offset: int
) -> None:
    """The clock was wrong when they were used."""
    keys = _fill(store, 4)
    used = time.time() + offset
    os.utime(store.entry_path(keys[2]), (used, used))
    bundle = store.get(keys[2])
    assert bundle is not None
    bundle.close()
    assert abs(Path(store.entry_path(keys[2])).stat().st_mtime - time.time()) < HOUR
    keep.make_room(store, 10_000, 20_000)
    assert len(_left(store)) < 4


@pytest.mark.parametrize("note", ["{future}", "0 {future}", "0 nan", "-5 {now}", "x y", ""])
def test_sum_that_cannot_be_true_is_counted_anew(store: Store, note: str) -> None:
    _fill(store, 4)
    most = _total(store)
    text = note.format(future=time.time() + 9999 * HOUR, now=time.time())
    Path(store.path, "usage").write_text(text)
    keep.make_room(store, 10_000, most)
    assert _total(store) + 10_000 <= most


def test_sum_that_is_far_too_large_evicts_nothing(store: Store) -> None:
    _fill(store, 4)
    Path(store.path, "usage").write_text(f"{10**15} {time.time()}")
    keep.make_room(store, 10_000, 10**9)
    assert len(_left(store)) == 4


def test_replacing_an_entry_does_not_count_it_twice_for_ever(store: Store) -> None:
    key = key_of("again")
    for _ in range(50):
        put(store, key, bytes(10_000))
    other = _fill(store, 1)[0]
    keep.make_room(store, 10_000, 60_000)
    assert _left(store) == {key, other}


def test_temporary_files_of_a_store_do_not_count_as_entries(store: Store) -> None:
    keys = _fill(store, 2)
    fd, temp = keep.new_file(store, keys[0])
    os.write(fd, bytes(1 << 20))
    os.close(fd)
    assert _left(store) == set(keys)
    assert Path(temp).exists()
