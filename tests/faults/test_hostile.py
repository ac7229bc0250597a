"""Bundles that somebody made on purpose, correctly signed by their own index."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from entries import key_of, write_bundle
from faults import bundles
from faults.making import comes_from, write_graph
from hosts import Host
from neffcache import neff
from neffcache.entry import build, index
from neffcache.errors import EntryError

Lines = list[str]
NONE = "0" * 64
BIG = 10**9


def _neff_fields(**fields: str) -> Callable[[Lines], Lines]:
    names = ("role", "size", "digest", "place", "stored", "runs")

    def change(lines: Lines) -> Lines:
        values = dict(zip(names, lines[4].split(" "), strict=True)) | fields
        return [*lines[:4], " ".join(values.values())]

    return change


HOSTILE: dict[str, Callable[[Lines], Lines]] = {
    "a role that climbs": _neff_fields(role="../x"),
    "an absolute role": _neff_fields(role="/etc/passwd"),
    "an unknown role": _neff_fields(role="script"),
    "an unknown place": _neff_fields(place="../../out"),
    "a place of another role": _neff_fields(place="cwd"),
    "the size of a petabyte": _neff_fields(size=f"{10**15}", stored=f"{10**15}"),
    "a size of many digits": _neff_fields(size="9" * 400),
    "a size below zero": _neff_fields(size="-1", stored="-1"),
    "a size of other digits": _neff_fields(size="٣"),
    "a size that is too small": _neff_fields(size="7"),
    "no size": _neff_fields(size=""),
    "a digest of other text": _neff_fields(digest="g" * 64),
    "a short digest": _neff_fields(digest="0" * 63),
    "the same role twice": lambda lines: [*lines, lines[4]],
    "no members": lambda lines: lines[:4],
    "a log and no neff": lambda lines: [*lines[:4], f"log 1 {NONE} log 1 own:0:1"],
    "a log before the neff": lambda lines: [*lines[:4], f"log 1 {NONE} log 1 own:0:1", lines[4]],
    "a wrapper beyond the neff": lambda ls: [*ls, f"wrapped 9 {NONE} cwd 0 neff:{10**9}:9"],
    "a wrapper of a larger neff": lambda ls: [*ls, f"wrapped {BIG} {NONE} cwd 0 neff:0:{BIG}"],
    "own runs that overlap": lambda ls: [*ls, f"wrapped 8 {NONE} cwd 8 own:0:4,own:2:4"],
    "own runs with a gap": lambda ls: [*ls, f"wrapped 8 {NONE} cwd 8 own:0:4,own:9:4"],
    "own runs backwards": lambda ls: [*ls, f"wrapped 8 {NONE} cwd 8 own:4:4,own:0:4"],
    "a run from nowhere": lambda ls: [*ls, f"wrapped 8 {NONE} cwd 8 log:0:8"],
    "a run without end": lambda ls: [*ls, f"wrapped 8 {NONE} cwd 8 own:0"],
    "too many runs": lambda ls: [*ls, f"wrapped 0 {NONE} cwd 0 " + ",".join(["neff:0:0"] * 99)],
    "a manifest of a gigabyte": lambda ls: [*ls[:3], f"manifest {10**9} {NONE}", *ls[4:]],
    "no manifest": lambda ls: [*ls[:3], *ls[4:]],
    "seconds that are no number": lambda ls: [*ls[:2], "seconds nan", *ls[3:]],
    "seconds without end": lambda ls: [*ls[:2], "seconds inf", *ls[3:]],
    "seconds below zero": lambda ls: [*ls[:2], "seconds -5", *ls[3:]],
    "another version": lambda ls: ["neffcache-entry 2", *ls[1:]],
    "another key": lambda ls: [ls[0], f"key {NONE}", *ls[2:]],
}  # fmt: skip


class Kept:
    """An entry in a host's store, and the next call for it."""

    def __init__(self, host: Host, tmp_path: Path) -> None:
        self.host = host
        self.work = tmp_path / "work"
        self.graph = write_graph(tmp_path / "graph.mlir", "stored")
        host.compile(self.work, self.graph)
        (self.path,) = host.entries()
        self.key = self.path.stem

    def assert_compiled_anew(self) -> None:
        """The next call compiles, whatever stands in the entry's place, and only there."""
        (self.work / "out.neff").unlink()
        done = self.host.compile(self.work, self.graph)
        assert done.status == 0, done.err
        assert comes_from(self.work / "out.neff", self.graph)
        assert self.host.compiles == 2
        assert set(self.host.notes()) == {"entry_damaged"}


