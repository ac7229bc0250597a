"""A repository, or a Hub, that means harm: what it names and what it answers ends with a word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import natives
from hub import files as hub_files
from hub.answers import JSON, Reply
from hub.peer import Peer
from hub.repos import Entry
from hubs import REPO, opened, url, variables
from natives import ENTRY, OTHER, VERSION
from neffcache import remote
from neffcache.cache import native_reading
from neffcache.cache.native_reading import DAMAGED, NOT_WHOLE, PLANTED, Target
from neffcache.errors import RemoteError
from neffcache.hub import answers
from neffcache.hub.answers import Answer
from neffcache.native import names
from neffcache.remotes.hub import HubRemote
from neffcache.remotes.hub_writing import Place

NEFF = f"{ENTRY}/{names.NEFF}"


@pytest.fixture
def repo(hub: Peer) -> Peer:
    hub.create(REPO)
    return hub


def objects(entry: str = ENTRY) -> dict[str, bytes]:
    return {f"{entry}/{name}": data for name, data in natives.contents().items()}


def pull(hub: HubRemote, root: Path, prefix: str = VERSION) -> dict[str, str]:
    """How it ended for each entry that the repository names."""
    found = native_reading.by_entry(hub.listing(prefix))
    into = Target(str(root), False)
    return {
        entry: native_reading.fetch(hub, entry, rows, into, lambda _count: None)[0]
        for entry, rows in found.items()
    }


def ended(ask: Callable[[], object]) -> str:
    """What a RemoteError said, "" without one; no other error is expected."""
    try:
        ask()
    except RemoteError as error:
        return str(error)
    return ""


SIZES: tuple[Any, ...] = (10**30, -1, 0, "12", None, 1.5, [1], {}, True)
LFS: tuple[Any, ...] = (None, 5, "x" * 40, [], {}, {"oid": None}, {"oid": ["a"]})


@pytest.mark.parametrize(
    "entry",
    [
        f"../{ENTRY}",
        f"{VERSION}/../{ENTRY}",
        f"{VERSION}/MODULE_1/..",
        f"/{ENTRY}",
        f"x/{ENTRY}",
        f"{ENTRY}/deeper",
        f"{ENTRY}.lock",
        f"{VERSION}/MODULE_a\0b",
        f"{VERSION}/MODULE_a\nb",
        f"{VERSION}/MODULE_a b",
        f"{VERSION}/MODULE_a\\b",
        f"{VERSION}/MODULE_\u0430",  # a Cyrillic letter
        f"{VERSION}/\uff2dODULE_1",  # a wide M
        f"{VERSION}/module_1",
        f"{VERSION}/MODULE_",
        f"{VERSION}/MODULE_{'x' * 300}",
        f"{VERSION}/.neffcache-1",
        f"neuronxcc-{'9' * 300}/MODULE_1",
        "neuronxcc-/MODULE_1",
        "neuronxcc-../MODULE_1",
    ],
)
def test_what_is_not_the_name_of_an_entry_becomes_no_path(
    repo: Peer, tmp_path: Path, entry: str
) -> None:
    repo.commit(REPO, {**objects(OTHER), **objects(entry)})
    before = set(tmp_path.iterdir())
    assert pull(opened(repo), tmp_path / "root", "") == {OTHER: PLANTED}
    assert set(tmp_path.iterdir()) - before == {tmp_path / "root"}
    assert set(natives.tree(tmp_path / "root")) == set(objects(OTHER))


def test_a_directory_in_the_place_of_a_file_is_none(repo: Peer, tmp_path: Path) -> None:
    mine = objects()
    mine[f"{NEFF}/{names.NEFF}"] = mine.pop(NEFF)
    repo.commit(REPO, mine)
    assert pull(opened(repo), tmp_path / "root") == {ENTRY: NOT_WHOLE}


@pytest.mark.parametrize("name", ["MODEL.NEFF", "model.neff ", "model.n\u0435ff"])
def test_a_name_that_only_looks_like_a_files_is_none(repo: Peer, tmp_path: Path, name: str) -> None:
    mine = objects()
    mine[f"{ENTRY}/{name}"] = mine.pop(NEFF)
    repo.commit(REPO, mine)
    assert pull(opened(repo), tmp_path / "root") == {ENTRY: NOT_WHOLE}


def test_a_hundred_thousand_files_in_an_entry_are_not_brought(tmp_path: Path) -> None:
    remote_place = natives.shelf()
    rows = remote_place.listing(VERSION)
    rows += [(f"{ENTRY}/{number}.neff", 1 << 40, "0" * 64) for number in range(100_000)]
    found = native_reading.by_entry(rows)[ENTRY]
    into = Target(str(tmp_path / "root"), False)
    made = native_reading.fetch(remote_place, ENTRY, found, into, lambda _count: None)
    assert made == (PLANTED, "")
    assert set(natives.tree(tmp_path / "root")) == set(objects())


def test_pages_of_a_listing_say_that_work_goes_on(repo: Peer) -> None:
    repo.settings.page_size = 2
    repo.commit(REPO, objects())
    pages = 0

    def tick() -> None:
        nonlocal pages
        pages += 1

    assert len(opened(repo).listing(VERSION, tick)) == len(objects())
    assert pages == 3  # directories are among the rows


def test_a_listing_without_end_is_given_up(repo: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neffcache.remotes.hub._MOST_PAGES", 5)
    repo.commit(REPO, objects())
    circle = f'</api/models/{REPO}/tree/main>; rel="next"'
    link = {"Link": circle.replace("</", f"<{repo.url}/")}
    repo.fault("/tree/", times=None, headers=link)
    with pytest.raises(RemoteError, match="too many files"):
        opened(repo).listing("")
    assert len(repo.requests()) <= 6


@pytest.mark.parametrize(
    ("part", "lie"),
    [
        *(("size", one) for one in SIZES),
        *(("lfs", one) for one in LFS),
        ("lfs", {"oid": hashlib.sha256(b"other").hexdigest()}),
        ("path", f"{OTHER}/{names.NEFF}"),
    ],
)
def test_a_lying_row_spoils_its_own_entry_alone(
    repo: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, lie: Any
) -> None:
    good = f"{VERSION}/MODULE_1+abc"
    repo.commit(REPO, {**objects(), **objects(good)})
    true = Entry.described

    def described(self: Entry, path: str) -> dict[str, object]:
        return {**true(self, path), **({part: lie} if path == NEFF else {})}

    monkeypatch.setattr(Entry, "described", described)
    ended = pull(opened(repo), tmp_path / "root")
    assert ended.pop(good) == PLANTED
    assert set(ended.values()) <= {DAMAGED, NOT_WHOLE}
    assert set(natives.tree(tmp_path / "root")) == set(objects(good))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"null",
        b"5",
        b'"text"',
        b"{}",
        b'{"error": []}',
        b"[" * 200_000,
        b'[{"type": "file"}, 5, null, [], "x", {"path": 5, "type": "file"}]',
        b'[{"type": "file", "path": ["a"], "size": 1}]',
        b"[" + b"9" * 10_000 + b"]",
        b"[NaN, Infinity]",
        json.dumps([{"type": "file", "path": NEFF, "size": 1, "lfs": 5}]).encode(),
    ],
    ids=range(14),
)
def test_an_answer_of_another_kind_is_an_error_or_nothing(
    repo: Peer, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    answer = Reply(200, body, JSON)
    monkeypatch.setattr(hub_files, "as_json", lambda *_args, **_more: answer)
    place = Place(HubRemote(remote.parse(url(repo, mode="rw")), variables()))
    reader = opened(repo)
    for ask in (
        lambda: reader.exists(["a"]),
        lambda: reader.listing(""),
        lambda: place.standing(["a"], "main"),
    ):
        assert ended(ask).isprintable()


@pytest.mark.parametrize("number", ["9" * 5000, "\u00b2", "-1", "1e9", "0x10", "nan"])
def test_a_size_that_is_none_is_not_believed(repo: Peer, tmp_path: Path, number: str) -> None:
    repo.commit(REPO, {"a.tar": b"content"})
    repo.fault("resolve", headers={"X-Linked-Size": number.encode().decode("latin-1")})
    into = tmp_path / "into"
    assert opened(repo).fetch("a.tar", str(into), lambda _count: None)
    assert into.read_bytes() == b"content"


@pytest.mark.parametrize("number", ["\u00b2", "9" * 5000, "-1", "nan", "inf"])
@pytest.mark.parametrize("name", ["retry-after", "ratelimit"])
def test_a_pause_that_is_none_is_no_fault(name: str, number: str) -> None:
    stated = number if name == "retry-after" else f'"api";r=0;t={number}'
    assert 0 < answers.failure(Answer(429, {name: stated})).pause <= 7200


def test_what_moves_a_terminal_is_in_no_message() -> None:
    told = json.dumps({"error": "no\x1b[2J\x07 \u202e\x00way"}).encode()
    said = str(answers.failure(Answer(403, {}, told), REPO))
    assert "no?[2J? ??way" in said
    assert said.isprintable()
