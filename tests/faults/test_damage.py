"""Damaged bundles: a caller gets the right bytes or a new compile, never a wrong byte."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from faults import bundles
from faults.making import WRAPPER, comes_from, write_graph
from hosts import Host
from neffcache.entry import read
from neffcache.errors import EntryError

REGIONS = (
    *("index header", "index", "index padding", "manifest header", "manifest"),
    *("padding before neff", "neff header", "neff"),
    *("padding before wrapped", "wrapped header", "wrapped", "padding at the end", "trailer"),
)


class Kept:
    """An entry with a wrapper in a host's store."""

    def __init__(self, host: Host, tmp_path: Path) -> None:
        self.host = host
        self.work = tmp_path / "work"
        self.graph = write_graph(tmp_path / "graph.mlir", "stored")
        self.call()
        (self.path,) = host.entries()
        self.whole = self.path.read_bytes()
        self.first = self.outputs()
        self.regions = bundles.regions(self.path, self.path.stem)

    def call(self) -> None:
        """One compile, which has to succeed."""
        done = self.host.compile(self.work, self.graph, WRAPPER)
        assert done.status == 0, done.err

    def outputs(self) -> tuple[bytes, bytes]:
        """What the caller reads."""
        names = ("out.neff", "wrapped_neff.hlo")
        return tuple((self.work / name).read_bytes() for name in names)  # type: ignore[return-value]  # of two names

    def assert_right(self) -> None:
        """The outputs are those of the entry, or of a new compile of the same graph."""
        neff, wrapper = self.outputs()
        assert comes_from(self.work / "out.neff", self.graph)
        assert neff in wrapper
        if self.host.compiles == 1:
            assert (neff, wrapper) == self.first


@pytest.fixture
def kept(host: Host, tmp_path: Path) -> Kept:
    """An entry with a wrapper, and its host."""
    return Kept(host, tmp_path)


def test_regions_cover_the_whole_bundle(kept: Kept) -> None:
    ends = [0]
    for start, end in kept.regions.values():
        assert start == ends[-1]
        ends.append(end)
    assert ends[-1] == len(kept.whole)
    assert set(kept.regions) == set(REGIONS)


@pytest.mark.parametrize("region", REGIONS)
def test_flipped_bit_never_reaches_a_caller(kept: Kept, region: str) -> None:
    start, end = kept.regions[region]
    kept.path.write_bytes(bundles.flipped(kept.whole, (start + end) // 2))
    kept.call()
    kept.assert_right()
    served = kept.host.compiles == 1
    assert kept.host.notes() == ([] if served else ["entry_damaged"])
    assert kept.host.outcomes()[-1] == ("hit_local" if served else "compiled")


@pytest.mark.parametrize("region", ["index", "neff", "wrapped"])
def test_flipped_bit_in_what_is_served_costs_one_compile(kept: Kept, region: str) -> None:
    kept.path.write_bytes(bundles.flipped(kept.whole, kept.regions[region][0]))
    for _ in range(2):
        kept.call()
    assert kept.host.outcomes() == ["compiled", "compiled", "hit_local"]
    assert kept.host.notes() == ["entry_damaged"]


def test_flipped_bit_anywhere_is_caught_or_harmless(kept: Kept, tmp_path: Path) -> None:
    """All over the bundle, in process: what can be restored is right to the last bit."""
    copy = tmp_path / "copy.tar"
    wrong = []
    caught = 0
    for at in range(0, len(kept.whole), 7):
        copy.write_bytes(bundles.flipped(kept.whole, at, at % 8))
        restored = _restored(copy, kept.path.stem)
        caught += restored is None
        if restored not in (None, kept.first):
            wrong.append(at)
    assert wrong == []
    assert caught > len(kept.first[0]) // 7


def _restored(path: Path, key: str) -> tuple[bytes, ...] | None:
    """What a hit would serve from a bundle; None when it is refused."""
    try:
        bundle = read.open_bundle(str(path), key)
    except EntryError:
        return None
    try:
        return tuple(_member(bundle, number) for number in range(len(bundle.index.members)))
    except EntryError:
        return None
    finally:
        bundle.close()


def _member(bundle: read.Bundle, number: int) -> bytes:
    """As `read.restore` does it, without the disk."""
    member = bundle.index.members[number]
    pipe = os.memfd_create("member")
    try:
        made = hashlib.sha256()
        read.pour(bundle, member, made, pipe)
        if made.hexdigest() != member.digest:
            raise EntryError("digest")
        return os.pread(pipe, member.size + 1, 0)
    finally:
        os.close(pipe)


def test_bundle_cut_at_any_length_is_refused(kept: Kept, tmp_path: Path) -> None:
    copy = tmp_path / "copy.tar"
    copy.write_bytes(kept.whole)
    for size in range(len(kept.whole) - 1, -1, -7):
        os.truncate(copy, size)
        with pytest.raises(EntryError):
            read.open_bundle(str(copy), kept.path.stem)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.6, 0.99])
def test_cut_bundle_costs_one_compile(kept: Kept, share: float) -> None:
    os.truncate(kept.path, int(len(kept.whole) * share))
    kept.call()
    kept.assert_right()
    assert kept.host.outcomes() == ["compiled", "compiled"]
    assert kept.host.notes() == ["entry_damaged"]


def test_bundle_that_grew_is_refused(kept: Kept) -> None:
    kept.path.write_bytes(kept.whole + bytes(512))
    kept.call()
    kept.assert_right()
    assert kept.host.notes() == ["entry_damaged"]


def test_another_entrys_file_is_never_served(kept: Kept, tmp_path: Path) -> None:
    other = write_graph(tmp_path / "other.mlir", "other")
    kept.host.compile(tmp_path / "other", other, WRAPPER)
    (foreign,) = set(kept.host.entries()) - {kept.path}
    kept.path.write_bytes(foreign.read_bytes())
    kept.call()
    kept.assert_right()
    assert kept.host.compiles == 3
    assert kept.host.notes() == ["entry_damaged"]


def test_another_entrys_neff_in_the_right_bundle_is_never_served(
    kept: Kept, tmp_path: Path
) -> None:
    other = write_graph(tmp_path / "graph.mlir2", "STORED")
    kept.host.compile(tmp_path / "other", other, WRAPPER)
    (foreign,) = set(kept.host.entries()) - {kept.path}
    start, end = bundles.regions(foreign, foreign.stem)["neff"]
    mine, _ = kept.regions["neff"]
    kept.path.write_bytes(
        kept.whole[:mine] + foreign.read_bytes()[start:end] + kept.whole[mine + end - start :]
    )
    kept.call()
    kept.assert_right()
    assert kept.host.notes() == ["entry_damaged"]


def test_damage_seen_in_the_middle_leaves_no_half_output(kept: Kept) -> None:
    """The last byte of the NEFF is wrong: by then nearly all of it has been written somewhere."""
    _, end = kept.regions["neff"]
    kept.path.write_bytes(bundles.flipped(kept.whole, end - 1))
    kept.host.compile(kept.work, kept.graph, WRAPPER, variables={"SDKSTANDIN_FAIL": "exit70"})
    assert kept.outputs()[0] == kept.first[0]
    assert [path.name for path in kept.work.iterdir() if path.name.startswith(".")] == []
