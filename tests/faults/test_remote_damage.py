"""Entries that were wrong before they were published: only a restore can see it, and it does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from entries import key_of, publish
from faults import bundles
from faults.making import WRAPPER, comes_from, write_graph
from hosts import Host
from neffcache import remote
from neffcache.cache import bundles as published
from neffcache.entry import read
from neffcache.errors import EntryError
from neffcache.remotes.file import FileRemote

KEY = key_of("a")
# Each is of one bundle, and none of the other: large enough to be hashed while it arrives.
LARGE = bytes(range(256)) * (12 << 12)


def reissue(tar: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a published bundle, and its name and record with it: as if it had been made so."""
    data = change(tar.read_bytes())
    new = hashlib.sha256(data).hexdigest()
    record = tar.parent / "entry"
    body = record.read_bytes().rpartition(b"end ")[0].replace(tar.stem.encode(), new.encode())
    record.write_bytes(body + f"end {hashlib.sha256(body).hexdigest()}\n".encode())
    tar.unlink()
    (tar.parent / f"{new}.tar").write_bytes(data)


class Shared:
    """What one host has published, and another one that is asked for the same."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.graph = write_graph(tmp_path / "graph.mlir", "shared")
        self._variables = {
            "SDKSTANDIN_FAKE": "1",
            "NEFFCACHE_REMOTES": f"file://{tmp_path}/remote",
        }
        maker = Host(tmp_path / "maker", self._variables)
        self.work = tmp_path / "made"
        assert maker.compile(self.work, self.graph, WRAPPER).status == 0
        assert maker.neffcache("flush", "--timeout", "60").status == 0
        (self.tar,) = (tmp_path / "remote").glob("neffcache/v1/*/*/*.tar")
        self.regions = bundles.regions(self.tar, self.tar.parent.name)

    def spoil(self, region: str) -> None:
        """Turn one bit in the middle of a region of the bundle, whose record then fits to that."""
        start, end = self.regions[region]
        reissue(self.tar, lambda data: bundles.flipped(data, (start + end) // 2))

    def reader(self, **variables: str) -> Host:
        """Another host."""
        return Host(self.tmp_path / "reader", {**self._variables, **variables})

    def ask(self, reader: Host, name: str = "asked") -> int:
        """One compile there: its status; what it leaves is right."""
        work = self.tmp_path / name
        status = reader.compile(work, self.graph, WRAPPER).status
        if status == 0:
            assert comes_from(work / "out.neff", self.graph)
            assert (work / "out.neff").read_bytes() in (work / "wrapped_neff.hlo").read_bytes()
        else:
            assert not (work / "out.neff").exists()
        return status


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


@pytest.mark.parametrize("region", ["index", "manifest", "neff", "wrapped"])
def test_what_was_wrong_when_it_was_published_is_never_served(shared: Shared, region: str) -> None:
    shared.spoil(region)
    reader = shared.reader(NEFFCACHE_UPLOAD="off")
    assert shared.ask(reader) == 0
    assert (reader.outcomes(), reader.notes(), reader.compiles) == (
        ["compiled"], ["remote_damaged"], 1,
    )  # fmt: skip
    # What the store keeps is the new one.
    assert shared.ask(reader, "again") == 0
    assert (reader.outcomes()[-1], reader.compiles) == ("hit_local", 1)


@pytest.mark.parametrize("region", ["neff", "wrapped"])
def test_it_does_not_stay_in_a_store_that_compiles_nothing(shared: Shared, region: str) -> None:
    shared.spoil(region)
    reader = shared.reader(NEFFCACHE_REQUIRE_HIT="1")
    assert shared.ask(reader) == 3
    assert (reader.notes(), reader.entries()) == (["remote_damaged"], [])


def test_whole_it_is_served(shared: Shared) -> None:
    """The same publisher, and nothing changed but the way."""
    reissue(shared.tar, lambda data: data)
    reader = shared.reader()
    assert shared.ask(reader) == 0
    assert (reader.outcomes(), reader.compiles) == (["hit_remote"], 0)


class Liar(FileRemote):
    """A place that first writes something else, says that it stands there, and then changes it."""

    def __init__(self, root: Path, at: int) -> None:
        super().__init__(remote.parse(f"file://{root}"), {})
        self._at = at

    def fetch(self, name: str, into: str, progress: Callable[[int], None]) -> bool:
        if not super().fetch(name, into, progress):
            return False
        if name.endswith(".tar"):
            with open(into, "r+b") as file:
                file.seek(self._at)
                byte = file.read(1)[0]
                file.seek(self._at)
                file.write(bytes([byte ^ 1]))
        return True


@pytest.mark.parametrize("at", [5 << 20, 9 << 20])
def test_bytes_that_change_behind_the_digest_are_never_restored(tmp_path: Path, at: int) -> None:
    publish(tmp_path / "r", KEY, LARGE)
    into, out = tmp_path / "into", tmp_path / "out.neff"
    liar = Liar(tmp_path / "r", at)
    record = published.fetch_record(liar, KEY, str(into))
    assert record is not None
    try:
        published.fetch_bundle(liar, record, str(into), lambda _count: None)
    except EntryError:
        return  # hashed after the change: seen at once
    bundle = read.open_bundle(str(into), KEY)
    try:
        with pytest.raises(EntryError, match="the digest of neff"):
            read.restore(bundle, bundle.index.members[0], str(out))
    finally:
        bundle.close()
    assert not out.exists()


@pytest.mark.parametrize("at", [0, 700, 5 << 20, 11 << 20, -1])
def test_one_other_byte_of_a_large_bundle_is_seen_when_it_arrives(tmp_path: Path, at: int) -> None:
    publish(tmp_path / "r", KEY, LARGE)
    (tar,) = (tmp_path / "r").rglob("*.tar")
    data = bytearray(tar.read_bytes())
    data[at] ^= 1
    tar.write_bytes(data)
    opened, into = FileRemote(remote.parse(f"file://{tmp_path}/r"), {}), tmp_path / "into"
    record = published.fetch_record(opened, KEY, str(into))
    assert record is not None
    with pytest.raises(EntryError, match="the bundle's digest does not match"):
        published.fetch_bundle(opened, record, str(into), lambda _count: None)


@pytest.mark.parametrize("size", [1000, len(LARGE) - 1])
def test_a_large_bundle_that_ends_early_is_seen(tmp_path: Path, size: int) -> None:
    publish(tmp_path / "r", KEY, LARGE)
    (tar,) = (tmp_path / "r").rglob("*.tar")
    with tar.open("r+b") as file:
        file.truncate(size)
    opened, into = FileRemote(remote.parse(f"file://{tmp_path}/r"), {}), tmp_path / "into"
    record = published.fetch_record(opened, KEY, str(into))
    assert record is not None
    with pytest.raises(EntryError, match="the bundle's digest does not match"):
        published.fetch_bundle(opened, record, str(into), lambda _count: None)
