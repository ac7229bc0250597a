"""Bringing an entry here: every byte checked, and only what its name covers is planted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import entries
from graphs import zoo
from natives import ENTRY, FLAGS, OTHER, VERSION, Shelf, contents, shelf, tree, write
from neffcache.cache import native_reading, natives
from neffcache.cache.native_reading import (
    ABSENT,
    DAMAGED,
    NOT_WHOLE,
    PLANTED,
    STANDS,
    UNSAFE,
    Target,
)
from neffcache.errors import RemoteError
from neffcache.native import names
from unit import makers

NKI = zoo.graph("neuron_torch")


def fetch(
    remote: Shelf, root: Path, entry: str = ENTRY, *, trusted: bool = False, held: str = ""
) -> tuple[str, str]:
    found = native_reading.by_entry(remote.listing(VERSION)).get(entry, {})
    return native_reading.fetch(
        remote, entry, found, Target(str(root), trusted, held), lambda _count: None
    )


def ours(tmp_path: Path, hlo: bool = False, **changes: bytes | None) -> Shelf:
    """A remote with one entry that neffcache pushed."""
    write(tmp_path / "origin", files=contents(**changes))
    offer = natives.offer(
        str(tmp_path / "origin"), ENTRY, entries.make_store(tmp_path / "their-store"), hlo
    )
    made = Shelf({one.name: Path(one.path).read_bytes() for one in offer.objects})
    offer.close()
    return made


def at(name: str) -> str:
    return f"{ENTRY}/{name}"


def stating(remote: Shelf, **changes: Any) -> None:
    """Change what the manifest says."""
    made = json.loads(remote.objects[at(names.MANIFEST)])
    made.update(changes)
    remote.objects[at(names.MANIFEST)] = json.dumps(made).encode()


def planted(root: Path) -> dict[str, bytes]:
    return {name.removeprefix(f"{ENTRY}/"): data for name, data in tree(root).items()}


@pytest.mark.parametrize("hlo", [False, True])
def test_entry_that_was_pushed_is_planted_without_our_manifest(tmp_path: Path, hlo: bool) -> None:
    remote = ours(tmp_path, hlo)
    assert fetch(remote, tmp_path / "root") == (PLANTED, "")
    expected = contents() if hlo else contents(model__hlo_module__pb=None)
    assert planted(tmp_path / "root") == expected


def test_foreign_entry_is_planted_exactly(tmp_path: Path) -> None:
    files = contents(wrapped_neff__hlo=b"wrapper of " + makers.neff())
    assert fetch(shelf(files=files), tmp_path / "root") == (PLANTED, "")
    assert planted(tmp_path / "root") == files


def test_lock_and_log_of_a_foreign_entry_stay_there(tmp_path: Path) -> None:
    files = contents(model__log=b"x", model__hlo_module__pb__lock=b"", readme__txt=b"x")
    assert fetch(shelf(files=files), tmp_path / "root") == (PLANTED, "")
    assert planted(tmp_path / "root") == contents()


def test_graph_of_a_foreign_entry_is_asked_before_its_neff(tmp_path: Path) -> None:
    remote = shelf(files=contents(model__hlo_module__pb=NKI))
    word, why = fetch(remote, tmp_path / "root")
    assert word == UNSAFE
    assert "AwsNeuronCustomNativeKernel" in why
    assert names.NEFF not in remote.fetched
    assert tree(tmp_path / "root") == {}


@pytest.mark.parametrize(
    "change",
    [
        {"model__hlo_module__pb": None},
        {"model__hlo_module__pb": b"no graph"},
        {"compile_flags__json": None},
        {"compile_flags__json": b"no flags"},
        {"compile_flags__json": b'["--io-config=x.json"]'},
    ],
)
def test_foreign_entry_that_nobody_can_check_is_not_planted(
    tmp_path: Path, change: dict[str, bytes | None]
) -> None:
    remote = shelf(files=contents(**change))
    word, why = fetch(remote, tmp_path / "root")
    assert word == UNSAFE
    assert why
    assert tree(tmp_path / "root") == {}
    assert fetch(remote, tmp_path / "root", trusted=True) == (PLANTED, "")


@pytest.mark.parametrize("hlo", [False, True])
def test_entry_stated_to_name_a_file_is_not_planted(tmp_path: Path, hlo: bool) -> None:
    remote = ours(tmp_path, hlo, model__hlo_module__pb=NKI)
    word, why = fetch(remote, tmp_path / "root")
    assert word == UNSAFE
    assert "AwsNeuronCustomNativeKernel" in why
    assert remote.fetched == [names.MANIFEST]


def test_graph_that_is_there_is_asked_whatever_the_manifest_says(tmp_path: Path) -> None:
    remote = ours(tmp_path, True, model__hlo_module__pb=NKI)
    stating(remote, check="plain", detail="")
    word, _why = fetch(remote, tmp_path / "root")
    assert word == UNSAFE


def test_trust_covers_the_check_and_not_the_digests(tmp_path: Path) -> None:
    remote = ours(tmp_path, True, model__hlo_module__pb=NKI)
    assert fetch(remote, tmp_path / "root", trusted=True) == (PLANTED, "")
    remote.behind[at(names.NEFF)] = makers.neff(uuid=b"v" * 16)
    word, _why = fetch(remote, tmp_path / "other", trusted=True)
    assert word == DAMAGED


@pytest.mark.parametrize("name", [names.NEFF, names.FLAGS, names.HLO, names.MANIFEST])
@pytest.mark.parametrize("how", ["flipped", "cut", "longer"])
def test_object_that_is_not_what_the_remote_lists_is_not_planted(
    tmp_path: Path, name: str, how: str
) -> None:
    remote = ours(tmp_path, True)
    good = remote.objects[at(name)]
    middle = len(good) // 2
    flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
    remote.behind[at(name)] = {"flipped": flipped, "cut": good[:-1], "longer": good + b"x"}[how]
    word, why = fetch(remote, tmp_path / "root")
    assert word == DAMAGED
    assert name in why or "manifest" in why
    assert tree(tmp_path / "root") == {}


@pytest.mark.parametrize(
    ("name", "data"), [(names.NEFF, makers.neff(uuid=b"v" * 16)), (names.FLAGS, b"[]")]
)
def test_foreign_object_that_is_not_what_the_remote_lists_is_not_planted(
    tmp_path: Path, name: str, data: bytes
) -> None:
    files = contents(compile_flags__json=b"{}") if name == names.FLAGS else contents()
    remote = shelf(files=files)
    remote.behind[at(name)] = data
    word, why = fetch(remote, tmp_path / "root", trusted=True)
    assert (word, f"{name} is not what the remote says" in why) == (DAMAGED, True)


@pytest.mark.parametrize("name", [names.NEFF, names.FLAGS, names.HLO])
def test_object_that_is_not_what_the_manifest_says_is_not_planted(
    tmp_path: Path, name: str
) -> None:
    remote = ours(tmp_path, True)
    replaced = {
        names.NEFF: makers.neff(uuid=b"v" * 16),
        names.FLAGS: b"[]",
        names.HLO: zoo.graph("tx_conv"),
    }
    remote.objects[at(name)] = replaced[name]
    word, why = fetch(remote, tmp_path / "root")
    assert (word, "manifest says" in why) == (DAMAGED, True)


def test_manifest_of_another_entry_is_not_believed(tmp_path: Path) -> None:
    remote = ours(tmp_path)
    for name, data in list(remote.objects.items()):
        remote.objects[name.replace(ENTRY, OTHER)] = data
    word, why = fetch(remote, tmp_path / "root", OTHER)
    assert (word, "another entry" in why) == (DAMAGED, True)


@pytest.mark.parametrize("text", [b"", b" " * 100_000])
def test_broken_manifest_spoils_the_entry(tmp_path: Path, text: bytes) -> None:
    remote = ours(tmp_path)
    remote.objects[at(names.MANIFEST)] = text
    word, _why = fetch(remote, tmp_path / "root")
    assert word == DAMAGED
    assert tree(tmp_path / "root") == {}


def test_manifest_that_names_a_missing_file_spoils_the_entry(tmp_path: Path) -> None:
    remote = ours(tmp_path)
    del remote.objects[at(names.FLAGS)]
    assert fetch(remote, tmp_path / "root")[0] == DAMAGED


def test_graph_beside_a_manifest_that_does_not_name_it_stays_there(tmp_path: Path) -> None:
    remote = ours(tmp_path)
    remote.objects[at(names.HLO)] = b"of another compile"
    assert fetch(remote, tmp_path / "root") == (PLANTED, "")
    assert names.HLO not in planted(tmp_path / "root")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model__neff": None, "model__log": b"x"}, "failed"),
        ({"model__done": None}, "not complete"),
        ({"model__done": None, "model__hlo__pb": b"x"}, "2.12"),
        ({"model__done": b"x"}, "not empty"),
    ],
)
def test_foreign_entry_that_is_no_success_is_not_planted(
    tmp_path: Path, change: dict[str, bytes | None], why: str
) -> None:
    remote = shelf(files=contents(**change))
    word, detail = fetch(remote, tmp_path / "root", trusted=True)
    assert word == NOT_WHOLE
    assert why in detail
    assert not remote.fetched


@pytest.mark.parametrize(
    "change",
    [
        {"model__neff": makers.neff()[:-30]},
        {"model__neff": b""},
        {"wrapped_neff__hlo": b"wrapper of " + makers.neff(uuid=b"v" * 16)},
    ],
)
def test_foreign_entry_with_a_broken_neff_is_not_planted(
    tmp_path: Path, change: dict[str, bytes | None]
) -> None:
    word, _why = fetch(shelf(files=contents(**change)), tmp_path / "root", trusted=True)
    assert word == DAMAGED
    assert tree(tmp_path / "root") == {}


def test_entry_that_is_not_there_is_absent(tmp_path: Path) -> None:
    assert fetch(shelf(), tmp_path / "root", OTHER) == (ABSENT, "")
    assert not (tmp_path / "root").exists()


def test_file_that_vanishes_meanwhile_spoils_the_entry(tmp_path: Path) -> None:
    remote = shelf()
    remote.on_fetch = lambda _name: remote.objects.clear()
    assert fetch(remote, tmp_path / "root")[0] == DAMAGED


def test_failing_remote_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    remote = shelf()

    def fail(name: str) -> None:
        if name.endswith(names.NEFF):
            raise RemoteError("gone away")

    remote.on_fetch = fail
    with pytest.raises(RemoteError):
        fetch(remote, tmp_path / "root")
    assert os.listdir(tmp_path / "root" / VERSION) == []


def test_what_is_here_already_is_not_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "root", files={})
    remote = shelf()
    assert fetch(remote, tmp_path / "root") == (STANDS, "")
    assert not remote.fetched


def test_compile_that_begins_meanwhile_keeps_its_directory(tmp_path: Path) -> None:
    remote = shelf()
    lock = {f"{names.HLO}{names.LOCK}": b""}

    def begin(name: str) -> None:
        if name.endswith(names.NEFF):
            write(tmp_path / "root", files=lock)

    remote.on_fetch = begin
    assert fetch(remote, tmp_path / "root") == (STANDS, "")
    assert planted(tmp_path / "root") == lock


def test_directory_that_the_caller_holds_is_filled(tmp_path: Path) -> None:
    lock = {f"{names.HLO}{names.LOCK}": b"", names.HLO: b"the caller's"}
    held = write(tmp_path / "root", files=lock)
    assert fetch(ours(tmp_path), tmp_path / "root", held=str(held)) == (PLANTED, "")
    assert planted(tmp_path / "root") == {
        **lock, names.FLAGS: FLAGS, names.NEFF: makers.neff(), names.DONE: b"",
    }  # fmt: skip
