"""Unit: the digest of a graph's bytes, of one file or of a directory."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache import files
from neffcache.graph import raw
from neffcache.invocation import Bypass
from unit import makers

Tree = dict[str, bytes]


def _tree(path: Path, content: Tree) -> str:
    for name, data in content.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return raw.read(str(path)).digest


def _refusal(path: Path) -> str:
    with pytest.raises(Bypass) as caught:
        raw.read(str(path))
    return caught.value.outcome


@pytest.mark.parametrize("size", [0, 1, 399_999, 400_001, files.CHUNK + 1])
def test_a_file_is_read_whole(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "in.pb").write_bytes(data)
    graph = raw.read(str(tmp_path / "in.pb"))
    assert (graph.digest, graph.size) == (hashlib.sha256(data).hexdigest(), size)
    assert not graph.is_directory


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "in.pb").write_bytes(b"graph")
    (tmp_path / "link").symlink_to("in.pb")
    assert raw.read(str(tmp_path / "link")).size == 5


def test_a_directory_is_the_same_wherever_and_however_it_was_written(tmp_path: Path) -> None:
    content = {"graph.hlo": b"g", "weights/a.npy": b"a", "weights/b.npy": b"b"}
    turned = dict(reversed(content.items()))
    assert _tree(tmp_path / "one", content) == _tree(tmp_path / "two", turned)


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c/a", "c/b", "ab"]), st.binary(max_size=3)),
    st.dictionaries(st.sampled_from(["a", "b", "c/a", "c/b", "ab"]), st.binary(max_size=3)),
)
def test_different_directories_have_different_digests(
    tmp_path_factory: pytest.TempPathFactory, one: Tree, other: Tree
) -> None:
    places = [tmp_path_factory.mktemp("tree") for _ in range(2)]
    digests = [_tree(place, content) for place, content in zip(places, (one, other), strict=True)]
    assert (digests[0] == digests[1]) == (one == other)


def test_a_directory_is_not_its_only_file(tmp_path: Path) -> None:
    _tree(tmp_path / "model", {"graph.hlo": b"g"})
    whole, part = raw.read(str(tmp_path / "model")), raw.read(str(tmp_path / "model/graph.hlo"))
    assert (whole.is_directory, whole.size) == (True, 1)
    assert whole.digest != part.digest


def test_names_that_are_no_text_count(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff"
    Path(os.fsdecode(path)).write_bytes(b"g")
    one = raw.read(str(tmp_path)).digest
    os.rename(path, os.fsencode(tmp_path) + b"/\xfe")
    assert raw.read(str(tmp_path)).digest != one


@pytest.mark.parametrize("name", ["none", "file/below", "fifo", "dangling"])
def test_what_cannot_be_read_is_not_for_the_cache(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("gone")
    assert _refusal(tmp_path / name) == "graph_unreadable"


def test_a_fifo_that_took_the_files_place_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Bypass, match="not a regular file"):
        raw.hash_file(str(tmp_path / "fifo"))


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = makers.open_files()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Bypass):
        raw.hash_file(str(tmp_path / "fifo"))
    assert makers.open_files() == before
