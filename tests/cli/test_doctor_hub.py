"""`neffcache doctor` about the Hub: who this user is there, what he may, what stands in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from entries import settings
from hosts import Host
from hub.peer import Peer
from neffcache import remote
from neffcache.cli import hub_call
from neffcache.cli.checks import hub as check
from neffcache.cli.finding import Scene

REPO = "acme/cache"


@pytest.fixture(autouse=True)
def _repo(hub: Peer) -> None:
    hub.create(REPO)


def look(host: Host, hub: Peer, token: str = "hf_alice_write", **more: str) -> list[dict[str, Any]]:
    """What it finds about remotes."""
    variables = {
        **hub.environ(token), "CUSTOM_CACHE_REPO": REPO, "NEFFCACHE_STRICT": "\0unset", **more
    }  # fmt: skip
    done = host.neffcache("doctor", "--json", variables=variables)
    assert (done.status, done.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(done.out)["findings"]
    assert all(row["remedy"] for row in rows if row["level"] != "ok")
    assert not token or token not in done.out
    return [row for row in rows if row["topic"] == "remotes"]


def lines(found: list[dict[str, Any]], level: str) -> list[str]:
    return [row["line"] for row in found if row["level"] == level]


def the_warning(host: Host, hub: Peer, token: str = "hf_alice_write", **more: str) -> str:
    [row] = [row for row in look(host, hub, token, **more) if row["level"] == "warn"]
    return f"{row['line']} -> {row['remedy']}"


def test_who_and_where_and_what_is_left(host: Host, hub: Peer) -> None:
    found = look(host, hub)
    assert lines(found, "warn") == []
    first, *others = lines(found, "ok")
    named = f"hf://{REPO}, named by CUSTOM_CACHE_REPO"
    assert first == f"{named}: answers (rw, private) to alice at {hub.url}"
    assert others[0] == f"hf://{REPO}: alice may write there"
    quota = hub.settings.api_quota
    assert any(f" of {quota} requests left" in line for line in others)


def test_each_remote_says_where_it_was_named(host: Host, hub: Peer) -> None:
    home = host.home / ".cache" / "huggingface"
    home.mkdir(parents=True)
    (home / "optimum_neuron_custom_cache").write_text("acme/saved")
    hub.create("acme/saved")
    (host.root / "remote").mkdir()
    text = "\n".join(lines(look(host, hub, NEFFCACHE_REMOTES=f"file://{host.root}/remote"), "ok"))
    assert f"file://{host.root}/remote answers (rw), named by NEFFCACHE_REMOTES" in text
    assert f"hf://{REPO}, named by CUSTOM_CACHE_REPO: answers (ro, " in text
    assert f"hf://acme/saved, named by {home}/optimum_neuron_custom_cache: answers (ro, " in text
    assert "may write" not in text


@pytest.mark.parametrize("token", ["hf_alice_read", "hf_carol_write"])
def test_a_user_who_may_only_read(host: Host, hub: Peer, token: str) -> None:
    user = token.split("_")[1]
    found = the_warning(host, hub, token)
    assert f"hf://{REPO}: not to be written to by {user}: " in found
    assert "-> use a token that may" in found


def test_a_hub_that_knows_no_question_about_rights(host: Host, hub: Peer) -> None:
    hub.fault("/auth-check/write", status=404, times=None)
    assert f"hf://{REPO}: alice may write there" in lines(look(host, hub), "ok")
    assert "not to be written to by carol" in the_warning(host, hub, "hf_carol_write")
    assert hub.requests()[-1].method == "DELETE"
    assert len(hub.commits(REPO)) == 1


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "private or not there, and no token was sent"),
        ("hf_gone", "the token is not valid"),
        ("hf_bob_write", "(as bob at "),
    ],
)
def test_who_may_not_even_read(host: Host, hub: Peer, token: str, words: str) -> None:
    found = the_warning(host, hub, token)
    assert "cannot be used" in found
    assert words in found


def test_a_repository_that_is_not_there(host: Host, hub: Peer) -> None:
    found = the_warning(host, hub, CUSTOM_CACHE_REPO="acme/gone")
    assert "acme/gone is not there" in found
    assert "neffcache create" in found


def test_a_renamed_repository(host: Host, hub: Peer) -> None:
    hub.rename(REPO, "acme/new")
    assert "it is called acme/new now" in the_warning(host, hub)


def test_a_public_one_nobody_agreed_to(host: Host, hub: Peer) -> None:
    hub.set_private(REPO, False)
    found = the_warning(host, hub)
    assert REPO in found
    assert "public" in found
    assert "NEFFCACHE_HUB_PUBLIC" in found or "neffcache create --public" in found
    assert lines(look(host, hub, NEFFCACHE_HUB_PUBLIC=REPO), "warn") == []


def test_anybody_reads_a_public_one(host: Host, hub: Peer) -> None:
    hub.set_private(REPO, False)
    remote = {"CUSTOM_CACHE_REPO": "", "NEFFCACHE_REMOTES": f"hf://{REPO}?mode=ro"}
    found = look(host, hub, "", **remote)
    assert lines(found, "warn") == []
    assert lines(found, "ok")[0].endswith(f"answers (ro, public) to nobody (no token) at {hub.url}")


def test_a_silent_hub(host: Host, hub: Peer) -> None:
    hub.fault("/api/", silence=True, times=None)
    found = the_warning(host, hub, NEFFCACHE_REMOTE_TIMEOUT="0.5")
    assert "does not answer" in found
    assert "no answer in time" in found


def test_a_hub_that_is_not_there(host: Host, hub: Peer) -> None:
    assert "connection refused" in the_warning(host, hub, HF_ENDPOINT=hub.nowhere)


def test_a_quota_that_is_used_up(host: Host, hub: Peer) -> None:
    hub.fault("/api/", status=429, times=None, headers={"Retry-After": "1800"})
    assert "rate limit is used up for 1800 s" in the_warning(host, hub)


def test_offline_the_hub_is_not_asked(host: Host, hub: Peer) -> None:
    assert "HF_HUB_OFFLINE is set" in the_warning(host, hub, HF_HUB_OFFLINE="1")
    assert hub.requests() == []


@pytest.mark.parametrize(
    ("name", "value"), [("CUSTOM_CACHE_REPO", "nobody"), ("HF_ENDPOINT", "hub.example")]
)
def test_a_malformed_variable_would_stop_hits(host: Host, hub: Peer, name: str, value: str) -> None:
    variables = {**hub.environ(), "CUSTOM_CACHE_REPO": REPO, "NEFFCACHE_STRICT": "\0unset"}
    done = host.neffcache("doctor", variables={**variables, name: value})
    assert done.status == 1
    assert f"fail  settings: {name}: " in done.out
    assert hub.requests() == []
    shown = host.neffcache("config", variables={**variables, name: value})
    assert (shown.status, name in shown.err) == (2, True)


def test_a_saved_name_that_cannot_be_read(host: Host, hub: Peer) -> None:
    path: Path = host.home / ".cache" / "huggingface" / "optimum_neuron_custom_cache"
    path.mkdir(parents=True)
    assert f"{path} cannot be read" in the_warning(host, hub)


def test_a_named_credential_that_is_not_set(host: Host, hub: Peer) -> None:
    remote = {"CUSTOM_CACHE_REPO": "", "NEFFCACHE_REMOTES": f"hf://{REPO}?credential=env:TOKEN_A"}
    assert "env:TOKEN_A is not set" in the_warning(host, hub, **remote)
    assert lines(look(host, hub, "", TOKEN_A="hf_alice_write", **remote), "warn") == []


def test_a_malformed_name_is_not_called_none(host: Host, hub: Peer) -> None:
    for variable, name in (("CUSTOM_CACHE_REPO", "a//b"), ("NEFFCACHE_REMOTES", "hf://a//b")):
        done = host.neffcache("doctor", variables={variable: name})
        assert f"fail  settings: {variable}: {name}: " in done.out
        assert "none set" not in done.out
    assert hub.requests() == []


def test_a_revision_that_is_not_there(host: Host, hub: Peer) -> None:
    told = the_warning(host, hub, NEFFCACHE_REMOTES=f"hf://{REPO}@no/such", CUSTOM_CACHE_REPO="")
    assert f"{REPO} has no revision no/such -> correct or remove @revision" in told
    there = f"hf://{REPO}@{hub.head(REPO)}?mode=ro"
    good = look(host, hub, NEFFCACHE_REMOTES=there, CUSTOM_CACHE_REPO="")
    assert lines(good, "warn") == []


def test_a_token_that_cannot_be_sent(host: Host, hub: Peer) -> None:
    told = the_warning(host, hub, token="hf_\u00e9")
    assert "the token holds what no token does -> correct HF_TOKEN" in told


def test_a_commit_is_not_to_be_written_to(host: Host, hub: Peer) -> None:
    revision = hub.head(REPO)
    there = f"hf://{REPO}@{revision}"
    found = the_warning(host, hub, NEFFCACHE_REMOTES=there, CUSTOM_CACHE_REPO="")
    assert f"{revision[:8]}... is a commit, not a branch -> name a branch" in found


@pytest.mark.parametrize(
    ("endpoint", "user", "warned"),
    [
        ("http://hub.example:8080", "alice", True),
        ("http://hub.example", "", False),
        ("https://hub.example", "alice", False),
        ("http://127.0.0.1:80", "alice", False),
        ("http://localhost", "alice", False),
    ],
)
def test_a_token_that_everybody_can_read_on_its_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoint: str, user: str, warned: bool
) -> None:
    def answer(
        _what: str, _spec: object, _detail: str, world: tuple[Any, Any, dict[str, str]]
    ) -> tuple[str, str]:
        world[2].update(endpoint=endpoint, repo=REPO, private="yes", gated="")
        world[2].update({"user": user} if user else {})
        return "good", ""

    monkeypatch.setattr(hub_call, "answer", answer)
    spec = remote.parse(f"hf://{REPO}?mode=ro")
    found = check.look(spec, Scene({}, settings(), str(tmp_path)))
    told = [one.line for one in found if one.level == "warn"]
    assert [f"goes to {endpoint} unencrypted" in line for line in told] == [True] * warned
