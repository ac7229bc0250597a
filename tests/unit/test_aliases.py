"""Unit: aliases: what is remembered comes back whole, for the same bytes only, or not at all."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mounts
from neffcache import aliases, files
from neffcache.aliases import Alias
from neffcache.graph.raw import Graph

DIGEST, OTHER = "a" * 64, "b" * 64
DAY = 86400.0
words = st.text(st.characters(codec="utf-8"), max_size=8)
answers = st.sampled_from(["", DIGEST])
calls = st.dictionaries(st.tuples(st.binary(max_size=5), st.binary(max_size=5)), answers)


def _alias(reasons: tuple[str, ...] = ("not strict: x",)) -> Alias:
    graph = Graph("raw", "mlir-text .mlir", DIGEST)
    graph.reasons = reasons
    return Alias(graph, {(b"AwsNeuronCustomNativeKernel", b"\0\tconfig\n"): OTHER, (b"b", b""): ""})


def _place(tmp_path: Path, digest: str = DIGEST) -> Path:
    return Path(aliases.place(str(tmp_path), digest, "strict", ""))


def _kept(tmp_path: Path, digest: str = DIGEST) -> Path:
    place = _place(tmp_path, digest)
    aliases.remember(str(place), _alias())
    assert place.is_file()
    return place


def _said(alias: Alias | None) -> tuple[object, ...]:
    assert alias is not None
    return (alias.graph.text(), alias.graph.reasons, alias.calls)


def test_what_is_remembered_comes_back(tmp_path: Path) -> None:
    assert _said(aliases.recall(str(_kept(tmp_path)))) == _said(_alias())


@given(st.lists(words, max_size=3), calls)
def test_whatever_is_remembered_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    reasons: list[str],
    called: dict[tuple[bytes, bytes], str],
) -> None:
    place = str(_place(tmp_path_factory.mktemp("store")))
    alias = _alias(tuple(reasons))
    alias.calls = called
    aliases.remember(place, alias)
    found = aliases.recall(place)
    assert found is not None
    assert list(found.calls.items()) == list(called.items())
    assert found.graph.reasons == tuple(" ".join(reason.split()) for reason in reasons)


def test_what_was_never_remembered_is_not_known(tmp_path: Path) -> None:
    assert aliases.recall(str(_place(tmp_path))) is None


def test_an_alias_that_is_cut_anywhere_is_not_used(tmp_path: Path) -> None:
    place = _kept(tmp_path)
    whole = place.read_bytes()
    for size in range(len(whole)):
        place.write_bytes(whole[:size])
        assert aliases.recall(str(place)) is None
    place.write_bytes(whole + b"\n")
    assert aliases.recall(str(place)) is None


def test_an_alias_with_any_other_byte_is_not_used(tmp_path: Path) -> None:
    place = _kept(tmp_path)
    whole = place.read_bytes()
    for at in range(len(whole)):
        place.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        assert aliases.recall(str(place)) is None


def test_an_alias_of_other_bytes_is_not_used(tmp_path: Path) -> None:
    """A file swapped in is whole and well-formed, and says what another graph is."""
    place = _kept(tmp_path)
    other = _place(tmp_path, OTHER)
    other.parent.mkdir(exist_ok=True)
    place.rename(other)
    assert aliases.recall(str(other)) is None


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
def test_a_well_signed_alias_of_another_make_is_not_used(tmp_path: Path, lines: int) -> None:
    place = _kept(tmp_path)
    body = b"".join(place.read_bytes().splitlines(keepends=True)[:lines])
    body = body.replace(b"\traw", b"raw").replace(b"neffcache-alias 1", b"neffcache-alias 2")
    place.write_bytes(body + f"end {files.digest(body)}\n".encode())
    assert aliases.recall(str(place)) is None


def test_everything_that_decides_how_bytes_are_read_has_its_own_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {
        aliases.place("/s", digest, level, detail)
        for digest in (DIGEST, OTHER)
        for level in ("raw", "strict", "canonical")
        for detail in ("True raw", "False raw", "directory raw", "True strip")
    }
    monkeypatch.setattr("neffcache.aliases.FORMATS", "hlo 2")
    assert len(found | {aliases.place("/s", DIGEST, "raw", "True raw")}) == 25


def test_too_much_is_not_remembered(tmp_path: Path) -> None:
    place = _place(tmp_path)
    alias = _alias()
    alias.calls = {(b"%d" % n, bytes(1000)): "" for n in range(300)}
    aliases.remember(str(place), alias)
    assert not place.exists()


def test_an_alias_in_a_store_that_cannot_be_written_is_used_whatever_its_age(
    tmp_path: Path,
) -> None:
    place = _kept(tmp_path)
    os.utime(place, (0, 0))
    with mounts.read_only(tmp_path):
        assert aliases.recall(str(place)) is not None
        aliases.remember(str(_place(tmp_path, OTHER)), _alias())
    assert not _place(tmp_path, OTHER).exists()


def test_a_used_alias_counts_as_young_again(tmp_path: Path) -> None:
    place = _kept(tmp_path)
    before = time.time()
    for age, renewed in ((2 * DAY, True), (0.5 * DAY, False), (-2 * DAY, True)):
        os.utime(place, (before - age, before - age))
        aliases.recall(str(place))
        assert (abs(place.stat().st_mtime - before) < DAY / 4) is renewed


def _names(directory: Path, count: int) -> list[Path]:
    return [directory / f"{number:032x}" for number in range(count)]


def test_what_was_not_used_for_a_month_is_cleared(tmp_path: Path) -> None:
    place = _place(tmp_path)
    place.parent.mkdir(parents=True)
    now = time.time()
    ages = {"old": 31, "young": 29, ".neffcache-1-a": 2, ".neffcache-1-b": 0.5}
    for name, days in ages.items():
        (place.parent / name).write_bytes(b"")
        os.utime(place.parent / name, (now, now - days * DAY))
    aliases.remember(str(place), _alias())
    left = {path.name for path in place.parent.iterdir()}
    assert left == {"young", ".neffcache-1-b", place.name}


def test_a_directory_of_aliases_stops_growing(tmp_path: Path) -> None:
    place = _place(tmp_path)
    place.parent.mkdir(parents=True)
    now = time.time()
    paths = _names(place.parent, 200)
    for age, path in enumerate(paths):
        path.write_bytes(b"")
        os.utime(path, (now, now - age))
    aliases.remember(str(place), _alias())
    left = set(place.parent.iterdir())
    assert left == {*paths[:63], place}


def test_writers_at_once_leave_a_whole_alias_and_nothing_else(tmp_path: Path) -> None:
    place = _kept(tmp_path)

    def write(number: int) -> bool:
        aliases.remember(str(place), _alias((f"writer {number}",) * 50))
        return aliases.recall(str(place)) is not None

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(write, range(400)))
    assert list(place.parent.iterdir()) == [place]
