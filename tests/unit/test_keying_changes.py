"""Unit: a graph that changes between its plain hash and its walk never poisons an alias."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hosts import CONV, TRAIN
from neffcache.graph import source
from neffcache.run import keying
from unit.keyer import Keyer

ONE, TWO = TRAIN.read_bytes(), CONV.read_bytes()


@pytest.fixture
def keyer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyer:
    (tmp_path / "in.pb").write_bytes(ONE)
    return Keyer(tmp_path, monkeypatch)


@pytest.fixture
def model(keyer: Keyer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory whose files count as changed long ago."""
    path = keyer.root / "model"
    path.mkdir()
    (path / "graph.hlo").write_bytes(ONE)
    (path / "w").write_bytes(b"one")
    monkeypatch.setattr(keying, "_SETTLED", 0.0)
    return path


def test_a_graph_that_changes_before_its_walk_leaves_no_wrong_alias(keyer: Keyer) -> None:
    path = keyer.root / "in.pb"
    keyer.meanwhile = lambda: path.write_bytes(TWO)
    assert keyer.key() == keyer.fresh()  # of what was walked
    keyer.meanwhile = lambda: None
    second = keyer.key()
    path.write_bytes(ONE)
    first = keyer.key()
    assert (first, second) == (keyer.fresh(), _key_of(keyer, TWO))
    assert first != second


def _key_of(keyer: Keyer, content: bytes) -> str:
    before = (keyer.root / "in.pb").read_bytes()
    (keyer.root / "in.pb").write_bytes(content)
    made = keyer.fresh()
    (keyer.root / "in.pb").write_bytes(before)
    return made


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """No graph is small enough to be held as a whole: it is read twice, at different times."""
    monkeypatch.setattr(source, "WHOLE", 0)
    monkeypatch.setattr(source.Source.__init__, "__defaults__", (0,))


@pytest.mark.usefixtures("windows")
def test_a_large_graph_that_lies_still_gets_an_alias(
    keyer: Keyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keying, "_SETTLED", 0.0)
    assert keyer.key() == keyer.key()
    assert keyer.walks == 1


@pytest.mark.usefixtures("windows")
def test_a_large_graph_that_was_just_written_gets_no_alias(keyer: Keyer) -> None:
    """The clock may not have moved on since: another change would not show."""
    os.utime(keyer.root / "in.pb", (0, 0))  # which says nothing
    keyer.key()
    assert keyer.aliases() == []


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("how", ["written", "replaced", "removed"])
def test_a_large_graph_that_changes_before_its_walk_gets_no_alias(
    keyer: Keyer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(keying, "_SETTLED", 0.0)
    path = keyer.root / "in.pb"
    before = path.stat().st_ctime_ns

    def change() -> None:
        while path.exists() and path.stat().st_ctime_ns == before:  # the kernel's clock is coarse
            path.write_bytes(TWO)
        if how != "written":
            (keyer.root / "new").write_bytes(TWO)
            (keyer.root / "new").rename(path)

    keyer.meanwhile = change
    if how == "removed":
        keyer.behind = path.unlink
    keyer.key()
    assert keyer.aliases() == []


def test_a_directory_that_lies_still_gets_an_alias(keyer: Keyer, model: Path) -> None:
    first = keyer.key("model")
    assert keyer.key("model") == first
    assert keyer.walks == 1
    (model / "w").write_bytes(b"two")
    assert keyer.key("model") != first


@pytest.mark.parametrize("name", ["graph.hlo", "w", "new"])
def test_a_directory_that_changes_before_its_walk_gets_no_alias(
    keyer: Keyer, model: Path, name: str
) -> None:
    keyer.meanwhile = lambda: (model / name).write_bytes(TWO)
    keyer.key("model")
    assert keyer.aliases() == []


def test_a_directory_that_loses_a_file_before_its_walk_gets_no_alias(
    keyer: Keyer, model: Path
) -> None:
    keyer.meanwhile = (model / "w").unlink
    keyer.key("model")
    assert keyer.aliases() == []


def test_a_file_and_a_directory_share_nothing(keyer: Keyer, model: Path) -> None:
    found = [keyer.key("model"), keyer.key()]
    (model / "w").unlink()
    assert len({*found, keyer.key("model")}) == 3
