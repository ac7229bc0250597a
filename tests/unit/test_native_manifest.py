"""The manifest beside a pushed entry: what it says comes back, and anything odd is not believed."""

from __future__ import annotations

import json

import pytest

from natives import ENTRY, OTHER
from neffcache.errors import EntryError
from neffcache.native import names
from neffcache.native.graphs import NAMES, Verdict
from neffcache.native.manifest import Manifest, parse

DIGEST = "ab" * 32


def made() -> Manifest:
    one = Manifest(ENTRY, Verdict(NAMES, "a kernel"), "0.1")
    one.files = {names.NEFF: (1 << 33, DIGEST), names.DONE: (0, DIGEST)}
    one.key, one.weights = "cd" * 32, False
    return one


def test_what_was_written_is_read() -> None:
    one, two = made(), parse(made().text(), ENTRY)
    for name in ("entry", "files", "key", "version", "weights"):
        assert getattr(one, name) == getattr(two, name)
    assert (two.verdict.word, two.verdict.detail) == (NAMES, "a kernel")


def test_no_key_is_read_as_none() -> None:
    one = made()
    one.key = ""
    assert json.loads(one.text())["key"] is None
    assert parse(one.text(), ENTRY).key == ""


@pytest.mark.parametrize("stated", [True, None, 0, "false"])
def test_only_a_plain_no_says_that_there_are_no_weights(stated: object) -> None:
    text = json.dumps({**json.loads(made().text()), "may_hold_weights": stated})
    assert parse(text.encode(), ENTRY).weights


def test_manifest_of_another_entry_is_not_believed() -> None:
    with pytest.raises(EntryError, match="another entry"):
        parse(made().text(), OTHER)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"check": "surely"},
        {"check": None},
        {"check": []},
        {"files": {}},
        {"files": []},
        {"files": {names.NEFF: {"bytes": 1, "sha256": DIGEST}}},
        {"files": {names.NEFF: {"bytes": -1, "sha256": DIGEST}}},
        {"files": {names.NEFF: {"bytes": True, "sha256": DIGEST}}},
        {"files": {names.NEFF: {"bytes": 1, "sha256": "AB" * 32}}},
        {"key": "x"},
        {"entry": 1},
    ],
)
def test_wrong_manifest_is_not_believed(changes: dict[str, object]) -> None:
    text = json.dumps({**json.loads(made().text()), **changes}).encode()
    with pytest.raises(EntryError):
        parse(text, ENTRY)


@pytest.mark.parametrize("name", ["../model.neff", "model.log", "model.hlo_module.pb.lock", "x"])
def test_manifest_that_names_what_no_entry_has_is_not_believed(name: str) -> None:
    one = made()
    one.files[name] = (1, DIGEST)
    with pytest.raises(EntryError, match="no entry has"):
        parse(one.text(), ENTRY)


@pytest.mark.parametrize("name", ["check", "detail", "entry", "files", "key", "schema"])
def test_manifest_that_lacks_something_is_not_believed(name: str) -> None:
    stated = json.loads(made().text())
    del stated[name]
    with pytest.raises(EntryError):
        parse(json.dumps(stated).encode(), ENTRY)


@pytest.mark.parametrize("text", [b"", b"[]", b"[" * 60_000, b"\xff", b"1"])
def test_manifest_that_is_none_is_not_believed(text: bytes) -> None:
    with pytest.raises(EntryError):
        parse(text, ENTRY)
