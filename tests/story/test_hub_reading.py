"""Story: what stands in a repository of the Hub is served by the shim; a bad Hub delays nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import FORWARD, TRAIN, Host
from hub.peer import Peer
from hubs import READER, REPO
from neffcache.cache import bundles

HUB = f"hf://{REPO}"


@pytest.fixture
def repo(hub: Peer) -> Peer:
    hub.create(REPO)
    return hub


def reader(tmp_path: Path, hub: Peer, name: str, token: str = READER, **more: str) -> Host:
    """A host that reads the repository and writes nowhere."""
    variables = {"SDKSTANDIN_FAKE": "1", "NEFFCACHE_REMOTES": f"{HUB}?mode=ro"}
    return Host(tmp_path / name, {**variables, **hub.environ(token), **more})


def publish(hub: Peer, make_host: Callable[[str], Host], tmp_path: Path) -> bytes:
    """Compile a graph elsewhere and commit its entry; the NEFF."""
    other = make_host("writer")
    assert other.compile(tmp_path / "written", TRAIN).status == 0
    (entry,) = other.entries()
    hub.commit(REPO, {bundles.single_name(entry.stem): entry.read_bytes()})
    return (tmp_path / "written" / "out.neff").read_bytes()


def publish_damaged(hub: Peer, make_host: Callable[[str], Host], tmp_path: Path) -> bytes:
    """Commit an entry with one wrong byte in its NEFF; the NEFF as it should be."""
    made = publish(hub, make_host, tmp_path)
    (name,) = hub.paths(REPO)
    whole = hub.read(REPO, name)
    assert whole is not None
    at = whole.index(made) + len(made) // 2
    hub.commit(REPO, {name: whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]})
    return made


def notes(host: Host) -> list[object]:
    """Every note, as it stands in the journal."""
    found: list[object] = []
    for record in host.journal():
        notes = record.get("notes", [])
        assert isinstance(notes, list)
        found += notes
    return found


def test_a_hit_takes_two_requests_and_the_next_one_none(
    repo: Peer, make_host: Callable[[str], Host], tmp_path: Path
) -> None:
    made = publish(repo, make_host, tmp_path)
    host = reader(tmp_path, repo, "host")
    for work in ("first", "second"):
        done = host.compile(tmp_path / work, TRAIN)
        assert (done.status, done.out, done.err) == (0, "Compiler status PASS\n", "")
        assert (tmp_path / work / "out.neff").read_bytes() == made
    assert (host.outcomes(), host.compiles) == (["hit_remote", "hit_local"], 0)
    assert host.journal()[0]["remote"] == HUB
    assert [request.server for request in repo.requests()] == ["hub", "cdn"]
    assert [request.authorized for request in repo.requests()] == [True, False]


def test_what_is_absent_takes_one_request(repo: Peer, tmp_path: Path) -> None:
    host = reader(tmp_path, repo, "host", NEFFCACHE_READONLY="1")
    for work in ("first", "second"):
        assert host.compile(tmp_path / work, TRAIN).status == 0
    assert host.outcomes() == ["compiled_readonly"] * 2
    known = f"{HUB}: said so a moment ago"
    assert notes(host) == [["remote_absent", HUB], ["remote_absent", known]]
    assert len(repo.requests()) == 1


def test_what_was_absent_is_found_once_somebody_has_pushed_it(
    repo: Peer, make_host: Callable[[str], Host], tmp_path: Path
) -> None:
    host = reader(tmp_path, repo, "host", NEFFCACHE_READONLY="1", NEFFCACHE_HEAD_AGE="0")
    assert host.compile(tmp_path / "first", TRAIN).status == 0
    publish(repo, make_host, tmp_path)
    assert host.compile(tmp_path / "second", TRAIN).status == 0
    assert host.outcomes() == ["compiled_readonly", "hit_remote"]


def test_custom_cache_repo_is_all_it_takes(
    repo: Peer, make_host: Callable[[str], Host], tmp_path: Path
) -> None:
    publish(repo, make_host, tmp_path)
    host = reader(
        tmp_path, repo, "host", NEFFCACHE_REMOTES="", CUSTOM_CACHE_REPO=REPO, NEFFCACHE_READONLY="1"
    )
    assert host.compile(tmp_path / "work", TRAIN).status == 0
    assert host.outcomes() == ["hit_remote"]


def test_a_silent_hub_delays_one_compile_alone(repo: Peer, tmp_path: Path) -> None:
    repo.fault(".", server=None, times=None, silence=True)
    host = reader(tmp_path, repo, "host", NEFFCACHE_REMOTE_TIMEOUT="2")
    first = host.compile(tmp_path / "first", TRAIN)
    second = host.compile(tmp_path / "second", FORWARD)
    assert (first.status, second.status, host.outcomes()) == (0, 0, ["compiled"] * 2)
    assert notes(host) == [["remote_failed", f"{HUB}: silent for 2 s"], ["remote_skipped", HUB]]
    assert first.err == f"neffcache: remote {HUB} failed (silent for 2 s): not asked for 30 s\n"
    assert second.err == ""
    assert len(repo.requests()) == 1


def test_offline_the_hub_is_not_asked(repo: Peer, tmp_path: Path) -> None:
    host = reader(tmp_path, repo, "host", HF_HUB_OFFLINE="1")
    done = host.compile(tmp_path / "work", TRAIN)
    assert (done.status, done.err, host.outcomes()) == (0, "", ["compiled"])
    assert notes(host) == [["remote_offline", HUB]]
    assert repo.requests() == []


def test_a_corrupted_entry_is_compiled_again(
    repo: Peer, make_host: Callable[[str], Host], tmp_path: Path
) -> None:
    made = publish(repo, make_host, tmp_path)
    (name,) = repo.paths(REPO)
    repo.corrupt(REPO, name)
    host = reader(tmp_path, repo, "host")
    assert host.compile(tmp_path / "work", TRAIN).status == 0
    assert (host.outcomes(), host.notes(), host.compiles) == (["compiled"], ["remote_damaged"], 1)
    assert len((tmp_path / "work" / "out.neff").read_bytes()) == len(made)


def test_an_entry_that_was_damaged_before_it_was_committed_is_the_remotes_fault(
    repo: Peer, make_host: Callable[[str], Host], tmp_path: Path
) -> None:
    """The Hub's own digest holds for what was committed: only a restore can see it."""
    made = publish_damaged(repo, make_host, tmp_path)
    host = reader(tmp_path, repo, "host")
    assert host.compile(tmp_path / "work", TRAIN).status == 0
    assert host.outcomes() == ["compiled"]
    assert notes(host) == [["remote_damaged", f"{HUB}: the digest of neff does not match"]]
    assert host.compile(tmp_path / "again", TRAIN).status == 0
    assert (host.outcomes(), host.compiles) == (["compiled", "hit_local"], 1)
    for work in ("work", "again"):
        assert len((tmp_path / work / "out.neff").read_bytes()) == len(made)


