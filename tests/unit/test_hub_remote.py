"""A repository of the Hub as a remote: few requests, one commit, every byte checked."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hub.peer import Peer
from hubs import READER, REPO, opened
from neffcache.errors import EntryError, RemoteError
from neffcache.hub.client import Client
from neffcache.remotes.hub import HubRemote

NAME = "neffcache/v1/ab/abc.tar"
DATA = os.urandom((3 << 20) + 7)
PATH = f"/{REPO}/resolve/main/{NAME}"


@pytest.fixture
def repo(hub: Peer) -> Peer:
    """A Hub with a repository that holds one object."""
    hub.create(REPO)
    hub.commit(REPO, {NAME: DATA, "small.json": b"{}"})
    hub.clear()
    return hub


def fetch(remote: HubRemote, tmp_path: Path, name: str = NAME) -> bytes | None:
    """An object, or None when it is absent."""
    into = tmp_path / "into"
    into.write_bytes(b"something that was there")
    return into.read_bytes() if remote.fetch(name, str(into), lambda _count: None) else None


def asked(peer: Peer) -> list[tuple[str, str]]:
    return [(request.server, request.method) for request in peer.requests()]


def test_a_first_hit_is_two_requests(repo: Peer, tmp_path: Path) -> None:
    remote = opened(repo)
    assert fetch(remote, tmp_path) == DATA
    assert asked(repo) == [("hub", "GET"), ("cdn", "GET")]
    assert remote.head() == repo.head(REPO)


def test_what_is_absent_is_one_request_and_tells_the_commit(repo: Peer, tmp_path: Path) -> None:
    remote = opened(repo)
    assert remote.head() == ""
    assert fetch(remote, tmp_path, "other") is None
    assert asked(repo) == [("hub", "GET")]
    assert remote.head() == repo.head(REPO)


def test_a_thousand_names_are_one_request(repo: Peer) -> None:
    names = [f"x/{number}" for number in range(999)]
    assert opened(repo).exists([*names, NAME]) == {NAME}
    assert asked(repo) == [("hub", "POST")]


def test_more_names_are_asked_in_thousands(repo: Peer) -> None:
    names = [f"x/{number}" for number in range(2000)]
    assert opened(repo).exists([*names, NAME, NAME]) == {NAME}
    assert asked(repo) == [("hub", "POST")] * 3


def test_a_directory_is_no_object(repo: Peer) -> None:
    assert opened(repo).exists(["neffcache", "neffcache/v1"]) == set()


@pytest.mark.parametrize("resolve_cache", [False, True])
def test_a_file_of_the_repository_itself_is_checked_by_its_git_digest(
    repo: Peer, tmp_path: Path, resolve_cache: bool
) -> None:
    repo.settings.resolve_cache = resolve_cache
    assert fetch(opened(repo), tmp_path, "small.json") == b"{}"
    repo.corrupt(REPO, "small.json")
    with pytest.raises(EntryError, match="not those that the Hub names"):
        fetch(opened(repo), tmp_path, "small.json")


def test_an_empty_file_is_one(repo: Peer, tmp_path: Path) -> None:
    repo.commit(REPO, {"empty": b"", "empty.tar": b""})
    assert fetch(opened(repo), tmp_path, "empty") == b""
    assert fetch(opened(repo), tmp_path, "empty.tar") == b""


def test_odd_letters_in_a_name(repo: Peer, tmp_path: Path) -> None:
    name = "neuronxcc-2.21+abc/MODULE_1+x y%/model.neff"
    repo.commit(REPO, {name: b"x"})
    remote = opened(repo)
    assert fetch(remote, tmp_path, name) == b"x"
    assert remote.exists([name]) == {name}


def test_all_reads_are_at_the_commit_of_the_first(repo: Peer, tmp_path: Path) -> None:
    remote = opened(repo)
    assert fetch(remote, tmp_path, "small.json") == b"{}"
    repo.commit(REPO, {"small.json": b"other", "new": b"x"})
    assert fetch(remote, tmp_path, "small.json") == b"{}"
    assert fetch(remote, tmp_path, "new") is None


def test_what_is_absent_in_an_old_commit_is_looked_for_again(repo: Peer, tmp_path: Path) -> None:
    remote = opened(repo, NEFFCACHE_HEAD_AGE="0")
    assert fetch(remote, tmp_path, "new") is None
    repo.commit(REPO, {"new": b"x"})
    assert fetch(remote, tmp_path, "new") == b"x"
    assert remote.head() == repo.head(REPO)


def test_a_history_squashed_between_two_reads(repo: Peer, tmp_path: Path) -> None:
    remote = opened(repo)
    assert fetch(remote, tmp_path) == DATA
    repo.commit(REPO, {"new": b"x"})
    repo.squash(REPO)
    assert fetch(remote, tmp_path, "new") == b"x"
    assert remote.head() == repo.head(REPO)


def test_a_revision_can_be_named(repo: Peer, tmp_path: Path) -> None:
    old = repo.head(REPO)
    repo.commit(REPO, {"small.json": b"new"})
    assert fetch(opened(repo, f"{REPO}@{old}"), tmp_path, "small.json") == b"{}"


def test_a_revision_that_is_gone_is_an_error(repo: Peer, tmp_path: Path) -> None:
    old = repo.commit(REPO, {"small.json": b"new"})
    repo.squash(REPO)
    remote = opened(repo, f"{REPO}@{old}")
    with pytest.raises(RemoteError, match=f"{REPO} has no revision {old}; correct"):
        fetch(remote, tmp_path)
    with pytest.raises(RemoteError, match="has no revision"):
        remote.exists([NAME])


def test_a_token_that_may_read_is_enough(repo: Peer, tmp_path: Path) -> None:
    assert fetch(opened(repo, token=READER), tmp_path) == DATA


def test_without_a_token_a_private_repository_is_no_absence(repo: Peer, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="is private or not there, and no token was sent"):
        fetch(opened(repo, token=""), tmp_path)


def test_a_repository_that_is_missing_is_no_absence(hub: Peer, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="is not there, or the token may not see it"):
        fetch(opened(hub), tmp_path)


def test_a_gated_repository_is_no_absence(repo: Peer, tmp_path: Path) -> None:
    repo.set_private(REPO, False)
    repo.gate(REPO)
    with pytest.raises(RemoteError, match="is gated"):
        fetch(opened(repo, token="hf_bob_write"), tmp_path)


def test_a_renamed_repository_is_followed(repo: Peer, tmp_path: Path) -> None:
    repo.rename(REPO, "alice/renamed")
    remote = opened(repo)
    assert fetch(remote, tmp_path) == DATA
    assert remote.exists([NAME]) == {NAME}
    assert len(remote.listing("neffcache")) == 1


def test_the_storage_host_never_sees_the_token(repo: Peer, tmp_path: Path) -> None:
    fetch(opened(repo), tmp_path)
    assert [request.authorized for request in repo.requests("cdn")] == [False]


def test_other_bytes_of_the_same_size_are_damage(repo: Peer, tmp_path: Path) -> None:
    repo.corrupt(REPO, NAME)
    with pytest.raises(EntryError, match="not those that the Hub names"):
        fetch(opened(repo), tmp_path)


def test_a_transfer_that_broke_off_goes_on_where_it_was(repo: Peer, tmp_path: Path) -> None:
    repo.fault(".", server="cdn", truncate=1_500_000)
    assert fetch(opened(repo), tmp_path) == DATA
    ranges = [request.headers.get("range", "") for request in repo.requests("cdn")]
    assert ranges == ["", "bytes=1500000-"]


def test_a_reset_connection_is_resumed(repo: Peer, tmp_path: Path) -> None:
    repo.fault(".", server="cdn", truncate=2_000_000, times=1)
    repo.fault(".", server="cdn", truncate=500_000, times=1, skip=1)
    assert fetch(opened(repo), tmp_path) == DATA


def test_a_server_without_ranges_sends_it_all_again(
    repo: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = Client.stream
    monkeypatch.setattr(Client, "stream", lambda self, path, _headers: true(self, path))
    repo.fault(".", truncate=1_500_000, server="cdn")
    assert fetch(opened(repo), tmp_path) == DATA
    assert ["range" in request.headers for request in repo.requests("cdn")] == [False, False]


def test_one_that_breaks_off_again_and_again_is_given_up(repo: Peer, tmp_path: Path) -> None:
    repo.fault(".", server="cdn", times=None, truncate=100_000)
    with pytest.raises(RemoteError, match="its answer broke off"):
        fetch(opened(repo), tmp_path)
    assert len(repo.requests("cdn")) == 4


def test_one_that_does_not_move_on_is_given_up_at_once(repo: Peer, tmp_path: Path) -> None:
    repo.fault(".", server="cdn", times=None, truncate=0)
    with pytest.raises(RemoteError):
        fetch(opened(repo), tmp_path)
    assert len(repo.requests("cdn")) == 1


def test_an_object_that_changes_while_it_is_read_is_damage(repo: Peer, tmp_path: Path) -> None:
    repo.fault(".", server="cdn", truncate=1_500_000)
    other = hashlib.sha256(b"other").hexdigest()
    repo.fault("resolve", skip=1, headers={"X-Linked-Etag": f'"{other}"'})
    with pytest.raises(EntryError, match="become another object"):
        fetch(opened(repo), tmp_path)


def test_a_wrong_size_is_damage(repo: Peer, tmp_path: Path) -> None:
    repo.fault("resolve", headers={"X-Linked-Size": "5"})
    with pytest.raises(EntryError, match="more than the 5 bytes"):
        fetch(opened(repo), tmp_path)


def test_an_answer_without_a_digest_is_not_believed(repo: Peer, tmp_path: Path) -> None:
    repo.fault("resolve", status=200, message="", headers={"ETag": '"soft"'})
    with pytest.raises(RemoteError, match="without the commit or the digest"):
        fetch(opened(repo), tmp_path)


@pytest.mark.parametrize("code", ["", "RepoNotFound", "RevisionNotFound"])
def test_only_a_missing_entry_is_absent(repo: Peer, tmp_path: Path, code: str) -> None:
    repo.fault("resolve", status=404, code=code, message="<html>a proxy</html>")
    with pytest.raises(RemoteError):
        fetch(opened(repo), tmp_path)


def test_absent_without_a_commit_is_not_believed(repo: Peer, tmp_path: Path) -> None:
    repo.fault("resolve", status=404, code="EntryNotFound")
    with pytest.raises(RemoteError, match="not in which commit"):
        fetch(opened(repo), tmp_path)


@pytest.mark.parametrize("status", [403, 404])
def test_the_storage_host_cannot_say_absent(repo: Peer, tmp_path: Path, status: int) -> None:
    repo.fault(".", server="cdn", status=status, code="EntryNotFound")
    with pytest.raises(RemoteError, match=f"sends us to answered {status}"):
        fetch(opened(repo), tmp_path)


def test_the_storage_host_cannot_name_the_digest(repo: Peer, tmp_path: Path) -> None:
    repo.fault("resolve", headers={"X-Linked-Etag": ""})
    named = f'"{hashlib.sha256(DATA).hexdigest()}"'
    repo.fault(".", server="cdn", headers={"ETag": named, "X-Linked-Etag": named})
    with pytest.raises(RemoteError, match="without the commit or the digest"):
        fetch(opened(repo), tmp_path)


@pytest.mark.parametrize("server", ["hub", "cdn"])
def test_silence_ends(repo: Peer, tmp_path: Path, server: str) -> None:
    repo.fault(".", server=server, times=None, silence=True)
    with pytest.raises(RemoteError, match="no answer in time"):
        fetch(opened(repo, NEFFCACHE_REMOTE_TIMEOUT="0.3"), tmp_path)


def test_silence_in_the_middle_of_a_long_body_ends(repo: Peer, tmp_path: Path) -> None:
    repo.fault(".", server="cdn", times=None, truncate=300_000, silence=True)
    with pytest.raises(RemoteError, match="no answer in time"):
        fetch(opened(repo, NEFFCACHE_REMOTE_TIMEOUT="0.3"), tmp_path)


def test_one_client_reads_long_and_short_bodies_in_turn(repo: Peer, tmp_path: Path) -> None:
    remote = opened(repo)
    for _ in range(2):
        assert fetch(remote, tmp_path) == DATA
        assert fetch(remote, tmp_path, "small.json") == b"{}"


@pytest.mark.parametrize("server", ["hub", "cdn"])
def test_a_used_up_quota_is_a_pause(repo: Peer, tmp_path: Path, server: str) -> None:
    repo.fault(".", server=server, status=429, headers={"Retry-After": "2580"})
    with pytest.raises(RemoteError) as caught:
        fetch(opened(repo), tmp_path)
    assert caught.value.pause == 2580.0
    assert len(repo.requests(server)) == 1


def test_progress_comes_with_the_bytes(repo: Peer, tmp_path: Path) -> None:
    seen: list[int] = []
    opened(repo).fetch(NAME, str(tmp_path / "into"), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(DATA)
    assert len(set(seen)) > 2
