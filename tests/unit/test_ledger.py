"""Unit: the determinism ledger: each compile of a key once, whatever becomes of the file."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from entries import key_of, make_store
from neffcache import ledger
from neffcache.entry.index import NEFF, Index, Member
from neffcache.errors import EntryError
from neffcache.ledger import Compile
from neffcache.payload import UNKNOWN
from neffcache.store.local import Store

KEY = key_of("a")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def _compile(neff: str, payload: str = "p", maker: str = "m") -> Compile:
    return Compile(key_of(maker), key_of(neff), key_of(payload), 1_700_000_000.5, "0.1.0")


def _known(store: Store) -> list[tuple[str, str, str, float, str]]:
    found = ledger.compiles_of(store, KEY)
    return [(one.maker, one.neff, one.payload, one.created, one.version) for one in found]


def _path(store: Store) -> Path:
    return Path(store.path) / "ledger" / KEY


def test_what_is_entered_is_read_back(store: Store) -> None:
    one, two = _compile("1"), _compile("2", "q", "n")
    assert ledger.enter(store, KEY, [one, two]) == [one, two]
    assert _known(store) == [
        (one.maker, one.neff, one.payload, one.created, one.version),
        (two.maker, two.neff, two.payload, two.created, two.version),
    ]


def test_the_file_is_the_documented_one(store: Store) -> None:
    ledger.enter(store, KEY, [_compile("1")])
    assert _path(store).read_text() == (
        f"neffcache-ledger 1\n{key_of('m')} {key_of('1')} {key_of('p')} 1700000000.500 0.1.0\n"
    )
    assert _path(store).stat().st_mode & 0o777 == 0o600


def test_each_compile_stands_there_once(store: Store) -> None:
    ledger.enter(store, KEY, [_compile("1"), _compile("1")])
    assert ledger.enter(store, KEY, [_compile("1")]) == []
    assert [one.neff for one in ledger.enter(store, KEY, [_compile("1"), _compile("2")])] == [
        key_of("2")
    ]
    assert len(_known(store)) == 2
    assert _path(store).read_text().count("\n") == 3


def test_a_key_without_a_file_has_none(store: Store) -> None:
    assert ledger.compiles_of(store, KEY) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "noise",
        "a b c d e",
        f"{key_of('m')} {key_of('1')} {key_of('p')} nan 0.1.0",
        f"{key_of('m')} {key_of('1')} {key_of('p')} -1 0.1.0",
        f"{key_of('m')} {key_of('1')} {key_of('p')} 1 ",
        f"{key_of('m')} {key_of('1')} {key_of('p')} 1 \x1b[2J",
        f"{key_of('m')} {key_of('1')[:63]} {key_of('p')} 1 0.1.0",
    ],
)
def test_damaged_lines_are_left_out(store: Store, text: str) -> None:
    ledger.enter(store, KEY, [_compile("2")])
    with open(_path(store), "a") as file:
        file.write(f"{text}\n")
    ledger.enter(store, KEY, [_compile("3")])
    assert [row[1] for row in _known(store)] == [key_of("2"), key_of("3")]


def test_it_does_not_grow_for_ever(store: Store) -> None:
    for number in range(400):
        ledger.enter(store, KEY, [_compile(str(number))])
    assert 100 < len(_known(store)) < 400
    assert _path(store).stat().st_size < 64 << 10


def test_the_keys_of_long_ago_are_forgotten(store: Store) -> None:
    ledger.enter(store, KEY, [_compile("1")])
    old = time.time() - 200 * 86400
    os.utime(_path(store), (old, old))
    ledger.enter(store, key_of("b"), [_compile("1")])
    assert os.listdir(_path(store).parent) == [key_of("b")]


def test_only_what_is_known_can_differ() -> None:
    assert _compile("1", "p").differs(_compile("2", "q"))
    assert not _compile("1", "p").differs(_compile("2", "p"))
    unknown = Compile(key_of("m"), key_of("3"), UNKNOWN, 0.0, "-")
    assert not _compile("1", "p").differs(unknown)
    assert not unknown.differs(_compile("1", "p"))


def test_the_words_hold_both_digests_and_whose_they_are() -> None:
    one = _compile("1", "p")
    text = ledger.words(one, _compile("2", "q"))
    assert key_of("1") in text
    assert key_of("2") in text
    assert "another host" not in text
    assert "another host" in ledger.words(one, _compile("2", "q", "n"))


def _index() -> Index:
    head = Index(KEY, 1.0, (1, "0" * 64))
    head.members.append(Member(NEFF, 1, key_of("1"), "output"))
    return head


def test_a_manifest_of_an_older_version_has_no_payload() -> None:
    made = ledger.of_manifest(_index(), b'{"schema":1,"created":5,"neffcache":"0.0.1"}')
    assert (made.neff, made.payload, made.created, made.version) == (
        key_of("1"),
        UNKNOWN,
        5.0,
        "0.0.1",
    )


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"payload":7}',
        b'{"payload":"../x"}',
        b'{"created":"x"}',
        b'{"created":[]}',
        b'{"neffcache":"a b"}',
        json.dumps({"maker": "x" * 64}).encode(),
        b"[" * 100_000,
    ],
)
def test_an_odd_manifest_is_refused(manifest: bytes) -> None:
    with pytest.raises(EntryError, match="not understood"):
        ledger.of_manifest(_index(), manifest)


def test_what_is_not_stored_or_damaged_has_no_compile(store: Store) -> None:
    assert ledger.stored(store, KEY) is None
    path = Path(store.entry_path(KEY))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"noise" * 1000)
    assert ledger.stored(store, KEY) is None
