"""`neffcache set`: a repository that is there and readable is saved; nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosts import Done, Host
from hub.peer import Peer

REPO = "acme/cache"


@pytest.fixture(autouse=True)
def _repo(hub: Peer) -> None:
    hub.create(REPO)


@pytest.fixture
def name_file(host: Host) -> Path:
    """A name that is saved already."""
    path = host.home / ".cache" / "huggingface" / "optimum_neuron_custom_cache"
    path.parent.mkdir(parents=True)
    path.write_text("acme/before")
    return path


def set_name(host: Host, hub: Peer, name: str, token: str = "hf_alice_write", **more: str) -> Done:
    variables = {**hub.environ(token), "NEFFCACHE_STRICT": "\0unset", **more}
    return host.neffcache("set", name, variables=variables)


def test_it_is_saved_as_optimum_saves_it(host: Host, hub: Peer, name_file: Path) -> None:
    done = set_name(host, hub, REPO)
    assert (done.status, done.err) == (0, "")
    assert done.out == f"{REPO} (private) is saved in {name_file} instead of acme/before\n"
    assert name_file.read_bytes() == REPO.encode()


def test_a_public_one_needs_no_token(host: Host, hub: Peer, name_file: Path) -> None:
    hub.set_private(REPO, False)
    assert "(public)" in set_name(host, hub, REPO, token="").out
    assert name_file.read_text() == REPO


def test_a_public_one_is_not_pushed_to_unasked(host: Host, hub: Peer) -> None:
    hub.set_private(REPO, False)
    assert f"`neffcache create --public -n {REPO}`" in set_name(host, hub, REPO).err
    assert set_name(host, hub, REPO, NEFFCACHE_HUB_PUBLIC=REPO).err == ""


def test_a_reader_may_set_it(host: Host, hub: Peer, name_file: Path) -> None:
    assert set_name(host, hub, REPO, token="hf_carol_write").status == 0
    assert name_file.read_text() == REPO


def test_a_renamed_one_is_saved_by_its_new_name(host: Host, hub: Peer, name_file: Path) -> None:
    hub.rename(REPO, "acme/new")
    assert set_name(host, hub, REPO).out.startswith("acme/new (private)")
    assert name_file.read_text() == "acme/new"


@pytest.mark.parametrize(
    "case",
    [
        ("acme/gone", "hf_alice_write", "is not there, or the token may not see it"),
        (REPO, "hf_bob_write", "is not there, or the token may not see it"),
        (REPO, "", "private or not there, and no token was sent"),
        (REPO, "hf_gone", "the token is not valid"),
    ],
)
def test_what_cannot_be_read_is_not_saved(
    host: Host, hub: Peer, name_file: Path, case: tuple[str, str, str]
) -> None:
    name, token, words = case
    done = set_name(host, hub, name, token)
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
    assert words in done.err
    assert name_file.read_text() == "acme/before"


def test_a_gated_one_is_for_those_who_may_have_its_files(
    host: Host, hub: Peer, name_file: Path
) -> None:
    hub.set_private(REPO, False)
    hub.gate(REPO)
    done = set_name(host, hub, REPO, token="hf_bob_write")
    assert (done.status, "is gated; ask for access" in done.err) == (1, True)
    assert name_file.read_text() == "acme/before"
    assert "(public, gated)" in set_name(host, hub, REPO).out


@pytest.mark.parametrize("name", ["cache", "a/b/c", "a--b/c", "hf://acme/cache", "acme/cache@main"])
def test_a_malformed_name_is_not_asked_for(
    host: Host, hub: Peer, name_file: Path, name: str
) -> None:
    done = set_name(host, hub, name)
    assert (done.status, "write ORG/NAME" in done.err, hub.requests()) == (2, True, [])
    assert name_file.read_text() == "acme/before"


def test_a_hub_that_never_answers(host: Host, hub: Peer, name_file: Path) -> None:
    hub.fault("/api/models", silence=True, times=None)
    done = set_name(host, hub, REPO, NEFFCACHE_REMOTE_TIMEOUT="0.5")
    assert (done.status, done.err.count("\n")) == (4, 1)
    assert "no answer in time" in done.err
    assert name_file.read_text() == "acme/before"


def test_a_hub_that_is_not_there(host: Host, hub: Peer, name_file: Path) -> None:
    done = set_name(host, hub, REPO, HF_ENDPOINT=hub.nowhere)
    assert (done.status, "connection refused" in done.err) == (4, True)
    assert name_file.read_text() == "acme/before"


def test_offline_nothing_is_asked(host: Host, hub: Peer, name_file: Path) -> None:
    done = set_name(host, hub, REPO, HF_HUB_OFFLINE="1")
    assert (done.status, "HF_HUB_OFFLINE is set" in done.err, hub.requests()) == (4, True, [])
    assert name_file.read_text() == "acme/before"


def test_a_home_that_takes_no_files(host: Host, hub: Peer) -> None:
    (host.root / "file").touch()
    done = set_name(host, hub, REPO, HF_HOME=f"{host.root}/file/hf")
    assert (done.status, "cannot be saved" in done.err) == (1, True)


def test_what_comes_before_the_saved_name_is_told(host: Host, hub: Peer) -> None:
    assert "CUSTOM_CACHE_REPO is set" in set_name(host, hub, REPO, CUSTOM_CACHE_REPO="acme/x").err
