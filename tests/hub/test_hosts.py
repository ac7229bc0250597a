"""Story: what one host compiled, another is served from a Hub repository, by each client."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hosts import FORWARD, TRAIN, Done, Host, finish
from hub.peer import Peer
from hub.real import RealClient
from running import end_all

REPO = "alice/cache"
Maker = Callable[..., Host]


def _neffcache(client: RealClient, host: Host, *words: str) -> Done:
    """The command, run by the interpreter that has the client."""
    return finish(
        subprocess.Popen(
            [str(client.python), "-I", "-m", "neffcache", *words],
            cwd=host.root,
            env=host.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    )


@pytest.fixture
def hosts(tmp_path: Path, hub: Peer, client: RealClient) -> Iterator[Maker]:
    """Makes hosts whose shim runs where the client is, with a token for the repository."""
    made: list[Host] = []

    def make(name: str, token: str = "hf_alice_write", **variables: str) -> Host:
        settings = {
            "SDKSTANDIN_FAKE": "1",
            "CUSTOM_CACHE_REPO": REPO,
            "NEFFCACHE_HUB_NO_XET": "" if client.xet else "1",
            **hub.environ(token),
        }
        host = Host(tmp_path / name, {**settings, **variables})
        done = _neffcache(client, host, "install", str(host.shims))
        assert done.status == 0, done.err

        made.append(host)
        return host

    yield make
    for host in made:
        end_all(host.store)


def _sent(client: RealClient, host: Host, work: Path, *graphs: Path) -> None:
    for graph in graphs:
        done = host.compile(work / graph.stem, graph)
        assert (done.status, done.err) == (0, "")
    done = _neffcache(client, host, "flush", "--timeout", "60")
    assert done.status == 0, done.err


def test_second_host_is_served_what_the_first_compiled(
    client: RealClient, hub: Peer, hosts: Maker, tmp_path: Path
) -> None:
    hub.create(REPO)
    one, two = hosts("one"), hosts("two", token="hf_alice_read")
    _sent(client, one, tmp_path / "w1", TRAIN)
    done = two.compile(tmp_path / "w2", TRAIN)
    assert (done.status, done.err, two.compiles) == (0, "", 0)
    assert two.outcomes() == ["hit_remote"]
    ours = (tmp_path / "w2" / "out.neff").read_bytes()
    assert ours == (tmp_path / "w1" / TRAIN.stem / "out.neff").read_bytes()


def test_uploads_go_by_the_way_that_was_set(
    client: RealClient, hub: Peer, hosts: Maker, tmp_path: Path
) -> None:
    hub.create(REPO)
    _sent(client, hosts("one"), tmp_path / "w1", TRAIN)
    stores = {request.server for request in hub.requests() if request.server != "hub"}
    assert stores == ({"cas"} if client.xet else {"cdn"})


def test_entries_of_one_flush_are_one_commit(
    client: RealClient, hub: Peer, hosts: Maker, tmp_path: Path
) -> None:
    hub.create(REPO)
    _sent(client, hosts("one"), tmp_path / "w1", TRAIN, FORWARD)
    assert len(hub.paths(REPO)) == 2
    assert len(hub.commits(REPO)) == 2


def test_upload_goes_on_where_xet_is_down(
    client: RealClient, hub: Peer, hosts: Maker, tmp_path: Path
) -> None:
    hub.settings.cas_up = False
    hub.create(REPO)
    _sent(client, hosts("one"), tmp_path / "w1", TRAIN)
    assert len(hub.paths(REPO)) == 1


def test_a_corrupted_entry_is_compiled_anew(
    client: RealClient, hub: Peer, hosts: Maker, tmp_path: Path
) -> None:
    hub.create(REPO)
    one, two = hosts("one"), hosts("two")
    _sent(client, one, tmp_path / "w1", TRAIN)
    (path,) = hub.paths(REPO)
    hub.corrupt(REPO, path)
    done = two.compile(tmp_path / "w2", TRAIN)
    assert (done.status, two.compiles) == (0, 1)
    assert (two.outcomes(), two.notes()) == (["compiled"], ["remote_damaged"])


def test_a_hit_costs_two_requests_and_sends_no_token_elsewhere(
    client: RealClient, hub: Peer, hosts: Maker, tmp_path: Path
) -> None:
    hub.create(REPO)
    one, two = hosts("one"), hosts("two")
    _sent(client, one, tmp_path / "w1", TRAIN)
    hub.clear()
    two.compile(tmp_path / "w2", TRAIN)
    asked = [(request.server, request.authorized) for request in hub.requests()]
    assert asked == [("hub", True), ("cdn", False)]


def test_the_client_that_is_beside_the_command_does_the_work(
    client: RealClient, version: str, hub: Peer, hosts: Maker, tmp_path: Path
) -> None:
    """The shim runs the Python below the virtual environment, which has no client or another."""
    hub.create(REPO)
    _sent(client, hosts("one"), tmp_path / "w1", TRAIN)
    agents = [request.headers["user-agent"] for request in hub.requests("hub")]
    assert agents
    assert [agent for agent in agents if f"hf_hub/{version}." not in agent] == []
