"""Unit: the key of a call by alias: a repeat is not walked, an alias never speaks for others."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosts import CONV, TRAIN
from neffcache.invocation import Bypass
from test_sdk import graphs
from unit.keyer import Keyer

ONE, TWO = TRAIN.read_bytes(), CONV.read_bytes()
MLIR = graphs.ADD.encode()


@pytest.fixture
def keyer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyer:
    (tmp_path / "in.pb").write_bytes(ONE)
    return Keyer(tmp_path, monkeypatch)


@pytest.fixture
def kernel(keyer: Keyer) -> Path:
    """A kernel that the graph names."""
    path = keyer.root / "cache" / "k.klir"
    path.parent.mkdir()
    path.write_bytes(b"one")
    (keyer.root / "in.pb").write_bytes(graphs.hlo(graphs.kernel_call(str(path))))
    return path


def test_a_repeat_is_not_walked(keyer: Keyer) -> None:
    assert keyer.key() == keyer.key() == keyer.fresh()
    assert keyer.walks == 1


def test_the_same_bytes_elsewhere_are_not_walked(keyer: Keyer) -> None:
    (keyer.root / "other.code").write_bytes(ONE)
    assert keyer.key() == keyer.key("other.code")
    assert keyer.walks == 1


def test_other_bytes_are_walked(keyer: Keyer) -> None:
    first = keyer.key()
    (keyer.root / "in.pb").write_bytes(TWO)
    assert keyer.key() == keyer.fresh() != first
    assert keyer.walks == 2


def test_each_level_has_an_alias_of_its_own(keyer: Keyer) -> None:
    levels = ("raw", "strict", "canonical") * 2
    assert len({keyer.key(key_level=level) for level in levels}) == 3
    assert keyer.walks == 3


def test_the_way_to_read_bytecode_has_an_alias_of_its_own(keyer: Keyer) -> None:
    (keyer.root / "in.pb").write_bytes(b"ML\xefR no bytecode")
    for setting in ("raw", "strip"):
        keyer.key(key_bytecode=setting)
    assert keyer.walks == 2


def test_bytes_of_another_name_that_counts_are_walked(keyer: Keyer) -> None:
    for name in ("in.pb", "in.mlir"):
        (keyer.root / name).write_bytes(MLIR)
    assert keyer.key() != keyer.key("in.mlir")
    assert keyer.walks == 2
    assert len({keyer.key(), keyer.key("in.mlir")}) == 2
    assert keyer.walks == 2


def test_a_kernel_that_stays_is_read_and_the_graph_is_not_walked(
    keyer: Keyer, kernel: Path
) -> None:
    before = kernel.read_bytes()
    first = keyer.key()
    kernel.unlink()
    kernel.write_bytes(before)  # another file that says the same
    assert keyer.key() == first
    assert keyer.walks == 1


def test_an_edited_kernel_is_another_key_and_the_old_one_comes_back(
    keyer: Keyer, kernel: Path
) -> None:
    """The graph's bytes stay what they were: the wrong hit of the field."""
    first = keyer.key()
    kernel.write_bytes(b"two")
    second = keyer.key()
    assert second == keyer.fresh() != first
    kernel.write_bytes(b"one")
    assert keyer.key() == first


def test_a_kernel_that_went_away_is_refused(keyer: Keyer, kernel: Path) -> None:
    keyer.key()
    kernel.unlink()
    with pytest.raises(Bypass) as caught:
        keyer.key()
    assert caught.value.outcome == "graph_custom_code"
    assert str(kernel) in caught.value.detail


def test_a_kernel_found_below_the_working_directory_counts(keyer: Keyer, kernel: Path) -> None:
    """Named where nothing is, it is looked for under its own directory's name."""
    missing = graphs.kernel_call("/none/cache/k.klir")
    (keyer.root / "in.pb").write_bytes(graphs.hlo(missing))
    first = keyer.key()
    assert keyer.key() == first
    assert keyer.walks == 1
    kernel.write_bytes(b"two")
    assert keyer.key() != first


def test_what_a_repeat_depends_on_is_as_new_as_its_kernel(keyer: Keyer, kernel: Path) -> None:
    seen = [keyer.compute("in.pb", keyer.store)[1].changed for _ in range(2)]
    assert keyer.walks == 1
    assert seen == [max(p.stat().st_ctime_ns for p in (kernel, keyer.root / "in.pb"))] * 2


def test_a_damaged_alias_is_walked_and_replaced(keyer: Keyer) -> None:
    first = keyer.key()
    (alias,) = keyer.aliases()
    for content in (b"", alias.read_bytes()[:-1], b"\xff" * 1000):
        alias.write_bytes(content)
        walks = keyer.walks
        assert keyer.key() == keyer.key() == first
        assert keyer.walks == walks + 1


def test_an_alias_of_another_graph_in_its_place_is_not_believed(keyer: Keyer) -> None:
    first = keyer.key()
    (one,) = keyer.aliases()
    (keyer.root / "in.pb").write_bytes(TWO)
    keyer.key()
    (two,) = set(keyer.aliases()) - {one}
    two.write_bytes(one.read_bytes())
    assert keyer.key() == keyer.fresh() != first
