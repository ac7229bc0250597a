"""Which key an entry's NEFF has: known to the journal or the store, or it is not ours."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import entries
from hosts import TRAIN, Host
from natives import ENTRY, write
from neffcache.cache import natives
from neffcache.store.local import Store
from unit import makers


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return entries.make_store(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "native cache"


def stated_key(root: Path, store: Store) -> str | None:
    """The key that an offer's manifest names."""
    offer = natives.offer(str(root), ENTRY, store)
    offer.close()
    made: str | None = json.loads(offer.manifest.text())["key"]
    return made


def test_neff_that_came_through_the_shim_names_its_key(root: Path, store: Store) -> None:
    write(root)
    assert stated_key(root, store) is None
    key = entries.key_of("a compile")
    entries.put(store, key, makers.neff())
    assert stated_key(root, store) == key


def _journal(store: Store, *lines: object) -> None:
    directory = Path(store.path) / "journal"
    directory.mkdir(exist_ok=True)
    (directory / "journal.log").write_text(
        "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines)
    )


def test_journal_knows_a_neff_whose_bundle_is_gone(root: Path, store: Store) -> None:
    write(root)
    key, digest = entries.key_of("gone"), hashlib.sha256(makers.neff()).hexdigest()
    _journal(
        store,
        {"outcome": "compiled", "key": entries.key_of("other"), "neff": "0" * 64},
        {"outcome": "compiled", "key": key, "neff": digest},
    )
    assert stated_key(root, store) == key


@pytest.mark.parametrize("outcome", ["", "output_contended"])
def test_neff_that_was_not_kept_has_no_key(root: Path, store: Store, outcome: str) -> None:
    write(root)
    digest = hashlib.sha256(makers.neff()).hexdigest()
    _journal(store, {"outcome": outcome, "key": entries.key_of("x"), "neff": digest})
    assert stated_key(root, store) is None


def test_damaged_journal_and_bundle_tell_nothing(root: Path, store: Store) -> None:
    write(root)
    digest = hashlib.sha256(makers.neff()).hexdigest()
    _journal(store, ["outcome", digest])
    log = Path(store.path) / "journal" / "journal.log"
    log.write_text(log.read_text() + f'{{"neff":"{digest}"\n')
    entries.put(store, entries.key_of("a"), makers.neff()).write_bytes(b"damaged")
    assert stated_key(root, store) is None


def test_kept_compile_writes_its_neff_into_the_journal(host: Host) -> None:
    assert host.compile(host.root / "work", TRAIN).status == 0
    neff = (host.root / "work" / "out.neff").read_bytes()
    (record,) = [line for line in host.journal() if line["outcome"] == "compiled"]
    assert record["neff"] == hashlib.sha256(neff).hexdigest()
