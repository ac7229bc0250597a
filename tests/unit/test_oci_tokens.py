"""Tokens and passwords of registries: who gets them, when they are renewed, who never does."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from neffcache.errors import RefusedError, RemoteError
from neffcache.registry.token import challenge
from registry.guarding import Guard
from registry.opening import Entry, file_of, open_url, quiet
from registry.peer import Peer
from servers.faulty import Faulty

LOGIN = {"LOGIN": "alice:open sesame"}
WITH = "?credential=env:LOGIN"
OBJECT = "neffcache/v1/probe"


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return Entry(tmp_path)


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A registry that gives tokens to alice."""
    with Peer(Guard(("alice", "open sesame"), tokens=True)) as made:
        yield made


@pytest.fixture
def basic() -> Iterator[Peer]:
    """A registry that wants to see alice's password."""
    with Peer(Guard(("alice", "open sesame"))) as made:
        yield made


def test_a_password_is_shown_at_once(basic: Peer, entry: Entry, tmp_path: Path) -> None:
    opened = open_url(basic.remote() + WITH, LOGIN)
    entry.publish(opened)
    assert entry.fetch(opened, tmp_path / "into") == entry.data
    assert 401 not in {one.status for one in basic.seen}


def test_a_password_is_exchanged_for_tokens_to_read_and_to_write(
    peer: Peer, entry: Entry, tmp_path: Path
) -> None:
    opened = open_url(peer.remote() + WITH, LOGIN)
    entry.publish(opened)
    assert entry.fetch(opened, tmp_path / "into") == entry.data
    asked = [unquote(one.path) for one in peer.seen if one.path.startswith("/token")]
    assert [one.rpartition(":")[2] for one in asked] == ["pull", "pull,push"]


def test_who_only_reads_asks_for_no_more(peer: Peer, tmp_path: Path) -> None:
    opened = open_url(peer.remote() + WITH + "&mode=ro", LOGIN)
    assert not opened.fetch(OBJECT, str(tmp_path / "into"), quiet)
    (asked,) = [one.path for one in peer.seen if one.path.startswith("/token")]
    assert "scope=repository%3Aacme%2Fcache%3Apull&" in asked + "&"


def test_everybody_may_get_a_token_to_read(peer: Peer, entry: Entry, tmp_path: Path) -> None:
    peer.guard.anonymous = True
    entry.publish(open_url(peer.remote() + WITH, LOGIN))
    assert entry.fetch(open_url(peer.remote()), tmp_path / "into") == entry.data


def test_a_lasting_token_is_renewed_by_what_renews_it(
    peer: Peer, entry: Entry, tmp_path: Path
) -> None:
    peer.guard.renewal = "refresh-me"
    told = f'{{"auths": {{"{peer.host}": {{"identitytoken": "refresh-me"}}}}}}'
    environ = {"REGISTRY_AUTH_FILE": file_of(tmp_path, told.encode())}
    assert entry.publish(open_url(peer.remote(), environ))
    assert {one.method for one in peer.seen if one.path == "/token"} == {"POST"}


def test_a_token_of_the_users_own_is_shown_as_it_is(peer: Peer, tmp_path: Path) -> None:
    shown = "Basic " + base64.b64encode(LOGIN["LOGIN"].encode()).decode()
    given = peer.guard.give(shown, "", ["repository:acme/cache:pull,push"])["token"]
    opened = open_url(peer.remote() + WITH, {"LOGIN": str(given)})
    assert opened.store(OBJECT, file_of(tmp_path, b"x"), quiet)
    assert not [one for one in peer.seen if one.path.startswith("/token")]


def test_a_token_that_ends_in_mid_upload_is_renewed(peer: Peer, tmp_path: Path) -> None:
    peer.guard.uses = 2
    entry = Entry(tmp_path, 9 << 20)
    opened = open_url(peer.remote() + WITH, LOGIN)
    assert entry.publish(opened)
    assert peer.guard.given > 2
    peer.guard.uses = 100
    assert entry.fetch(opened, tmp_path / "into") == entry.data


def test_a_token_is_renewed_before_it_ends(peer: Peer, tmp_path: Path) -> None:
    peer.guard.stated = 1e-6
    opened = open_url(peer.remote() + WITH, LOGIN)
    for _ in range(3):
        assert not opened.fetch(OBJECT, str(tmp_path / "into"), quiet)
    assert peer.guard.given == 3
    assert sum(one.status == 401 for one in peer.seen) == 1