@pytest.fixture
def kept(host: Host, tmp_path: Path) -> Kept:
    """An entry."""
    return Kept(host, tmp_path)


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_index_is_refused(tmp_path: Path, what: str) -> None:
    key = key_of("hostile")
    write_bundle(tmp_path / "whole.tar", key, b"neff" * 999)
    text = bundles.signed(HOSTILE[what](bundles.index_lines(tmp_path / "whole.tar", key)))
    with pytest.raises(EntryError):
        index.parse(text, key)


@pytest.mark.parametrize("what", ["a role that climbs", "the size of a petabyte"])
def test_hostile_index_costs_one_compile(kept: Kept, what: str) -> None:
    kept.path.write_bytes(bundles.reindexed(kept.path, kept.key, HOSTILE[what]))
    kept.assert_compiled_anew()


def test_index_that_is_only_signed_anew_is_accepted(kept: Kept) -> None:
    """So the cases above are refused for what they say, not for how they were made."""
    made = bundles.reindexed(kept.path, kept.key, lambda lines: lines)
    assert made == kept.path.read_bytes()


def test_wrapper_of_honest_runs_is_accepted(kept: Kept) -> None:
    lines = bundles.index_lines(kept.path, kept.key)
    lines.append(f"wrapped 18 {NONE} cwd 8 own:0:4,neff:5:10,own:4:4")
    assert index.parse(bundles.signed(lines), kept.key).members[1].stored == 8


def test_index_of_ten_megabytes_is_refused(kept: Kept) -> None:
    size = 10 << 20
    kept.path.write_bytes(build.header("index", size) + bytes(size))
    kept.assert_compiled_anew()


def test_names_and_links_in_the_tar_mean_nothing(kept: Kept) -> None:
    """The members' headers say `../../evil` and symbolic link; what is served is the digest's."""
    whole = bytearray(kept.path.read_bytes())
    start, _ = bundles.regions(kept.path, kept.key)["neff header"]
    whole[start : start + 100] = b"../../evil".ljust(100, b"\0")
    whole[start + 156] = ord("2")
    kept.path.write_bytes(whole)
    kept.host.compile(kept.work, kept.graph)
    assert comes_from(kept.work / "out.neff", kept.graph)
    assert not (kept.work / "out.neff").is_symlink()
    assert kept.host.outcomes()[-1] == "hit_local"


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "empty file", "device"])
def test_something_else_in_an_entrys_place_is_replaced(kept: Kept, kind: str) -> None:
    kept.path.unlink()
    if kind == "pipe":
        os.mkfifo(kept.path)
    elif kind == "link to a pipe":
        os.mkfifo(kept.work / "pipe")
        kept.path.symlink_to(kept.work / "pipe")
    elif kind == "device":
        kept.path.symlink_to("/dev/zero")
    else:
        kept.path.touch()
    kept.assert_compiled_anew()
    assert kept.path.is_file()
    assert not kept.path.is_symlink()


def test_directory_in_an_entrys_place_costs_only_the_hit(kept: Kept) -> None:
    kept.path.unlink()
    kept.path.mkdir()
    kept.assert_compiled_anew()
    assert kept.host.outcomes()[-1] == "compiled_store_failed"


def _packed(tar: bytes) -> bytes:
    data = gzip.compress(tar, 9)
    return struct.pack("<QQQ", 2, neff.HEADER, len(data)).ljust(neff.HEADER, b"\0") + data


# A tar member of 256 MB of zeros, in some 256 KB.
_BOMB = """
import resource, sys, zlib
sys.path[:0] = sys.argv[1:]
from neffcache import neff
from neffcache.entry.build import header
made = zlib.compressobj(9, zlib.DEFLATED, 31)
zeros = bytes(1 << 20)
parts = [made.compress(header("neff.json", 256 << 20))]
parts += [made.compress(zeros) for _ in range(256)]
data = b"".join([*parts, made.compress(bytes(1024)), made.flush()])
head = (2).to_bytes(8, "little") + (1024).to_bytes(8, "little") + len(data).to_bytes(8, "little")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
check = neff.Check(1024 + len(data))
check.feed(head.ljust(1024, b"\\0"))
check.feed(data)
print(check.finish() or "complete", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_gzip_bomb_is_checked_in_bounded_memory() -> None:
    root = str(Path(neff.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", _BOMB, root], capture_output=True, text=True, check=True
    )
    verdict, grown = done.stdout.split()
    assert verdict == "complete"
    assert int(grown) < 64 << 10, "kilobytes"


@pytest.mark.parametrize("size", [1, 2, 511, 512, 1023, 1024, 1025, 1500])
def test_neff_cut_anywhere_is_incomplete(size: int) -> None:
    whole = _packed(build.header("neff.json", 4) + b"{}  ".ljust(512) + bytes(1024))
    for cut in (whole[:size], whole[: -min(size, len(whole) - 1)]):
        if cut != whole:
            check = neff.Check(len(cut))
            check.feed(cut)
            assert check.finish() != ""