def test_a_remotes_damaged_entry_does_not_stay_in_a_store_that_compiles_nothing(
    repo: Peer, make_host: Callable[[str], Host], tmp_path: Path
) -> None:
    publish_damaged(repo, make_host, tmp_path)
    host = reader(tmp_path, repo, "host", NEFFCACHE_REQUIRE_HIT="1")
    assert host.compile(tmp_path / "work", TRAIN).status == 3
    assert (host.notes(), host.entries()) == (["remote_damaged"], [])
    assert not (tmp_path / "work" / "out.neff").exists()


def test_without_access_one_line_says_what_to_do(repo: Peer, tmp_path: Path) -> None:
    host = reader(tmp_path, repo, "host", token="")
    done = host.compile(tmp_path / "first", TRAIN)
    assert done.status == 0
    assert done.err == (
        f"neffcache: remote {HUB} failed ({REPO} is private or not there, and no token was sent; "
        "log in (`hf auth login`) or set HF_TOKEN): not asked for 30 s\n"
    )
    assert host.compile(tmp_path / "second", FORWARD).err == ""
    assert host.notes() == ["remote_failed", "remote_skipped"]


def test_a_used_up_quota_is_obeyed(repo: Peer, tmp_path: Path) -> None:
    repo.fault("resolve", times=None, status=429, headers={"Retry-After": "600"})
    host = reader(tmp_path, repo, "host")
    for work, graph in (("first", TRAIN), ("second", FORWARD)):
        assert host.compile(tmp_path / work, graph).status == 0
    assert host.outcomes() == ["compiled"] * 2
    assert host.notes() == ["remote_failed", "remote_skipped"]
    assert len(repo.requests()) == 1


def test_a_hit_leaves_nothing_behind_in_the_users_home(
    repo: Peer, make_host: Callable[[str], Host], tmp_path: Path
) -> None:
    publish(repo, make_host, tmp_path)
    host = reader(tmp_path, repo, "host")
    assert host.compile(tmp_path / "work", TRAIN).status == 0
    assert host.outcomes() == ["hit_remote"]
    assert list(host.home.iterdir()) == []
