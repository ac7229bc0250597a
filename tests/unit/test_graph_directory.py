"""`model/` directories: the graph at its level, other files by content and relative name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from neffcache.graph import directory, raw
from neffcache.invocation import Bypass
from waiting import until


@dataclass
class Graph:
    """What a reader of graphs found: here, the text without its blanks."""

    digest: str
    size: int
    changed: int
    level: str = "strict"
    form: str = "hlo"
    reasons: tuple[str, ...] = ("a reason",)


def read_graph(path: str) -> Graph:
    text = Path(path).read_text()
    return Graph(text.replace(" ", ""), len(text), os.stat(path).st_ctime_ns)


def digest(path: Path) -> directory.Digest:
    return directory.digest(str(path), read_graph, raw.hash_file)


def model(path: Path) -> Path:
    """A directory as torch_neuronx.trace leaves it."""
    (path / "weights").mkdir(parents=True)
    (path / "graph.hlo").write_text("a graph")
    (path / "metadata.json").write_text('{"version": "1.0"}')
    (path / "weights" / "w0.npy").write_bytes(b"zero")
    (path / "weights" / "w1.npy").write_bytes(b"one")
    return path


def test_the_place_does_not_count(tmp_path: Path) -> None:
    one, other = (digest(model(tmp_path / name)) for name in ("one", "two/deep"))
    assert one.hexdigest == other.hexdigest
    assert (one.level, one.reasons, one.size) == ("strict", ("a reason",), 7 + 18 + 4 + 3)


def test_the_graph_counts_as_its_reader_says(tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    before = digest(path).hexdigest
    (path / "graph.hlo").write_text("agr aph")
    assert digest(path).hexdigest == before
    (path / "graph.hlo").write_text("another graph")
    assert digest(path).hexdigest != before


@pytest.mark.parametrize("field", ["level", "form"])
def test_the_graphs_level_and_form_count(field: str, tmp_path: Path) -> None:
    def other(path: str) -> Graph:
        graph = read_graph(path)
        setattr(graph, field, "canonical")
        return graph

    path = model(tmp_path / "m")
    found = directory.digest(str(path), other, raw.hash_file)
    assert found.hexdigest != digest(path).hexdigest


def _swap(path: Path) -> None:
    first, second = path / "weights/w0.npy", path / "weights/w1.npy"
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a weight": lambda path: (path / "weights/w0.npy").write_bytes(b"ZERO"),
    "a weight's name": lambda path: (path / "weights/w0.npy").rename(path / "weights/w2.npy"),
    "a weight's folder": lambda path: (path / "weights").rename(path / "other"),
    "two weights swapped": _swap,
    "metadata": lambda path: (path / "metadata.json").write_text('{"version": "1.1"}'),
    "another file": lambda path: (path / "weights/w2.npy").write_bytes(b""),
    "a file less": lambda path: (path / "weights/w1.npy").unlink(),
    "no graph": lambda path: (path / "graph.hlo").unlink(),
    "a graph in a folder": lambda path: (path / "graph.hlo").rename(path / "weights/graph.hlo"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_counts(what: str, tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    before = digest(path).hexdigest
    CHANGES[what](path)
    assert digest(path).hexdigest != before


def test_what_is_no_graph_is_raw(tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    (path / "graph.hlo").unlink()
    assert (digest(path).level, digest(path).reasons) == ("raw", ())


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    before = digest(path)
    blob = tmp_path / "blobs" / "0123"
    blob.parent.mkdir()
    (path / "weights/w0.npy").rename(blob)
    (path / "weights/w0.npy").symlink_to("../../blobs/0123")
    (tmp_path / "hop").symlink_to(path / "metadata.json")
    (path / "metadata.json").rename(tmp_path / "real")
    (path / "metadata.json").symlink_to(tmp_path / "real")
    assert digest(path).hexdigest == before.hexdigest
    blob.write_bytes(b"ZERO")
    assert digest(path).hexdigest != before.hexdigest


def test_a_linked_graph_is_read_as_one(tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    before = digest(path).hexdigest
    (path / "graph.hlo").rename(tmp_path / "blob")
    (path / "graph.hlo").symlink_to(tmp_path / "blob")
    (tmp_path / "blob").write_text("a  graph")
    assert digest(path).hexdigest == before


ODD: dict[str, Callable[[Path], object]] = {
    "a link to a directory": lambda path: (path / "x").symlink_to("weights"),
    "a link to the directory itself": lambda path: (path / "x").symlink_to("."),
    "a link to the directory above": lambda path: (path / "weights/x").symlink_to("../.."),
    "a pipe": lambda path: os.mkfifo(path / "x"),
    "a link to a device": lambda path: (path / "x").symlink_to("/dev/zero"),
    "a directory too deep": lambda path: (path / "/".join("d" * 18)).mkdir(parents=True),
}


@pytest.mark.parametrize("what", ODD)
def test_something_odd_has_no_key(what: str, tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    ODD[what](path)
    with pytest.raises(Bypass) as caught:
        digest(path)
    assert caught.value.outcome == "graph_directory_odd"


@pytest.mark.parametrize("target", ["missing", "x"])
def test_a_link_that_leads_nowhere_cannot_be_read(target: str, tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    (path / "x").symlink_to(target)
    with pytest.raises(OSError, match="x"):
        digest(path)


def test_too_many_files_have_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = model(tmp_path / "m")
    monkeypatch.setattr(directory, "_MOST_FILES", 3)
    with pytest.raises(Bypass):
        digest(path)


def _let_the_clock_tick(tmp_path: Path, since: int) -> None:
    """Until a change of a file would show: file systems count in ticks of some milliseconds."""

    def ticked() -> bool:
        (tmp_path / "probe").write_bytes(b"")
        return (tmp_path / "probe").stat().st_ctime_ns > since

    until(ticked)


def test_content_that_was_swapped_and_put_back_shows(tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    before = digest(path)
    weight = path / "weights/w0.npy"
    status = weight.stat()
    _let_the_clock_tick(tmp_path, before.changed)
    weight.write_bytes(b"ZERO")
    weight.write_bytes(b"zero")
    os.utime(weight, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = digest(path)
    assert (after.hexdigest, after.changed > before.changed) == (before.hexdigest, True)


def test_a_link_that_was_pointed_elsewhere_and_back_shows(tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    link, blob = path / "weights/w0.npy", tmp_path / "blob"
    link.rename(blob)
    link.symlink_to(blob)
    before = digest(path)
    _let_the_clock_tick(tmp_path, before.changed)
    for target in ("w1.npy", str(blob)):
        link.unlink()
        link.symlink_to(target)
    after = digest(path)
    assert (after.hexdigest, after.changed > before.changed) == (before.hexdigest, True)


def test_names_that_are_no_text_count(tmp_path: Path) -> None:
    found = set()
    for name in (b"\xff", b"\xfe", b"a\nb"):
        path = model(tmp_path / name.hex())
        with open(os.fsencode(path) + b"/" + name, "wb"):
            found.add(digest(path).hexdigest)
    assert len(found) == 3
