"""Public repositories of the Hub: nothing goes there unasked, and no weights unless said so."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphs import keys, semantic
from hosts import TRAIN, Done, Host
from hub.peer import Peer
from neffcache.hub import publicity
from running import end_all
from waiting import until

REPO = "alice/cache"
CONSENT = {"NEFFCACHE_HUB_PUBLIC": REPO}
WEIGHTS = {**CONSENT, "NEFFCACHE_HUB_PUBLIC_WEIGHTS": "1"}


@pytest.fixture
def host(host: Host, hub: Peer) -> Iterator[Host]:
    """A host that shares its entries through a repository."""
    host.variables.update(hub.environ(), NEFFCACHE_REMOTES=f"hf://{REPO}")
    yield host
    end_all(host.store)


@pytest.fixture
def weighty(tmp_path: Path) -> Path:
    """A graph with an array inlined."""
    module = keys.module(TRAIN.read_bytes())
    next(iter(semantic.instructions(module, "constant"))).literal.u8s = bytes(range(256)) * 16
    path = tmp_path / "weighty.pb"
    path.write_bytes(keys.written(module))
    return path


def flush(host: Host, *words: str, **variables: str) -> Done:
    return host.neffcache("flush", *words, "--timeout", "20", variables=variables)


def once(host: Host, **variables: str) -> Done:
    """A flush that tries everything once."""
    return host.neffcache("flush", variables=variables)


def waiting(host: Host) -> int:
    return len([path for path in host.store.glob("queue/*/*") if len(path.name) == 64])


def dead(host: Host) -> list[str]:
    return [path.read_text() for path in host.store.glob("dead/*/*")]


def test_a_private_repository_gets_everything(
    host: Host, hub: Peer, tmp_path: Path, weighty: Path
) -> None:
    hub.create(REPO)
    host.compile(tmp_path / "a", TRAIN)
    host.compile(tmp_path / "b", weighty)
    done = flush(host)
    assert (done.status, len(hub.paths(REPO))) == (0, 2), done.out


def test_a_public_one_without_consent_gets_nothing_and_everything_waits(
    host: Host, hub: Peer, tmp_path: Path
) -> None:
    hub.create(REPO, private=False)
    host.compile(tmp_path, TRAIN)
    done = once(host)
    assert done.status != 0
    assert hub.paths(REPO) == set()
    assert len(hub.commits(REPO)) == 1
    assert (waiting(host), dead(host)) == (1, [])
    [line] = [line for line in done.out.splitlines() if REPO in line]
    assert "is public and nobody has agreed" in line
    assert f"neffcache create --public -n {REPO}" in line
    assert f"NEFFCACHE_HUB_PUBLIC={REPO}" in line
    assert not [one for one in hub.requests() if one.method in ("PUT", "PATCH")]
    assert not [one for one in hub.requests() if "preupload" in one.path]


def test_not_a_byte_leaves_without_consent_while_the_job_goes_on(
    host: Host, hub: Peer, tmp_path: Path
) -> None:
    hub.create(REPO, private=False)
    for number in range(3):
        host.compile(tmp_path / str(number), TRAIN, variables={"NEFFCACHE_RECACHE": "1"})
    once(host)
    assert hub.paths(REPO) == set()


@pytest.mark.parametrize("how", ["setting", "command"])
def test_with_consent_it_is_sent(host: Host, hub: Peer, tmp_path: Path, how: str) -> None:
    hub.create(REPO, private=False)
    host.compile(tmp_path, TRAIN)
    assert once(host).status != 0
    variables = CONSENT if how == "setting" else {}
    if how == "command":
        made = host.neffcache("create", "--public", "-n", REPO)
        assert made.status == 0, made.err
    done = flush(host, **variables)
    assert (done.status, len(hub.paths(REPO)), waiting(host)) == (0, 1, 0), done.out


def test_consent_of_one_hub_sends_nothing_to_another(host: Host, hub: Peer, tmp_path: Path) -> None:
    hub.create(REPO, private=False)
    environ = {b"HOME": bytes(host.home)}
    publicity.consent(REPO, environ, "https://hub.example.org")
    host.compile(tmp_path, TRAIN)
    once(host)
    assert (hub.paths(REPO), waiting(host)) == (set(), 1)


def test_weights_are_refused_for_good_with_a_remedy_and_hold_up_nobody(
    host: Host, hub: Peer, tmp_path: Path, weighty: Path
) -> None:
    hub.create(REPO, private=False)
    host.variables.update(CONSENT)
    host.compile(tmp_path / "a", weighty)
    host.compile(tmp_path / "b", TRAIN)
    done = flush(host)
    assert (done.status, waiting(host), len(hub.paths(REPO))) == (1, 0, 1)
    [reason] = dead(host)
    assert "may hold a model's weights" in reason
    assert "NEFFCACHE_HUB_PUBLIC_WEIGHTS=1" in reason
    assert "neffcache flush --refused" in done.out


def test_after_the_setting_what_was_refused_is_sent(
    host: Host, hub: Peer, tmp_path: Path, weighty: Path
) -> None:
    hub.create(REPO, private=False)
    host.variables.update(CONSENT)
    host.compile(tmp_path, weighty)
    assert flush(host).status == 1
    host.variables.update(WEIGHTS)
    done = flush(host, "--refused")
    assert (done.status, len(hub.paths(REPO)), dead(host)) == (0, 1, []), done.out


def test_a_repository_that_turned_public_gets_no_more(
    host: Host, hub: Peer, tmp_path: Path, weighty: Path
) -> None:
    hub.create(REPO)
    host.compile(tmp_path / "a", TRAIN)
    assert flush(host).status == 0
    hub.set_private(REPO, False)
    before = hub.paths(REPO)
    host.compile(tmp_path / "b", weighty)
    assert once(host).status != 0
    assert (hub.paths(REPO), waiting(host)) == (before, 1)
    hub.set_private(REPO, True)
    assert flush(host).status == 0
    assert len(hub.paths(REPO)) == 2


def test_one_that_turns_public_while_the_content_goes_up_gets_no_commit(
    host: Host, hub: Peer, tmp_path: Path
) -> None:
    hub.create(REPO)
    host.variables["NEFFCACHE_HUB_NO_XET"] = "1"
    host.compile(tmp_path, TRAIN)
    # The first commit is told to have met another's, and before the second try all may look.
    hub.fault(r"/commit/", method="POST", status=412, delay=1.5)
    with ThreadPoolExecutor(1) as pool:
        flushed = pool.submit(once, host)
        until(lambda: any("/commit/" in request.path for request in hub.requests()))
        hub.set_private(REPO, False)
        assert flushed.result(60).status != 0
    assert (hub.paths(REPO), waiting(host)) == (set(), 1)
