"""Servers of a Hub that do not all know the last commit yet; histories that are rewritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import natives
from entries import make_store
from hub.peer import Peer
from hub.repos import Repo
from hubs import REPO, opened, url, variables
from natives import ENTRY, VERSION
from neffcache import absences, remote
from neffcache.cache import native_reading
from neffcache.cache.native_reading import DAMAGED, PLANTED, Target
from neffcache.errors import RefusedError, RemoteError
from neffcache.hub import client
from neffcache.native import names
from neffcache.publishing import Object
from neffcache.remotes import hub_writing
from neffcache.remotes.hub import HubRemote
from unit import makers

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
NAME = "a.tar"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    client.prepare({})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(hub_writing, "_LAST_PAUSE", 0.1)


@pytest.fixture
def repo(hub: Peer) -> Peer:
    hub.create(REPO)
    return hub


def sent(hub: Peer, tmp_path: Path) -> set[str]:
    path = tmp_path / "object"
    path.write_bytes(b"\0content")
    place = HubRemote(remote.parse(url(hub, mode="rw")), variables())
    return place.publish([Object(NAME, str(path), weights=False)], lambda _count: None).created


def fetched(hub: HubRemote, tmp_path: Path, name: str) -> bytes | None:
    into = tmp_path / "into"
    into.touch()
    return into.read_bytes() if hub.fetch(name, str(into), lambda _count: None) else None


def test_a_commit_that_another_server_does_not_know_yet_is_looked_for_again(
    repo: Peer, tmp_path: Path
) -> None:
    repo.fault("/paths-info/", skip=1, times=3, status=404, code="RevisionNotFound")
    assert sent(repo, tmp_path) == {NAME}
    assert len(repo.commits(REPO)) == 2


def test_a_commit_that_stays_unknown_is_no_refusal_and_not_made_twice(
    repo: Peer, tmp_path: Path
) -> None:
    repo.fault("/paths-info/", skip=1, times=None, status=404, code="RevisionNotFound")
    with pytest.raises(RemoteError, match="not every server") as caught:
        sent(repo, tmp_path)
    assert not isinstance(caught.value, RefusedError)
    repo.mend()
    assert sent(repo, tmp_path) == set()
    assert len(repo.commits(REPO)) == 2


def test_an_older_head_is_not_written_over(repo: Peer, tmp_path: Path) -> None:
    """Whoever sees an old head makes his commit on that, and the Hub itself says no."""
    before = repo.head(REPO)
    repo.commit(REPO, {NAME: b"\0of another host"})
    true_head, asked = Repo.resolve, 0

    def resolve(self: Repo, revision: str) -> str:
        nonlocal asked
        asked += 1
        return before if asked <= 2 else true_head(self, revision)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Repo, "resolve", resolve)
        assert sent(repo, tmp_path) == set()
    assert repo.read(REPO, NAME) == b"\0of another host"


def test_facts_about_a_commit_are_forgotten_with_it(tmp_path: Path) -> None:
    """Answers of two servers in turn: what one lacks says nothing about the other."""
    store = make_store(tmp_path / "store")
    first, second = "a" * 40, "b" * 40
    absences.learn(store, "r", second, "1" * 64)
    absences.learn(store, "r", first, "2" * 64)
    absences.learn(store, "r", second, "3" * 64)
    known = [absences.knows(store, "r", digit * 64, 60.0) for digit in "123"]
    assert known == [False, False, True]


def _entry(uuid: bytes) -> dict[str, bytes]:
    files = natives.contents(model__neff=makers.neff(uuid=uuid))
    return {f"{ENTRY}/{name}": data for name, data in files.items()}


def brought(hub: HubRemote, root: Path) -> tuple[str, str]:
    found = native_reading.by_entry(hub.listing(VERSION)).get(ENTRY, {})
    return native_reading.fetch(hub, ENTRY, found, Target(str(root), False), lambda _count: None)


def test_a_listing_is_of_the_commit_that_was_read_before(repo: Peer, tmp_path: Path) -> None:
    repo.commit(REPO, _entry(b"1" * 16))
    reader = opened(repo)
    assert fetched(reader, tmp_path, f"{ENTRY}/{names.DONE}") == b""
    repo.commit(REPO, _entry(b"2" * 16))
    assert brought(reader, tmp_path / "root") == (PLANTED, "")
    planted = tmp_path / "root" / ENTRY / names.NEFF
    assert planted.read_bytes() == makers.neff(uuid=b"1" * 16)


def test_a_listing_of_a_commit_that_is_gone_is_that_of_the_branch(
    repo: Peer, tmp_path: Path
) -> None:
    repo.commit(REPO, _entry(b"1" * 16))
    reader = opened(repo)
    assert fetched(reader, tmp_path, f"{ENTRY}/{names.DONE}") == b""
    repo.commit(REPO, _entry(b"2" * 16))
    repo.squash(REPO)
    assert brought(reader, tmp_path / "root") == (PLANTED, "")
    planted = tmp_path / "root" / ENTRY / names.NEFF
    assert planted.read_bytes() == makers.neff(uuid=b"2" * 16)


def test_files_of_two_commits_are_never_one_entry(
    repo: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rewritten between listing and reading, by another compile: nothing is planted."""
    repo.commit(REPO, _entry(b"1" * 16))
    reader, true = opened(repo), HubRemote.fetch

    def fetch(self: HubRemote, name: str, into: str, progress: Callable[[int], None]) -> bool:
        if name.endswith(names.NEFF):
            repo.commit(REPO, _entry(b"2" * 16))
            repo.squash(REPO)
        return true(self, name, into, progress)

    monkeypatch.setattr(HubRemote, "fetch", fetch)
    assert brought(reader, tmp_path / "root")[0] == DAMAGED
    assert natives.tree(tmp_path / "root") == {}


@pytest.mark.parametrize("name", ["a.tar", "a.json"])
@pytest.mark.parametrize("landed", [True, False])
def test_behind_a_failure_only_our_own_content_counts_as_ours(
    repo: Peer, tmp_path: Path, name: str, landed: bool
) -> None:
    """A commit that may have landed, and one of another host under the same name."""
    (tmp_path / "object").write_text("ours")
    fault = repo.fault("/commit/", status=504, after=landed)
    place = HubRemote(remote.parse(url(repo, mode="rw")), variables())

    def progress(_count: int) -> None:
        if fault.hits and name not in repo.paths(REPO):
            repo.commit(REPO, {name: b"not ours"})

    done = place.publish([Object(name, str(tmp_path / "object"), weights=False)], progress)
    assert done.created == ({name} if landed else set())
    assert repo.read(REPO, name) == (b"ours" if landed else b"not ours")
