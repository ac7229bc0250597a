"""HLO digests of files: through windows or in memory, wrapped or not, for ever the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphs import codec, keys, semantic, zoo
from neffcache.graph import hlo, source

# Made once; hlo.FORMAT is raised whenever one of them must change.
PINNED = {
    "raw": "37551c102da5e6144fcf5db6eadd1c747535a76a6f8ddf04e9a4a4dad45bb7da",
    "strict": "399c8e9e674f47bb3732d276c969ab68f41e3244a43dfb15fbf181227a9efe3f",
    "canonical": "6cb85bfedacb810945245c25f6bfb5c6cb3149abafdc922647363c9e33a2552c",
}


@pytest.fixture
def large() -> bytes:
    """A graph with instructions on both sides of every border of the reader."""
    module = keys.module(zoo.graph("llama_step"))
    constants = list(semantic.instructions(module, "constant"))
    for found, size in zip(constants, (65_000, 65_500, 70_000, 300_000, 3, 140_000), strict=False):
        found.literal.u8s = os.urandom(8) + bytes(size)
    return keys.written(module)


def _windowed(path: Path, graph: bytes, level: str) -> hlo.Digest:
    path.write_bytes(graph)
    fd = os.open(path, os.O_RDONLY)
    try:
        return hlo.digest(source.Source(fd, len(graph), whole=0), level, keys.keep)
    finally:
        os.close(fd)


@pytest.fixture(params=[1, 200_000, 1 << 22])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(source, "WINDOW", request.param)
    return iter(())


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("base", zoo.NAMES)
def test_window_gives_the_digest_of_the_whole(tmp_path: Path, base: str) -> None:
    graph = zoo.graph(base)
    for level in hlo.LEVELS:
        found = _windowed(tmp_path / "g", graph, level)
        assert (found.level, found.hexdigest) == (level, keys.key(graph, level))


@pytest.mark.usefixtures("window")
def test_window_gives_the_digest_of_a_large_graph(tmp_path: Path, large: bytes) -> None:
    for level in hlo.LEVELS:
        found = _windowed(tmp_path / "g", large, level)
        assert (found.level, found.hexdigest) == (level, keys.key(large, level))


def test_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "g"
    path.write_bytes(zoo.graph("conv"))
    fd = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="shorter"):
            source.Source(fd, path.stat().st_size + 1)
    finally:
        os.close(fd)


def test_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "g"
    path.write_bytes(zoo.graph("conv"))
    found = source.open_file(str(path))
    os.close(found.fd)
    assert found.data == path.read_bytes()


def _proto(graph: bytes) -> bytes:
    return codec.one(codec.text(1, graph))


def _snapshot(graph: bytes, platform: bytes = b"cpu") -> bytes:
    return _proto(_proto(graph)) + codec.one(codec.text(4, platform))


@pytest.mark.parametrize(("wrap", "form"), [(_proto, "proto"), (_snapshot, "snapshot")])
def test_wrapped_module_is_normalised_too(wrap: object, form: str) -> None:
    assert callable(wrap)
    graph = zoo.graph("mixed")
    moved = keys.changed(graph, lambda module: setattr(module, "id", 12345))
    for level in keys.NORMALISING:
        found = keys.digest(wrap(graph), level)
        assert (found.level, found.form) == (level, form)
        assert found.hexdigest == keys.key(wrap(moved), level)
        assert found.hexdigest != keys.key(graph, level)


def test_what_is_around_a_wrapped_module_counts() -> None:
    graph = zoo.graph("mixed")
    for level in keys.NORMALISING:
        assert keys.key(_snapshot(graph), level) != keys.key(_snapshot(graph, b"gpu"), level)


@pytest.mark.parametrize("around", [codec.text(3, b"\x0a\x02\x08\x01"), codec.text(7, b"x")])
def test_wrapper_that_is_not_certain_is_raw(around: codec.Field) -> None:
    graph = _proto(zoo.graph("mixed")) + codec.one(around)
    assert keys.digest(graph, hlo.STRICT).level == hlo.RAW


@pytest.mark.parametrize("level", PINNED)
def test_digest_of_a_graph_never_changes(level: str) -> None:
    assert keys.key(zoo.graph("tx_conv"), level) == PINNED[level]