def test_who_may_not_push_is_refused_for_good(peer: Peer) -> None:
    peer.guard.may_push = False
    opened = open_url(peer.remote() + WITH, LOGIN)
    with pytest.raises(RefusedError, match="may push"):
        opened.try_write()


@pytest.mark.parametrize("tokens", [False, True])
def test_a_wrong_password_is_an_outage_with_a_remedy(tokens: bool, tmp_path: Path) -> None:
    with Peer(Guard(("alice", "open sesame"), tokens=tokens)) as peer:
        opened = open_url(peer.remote() + WITH, {"LOGIN": "alice:hunter2"})
        with pytest.raises(RemoteError, match="login") as caught:
            opened.fetch(OBJECT, str(tmp_path / "into"), quiet)
        assert not isinstance(caught.value, RefusedError)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("tokens", [False, True])
def test_nobody_is_told_to_log_in(tokens: bool, tmp_path: Path) -> None:
    with Peer(Guard(("alice", "open sesame"), tokens=tokens)) as peer:
        opened = open_url(peer.remote())
        with pytest.raises(RemoteError, match="log in"):
            opened.store(OBJECT, file_of(tmp_path, b"x"), quiet)


def test_a_store_of_blobs_never_sees_a_login(peer: Peer, entry: Entry, tmp_path: Path) -> None:
    opened = open_url(peer.remote() + WITH, LOGIN)
    entry.publish(opened)
    with Peer() as store:
        store.contents.repositories = peer.contents.repositories
        peer.elsewhere = store.url
        assert entry.fetch(opened, tmp_path / "into") == entry.data
        assert ["authorization" in one.headers for one in store.seen] == [False]


def test_a_401_of_a_store_of_blobs_is_none_of_the_registry(
    peer: Peer, entry: Entry, tmp_path: Path
) -> None:
    opened = open_url(peer.remote() + WITH, LOGIN)
    entry.publish(opened)
    given = peer.guard.given
    with Peer() as store, Faulty(store.url) as proxy:
        challenge = f'Bearer realm="{store.url}/token"'
        proxy.fault("", times=None, status=401, headers={"WWW-Authenticate": challenge})
        peer.elsewhere = proxy.url
        with pytest.raises(RemoteError, match="login"):
            entry.fetch(opened, tmp_path / "into")
        assert not store.seen
    assert peer.guard.given == given


def test_a_registry_over_tls_may_not_have_its_tokens_given_without() -> None:
    from neffcache.registry import login, token
    from neffcache.registry.wire import Net

    net = Net({}, "", 1, 1)
    user = login.Login("test", "alice", "open sesame")
    told = {"realm": "http://127.0.0.1:1/token"}
    with pytest.raises(RemoteError, match="without TLS"):
        token.fetch(net, told, [], user, "https://registry.example")


def test_a_plain_registry_may_not_send_logins_to_others_without_tls() -> None:
    from neffcache.registry import login, token
    from neffcache.registry.wire import Net

    net = Net({}, "", 1, 1)
    user = login.Login("test", "alice", "open sesame")
    told = {"realm": "http://elsewhere.example/token"}
    with pytest.raises(RemoteError, match="without TLS"):
        token.fetch(net, told, [], user, "http://127.0.0.1:5000")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="a"', ("basic", {"realm": "a"})),
        (
            'Bearer realm="https://x/t",service="a, b",scope="repository:c:pull,push"',
            (
                "bearer",
                {"realm": "https://x/t", "service": "a, b", "scope": "repository:c:pull,push"},
            ),
        ),
        ('Basic realm="a", Bearer realm="b"', ("bearer", {"realm": "b"})),
        ('Bearer realm="b", Basic realm="a"', ("bearer", {"realm": "b"})),
        ("Negotiate", ("negotiate", {})),
        ("", ("", {})),
    ],
)
def test_challenges(header: str, expected: tuple[str, dict[str, str]]) -> None:
    assert challenge(header) == expected


def test_many_threads_share_a_token(peer: Peer, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    opened = open_url(peer.remote() + WITH, LOGIN)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(
            lambda number: opened.fetch(f"object-{number}", str(tmp_path / str(number)), quiet),
            range(32),
        )
        assert not any(found)
    assert peer.guard.given <= 8
