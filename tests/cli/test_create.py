"""`neffcache create`: a repository is made and its name saved, or one line says why not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hosts import Done, Host
from hub.peer import Peer

OWN = "alice/optimum-neuron-cache"


def create(host: Host, hub: Peer, *argv: str, token: str = "hf_alice_write", **more: str) -> Done:
    variables = {**hub.environ(token), "NEFFCACHE_STRICT": "\0unset", **more}
    return host.neffcache("create", *argv, variables=variables)


def saved_name(host: Host) -> str | None:
    path = host.home / ".cache" / "huggingface" / "optimum_neuron_custom_cache"
    return path.read_text() if path.exists() else None


def refused(done: Done, status: int, *words: str) -> None:
    """One line on standard error, with these words in it, and nothing else."""
    assert (done.status, done.out, done.err.count("\n")) == (status, "", 1)
    assert all(word in done.err for word in words), done.err


def test_it_is_private_and_the_users_own_and_its_name_is_saved(host: Host, hub: Peer) -> None:
    done = create(host, hub)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0] == f"{OWN} made: private"
    assert hub.is_private(OWN)
    assert saved_name(host) == OWN


def test_the_next_compile_uses_it(host: Host, hub: Peer) -> None:
    create(host, hub, "-n", "acme/neffs")
    stats = host.neffcache("stats", variables=hub.environ())
    assert "hf://acme/neffs  rw" in stats.out
    assert "optimum_neuron_custom_cache" in stats.out


def test_a_name_of_ones_own_and_one_of_an_organisation(host: Host, hub: Peer) -> None:
    create(host, hub, "-n", "mine")
    assert hub.is_private("alice/mine")
    create(host, hub, "--name", "acme/ours")
    assert hub.is_private("acme/ours")
    assert saved_name(host) == "acme/ours"


def test_a_public_one_is_asked_for_and_that_is_remembered(host: Host, hub: Peer) -> None:
    done = create(host, hub, "--public")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0] == f"{OWN} made: public"
    assert not hub.is_private(OWN)
    [remembered] = (host.home / ".cache" / "huggingface").glob("neffcache_public*")
    assert OWN in remembered.read_text()


def test_one_that_stands_there_is_fine(host: Host, hub: Peer) -> None:
    hub.create(OWN)
    done = create(host, hub)
    assert done.out.splitlines()[0] == f"{OWN} stood there already: private"
    assert (done.status, saved_name(host)) == (0, OWN)


def test_who_may_not_make_one_there_may_use_the_one_that_stands_there(
    host: Host, hub: Peer
) -> None:
    hub.create("acme/ours")
    done = create(host, hub, "-n", "acme/ours", token="hf_carol_write")
    assert (done.status, saved_name(host)) == (0, "acme/ours")
    assert "stood there already" in done.out


def test_a_public_one_is_no_consent_by_itself(host: Host, hub: Peer) -> None:
    hub.create(OWN, private=False)
    done = create(host, hub)
    assert (done.status, saved_name(host)) == (0, OWN)
    assert "stood there already: public" in done.out
    assert f"{OWN} is public and nobody has agreed to that" in done.err
    assert f"`neffcache create --public -n {OWN}`" in done.err
    assert not list((host.home / ".cache" / "huggingface").glob("neffcache_public*"))


def test_a_private_one_stays_private(host: Host, hub: Peer) -> None:
    hub.create(OWN)
    done = create(host, hub, "--public")
    assert "stays private" in done.err
    assert hub.is_private(OWN)
    assert not list((host.home / ".cache" / "huggingface").glob("neffcache_public*"))


def test_a_hub_that_makes_it_public_all_the_same_is_told_of(host: Host, hub: Peer) -> None:
    hub.create(OWN, private=False)
    hub.fault("/api/repos/create", status=200, message="done")
    refused(create(host, hub), 1, f"{OWN} was made public, against our request")
    assert saved_name(host) is None


@pytest.mark.parametrize("name", ["a/b/c", "a--b", "-a", "a b", "x.git", "acme/", "/x", "a/../b"])
def test_a_malformed_name_is_not_asked_for(host: Host, hub: Peer, name: str) -> None:
    refused(create(host, hub, f"--name={name}"), 2, "--name", "write NAME or ORG/NAME")
    assert hub.requests() == []


def test_without_a_token(host: Host, hub: Peer) -> None:
    refused(create(host, hub, token=""), 1, "not logged in; set HF_TOKEN or run `hf auth login`")
    assert hub.requests() == []


def test_with_a_token_that_is_none(host: Host, hub: Peer) -> None:
    refused(create(host, hub, token="hf_gone"), 1, "the token is not valid", "hf auth login")


def test_with_a_token_that_only_reads(host: Host, hub: Peer) -> None:
    refused(create(host, hub, token="hf_alice_read"), 1, f"{OWN} cannot be made: not permitted")
    assert not hub.exists(OWN)
    assert saved_name(host) is None


def test_in_an_organisation_of_others(host: Host, hub: Peer) -> None:
    done = create(host, hub, "-n", "acme/ours", token="hf_bob_write")
    refused(done, 1, "acme/ours cannot be made: not permitted")


def test_the_login_of_the_user_is_taken(host: Host, hub: Peer) -> None:
    login = host.home / ".cache" / "huggingface"
    login.mkdir(parents=True)
    (login / "token").write_text("hf_bob_write\n")
    assert create(host, hub, "-n", "x", token="").out.startswith("bob/x made")


def test_a_hub_that_is_not_there(host: Host, hub: Peer) -> None:
    done = create(host, hub, HF_ENDPOINT=hub.nowhere)
    refused(done, 4, "connection refused", "HF_ENDPOINT")


def test_a_hub_that_never_answers(host: Host, hub: Peer) -> None:
    fault = hub.fault("/api/repos/create", silence=True, times=None)
    done = create(host, hub, NEFFCACHE_REMOTE_TIMEOUT="0.5")
    refused(done, 4, "no answer in time")
    assert (fault.hits, saved_name(host)) == (1, None)


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_hub_in_trouble(host: Host, hub: Peer, status: int) -> None:
    hub.fault("/api/whoami", status=status, times=None)
    refused(create(host, hub), 4, "the Hub")


def test_something_that_is_no_hub(host: Host, hub: Peer) -> None:
    hub.fault("/api/", status=404, times=None)
    refused(create(host, hub), 4, "HF_ENDPOINT")
    hub.mend()
    hub.fault("/api/whoami", status=200, message="hello", times=None)
    refused(create(host, hub), 4, "does not answer like a Hub")


def test_an_endpoint_that_is_none(host: Host, hub: Peer) -> None:
    refused(create(host, hub, HF_ENDPOINT="hub.example"), 2, "HF_ENDPOINT", "https://")


def test_offline_nothing_is_asked(host: Host, hub: Peer) -> None:
    refused(create(host, hub, HF_HUB_OFFLINE="1"), 4, "HF_HUB_OFFLINE is set; unset it")
    assert hub.requests() == []


def test_a_home_that_takes_no_files(host: Host, hub: Peer) -> None:
    (host.root / "file").touch()
    done = create(host, hub, HF_HOME=f"{host.root}/file/hf")
    refused(done, 1, OWN, "cannot be saved", "Not a directory", f"CUSTOM_CACHE_REPO={OWN}")
    assert hub.exists(OWN)


def test_without_home_the_systems_is_taken(host: Host, hub: Peer, tmp_path: Path) -> None:
    done = create(host, hub, HOME="\0unset", XDG_CACHE_HOME=str(tmp_path / "x"))
    assert done.status == 0, done.err
    assert (tmp_path / "x" / "huggingface" / "optimum_neuron_custom_cache").read_text() == OWN


def test_what_comes_before_the_saved_name_is_told(host: Host, hub: Peer) -> None:
    assert "CUSTOM_CACHE_REPO is set" in create(host, hub, CUSTOM_CACHE_REPO="acme/x").err
    assert create(host, hub, CUSTOM_CACHE_REPO=OWN).err == ""
    done = create(host, hub, NEFFCACHE_REMOTES="file:///a")
    assert (done.status, "NEFFCACHE_REMOTES is set" in done.err) == (0, True)


def test_it_puts_a_wrong_saved_name_right(host: Host, hub: Peer) -> None:
    place = host.home / ".cache" / "huggingface"
    place.mkdir(parents=True)
    (place / "optimum_neuron_custom_cache").write_text("nonsense")
    assert host.neffcache("stats").status == 2
    assert create(host, hub).status == 0
    assert host.neffcache("stats").status == 0


def test_no_message_holds_the_token(host: Host, hub: Peer) -> None:
    for path in ("/api/whoami", "/api/repos/create"):
        hub.fault(path, status=403, times=None)
        done = create(host, hub)
        assert "hf_alice_write" not in done.out + done.err
        hub.mend()
    assert "hf_alice_write" not in os.fsdecode(b"".join(_contents(host.home)))


def _contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
