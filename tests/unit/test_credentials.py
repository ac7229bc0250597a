"""Fingerprints of secrets: equal for equal ones, and good for nothing else."""

from __future__ import annotations

import hashlib
import hmac
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from entries import make_store
from neffcache import credentials, remote
from neffcache.store.local import Store

SPEC = remote.parse("file:///mnt/cache?credential=env:TOK")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def test_it_is_an_hmac_with_the_stores_salt(store: Store) -> None:
    mark = credentials.fingerprint(store, SPEC, {b"TOK": b"secret"})
    salt = Path(store.path, "salt").read_bytes()
    assert mark == hmac.new(salt, b"secret", hashlib.sha256).hexdigest()


def test_equal_secrets_match_and_others_do_not(store: Store) -> None:
    marks = [credentials.fingerprint(store, SPEC, {b"TOK": tok}) for tok in (b"a", b"b", b"a")]
    assert marks[0] == marks[2] != marks[1]


def test_no_secret_has_no_fingerprint_and_makes_no_salt(store: Store) -> None:
    assert credentials.fingerprint(store, SPEC, {}) == ""
    assert credentials.fingerprint(store, remote.parse("file:///x"), {b"TOK": b"a"}) == ""
    assert not Path(store.path, "salt").exists()


def test_the_salt_is_closed_to_others_and_another_in_each_store(
    store: Store, tmp_path: Path
) -> None:
    other = make_store(tmp_path / "other")
    assert credentials.fingerprint(store, SPEC, {b"TOK": b"a"}) != credentials.fingerprint(
        other, SPEC, {b"TOK": b"a"}
    )
    assert os.stat(f"{store.path}/salt").st_mode & 0o777 == 0o600


def test_those_who_make_the_salt_at_once_agree(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        marks = set(
            pool.map(lambda _: credentials.fingerprint(store, SPEC, {b"TOK": b"a"}), range(32))
        )
    assert len(marks) == 1


def test_a_torn_salt_is_replaced(store: Store) -> None:
    Path(store.path, "salt").write_bytes(b"short")
    with pytest.raises(OSError, match="damaged"):
        credentials.fingerprint(store, SPEC, {b"TOK": b"a"})
    assert credentials.fingerprint(store, SPEC, {b"TOK": b"a"})


def test_the_identity_tells_secrets_and_sources_apart_but_not_modes() -> None:
    def name(text: str, mark: str) -> str:
        return credentials.identity(remote.parse(text), mark)

    names = [
        name("file:///a", ""),
        name("file:///b", ""),
        name("file:///a?credential=env:X", ""),
        name("file:///a?credential=env:X", "1"),
        name("file:///a?credential=env:X", "2"),
    ]
    assert len(set(names)) == len(names)
    assert name("file:///a?mode=ro", "") == name("file:///a?mode=wo", "")
