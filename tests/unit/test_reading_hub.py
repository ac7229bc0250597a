"""Reading a Hub on behalf of a call: what is known is not asked, what fails delays nobody."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from entries import key_of, make_store, neff, settings
from hub.peer import Peer
from hubs import REPO, WRITER, put, url, variables
from neffcache import breaker, journal, processes, remote
from neffcache.cache import Reader, bundles, prober
from neffcache.store.local import Store

KEY, OTHER = key_of("a"), key_of("b")
DATA = b"neff" * 1000
HUB = f"hf://{REPO}"
KNOWN = f"{HUB}: said so a moment ago"


class Asked:
    """A reader of one store, with what it leaves behind."""

    def __init__(self, store: Store, hub: Peer, token: str = WRITER, **more: str) -> None:
        self.record = journal.Record()
        self.environ = variables(token, **more)
        config = settings(remote_timeout="20", **_settings(more))
        self.reader = Reader(store, config, self.environ, self.record, store.path)
        self.specs = [remote.parse(url(hub))]

    def fetch(self, key: str = KEY) -> bytes | None:
        found = self.reader.fetch(key, self.specs)
        if found is None:
            return None
        try:
            return neff(found.bundle)
        finally:
            found.close()


def _settings(more: dict[str, str]) -> dict[str, str]:
    prefix = "NEFFCACHE_"
    return {
        name[len(prefix) :].lower(): text for name, text in more.items() if name.startswith(prefix)
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


@pytest.fixture
def repo(hub: Peer) -> Peer:
    hub.create(REPO)
    return hub


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The helper processes that were started, by their module."""
    modules: list[str] = []
    true = processes.python

    def seen(module: str, *arguments: str) -> list[str]:
        modules.append(module)
        return true(module, *arguments)

    monkeypatch.setattr(processes, "python", seen)
    return modules


def test_a_hit_is_two_requests_and_kept(repo: Peer, store: Store) -> None:
    put(repo, KEY, DATA)
    asked = Asked(store, repo)
    assert asked.fetch() == DATA
    assert asked.record.notes == []
    assert [request.server for request in repo.requests()] == ["hub", "cdn"]
    kept = store.get(KEY)
    assert kept is not None
    kept.close()


def test_what_is_absent_is_one_request_then_none_and_no_process(
    repo: Peer, store: Store, started: list[str]
) -> None:
    asked = Asked(store, repo)
    assert asked.fetch() is None
    assert asked.fetch() is None
    assert asked.record.notes == [["remote_absent", HUB], ["remote_absent", KNOWN]]
    assert len(repo.requests()) == len(started) == 1


def test_another_process_of_the_host_knows_it_too(repo: Peer, store: Store) -> None:
    Asked(store, repo).fetch()
    later = Asked(store, repo)
    later.fetch()
    assert later.record.notes == [["remote_absent", KNOWN]]


def test_another_key_is_asked_for(repo: Peer, store: Store) -> None:
    asked = Asked(store, repo)
    asked.fetch()
    put(repo, OTHER, DATA)
    assert asked.fetch(OTHER) == DATA


def test_what_another_host_pushed_is_found_once_the_head_is_old(repo: Peer, store: Store) -> None:
    first = Asked(store, repo)
    assert first.fetch() is None
    put(repo, KEY, DATA)
    assert first.fetch() is None
    assert first.record.notes[1] == ["remote_absent", KNOWN]
    assert Asked(store, repo, NEFFCACHE_HEAD_AGE="0").fetch() == DATA


def test_a_used_up_quota_is_noted_in_words(repo: Peer, store: Store) -> None:
    repo.fault("/resolve/", status=429, headers={"Retry-After": "90"}, message="too many")
    asked = Asked(store, repo)
    asked.fetch()
    said = str(asked.record.notes[0])
    assert f"{HUB}: the Hub's rate limit is used up for 90 s" in said


def test_another_token_asks_for_itself(repo: Peer, store: Store) -> None:
    Asked(store, repo).fetch()
    other = Asked(store, repo, token="hf_alice_read")
    other.fetch()
    assert other.record.notes == [["remote_absent", HUB]]


def test_offline_nothing_is_asked_and_no_process_started(
    repo: Peer, store: Store, started: list[str]
) -> None:
    asked = Asked(store, repo, HF_HUB_OFFLINE="1")
    assert asked.fetch() is None
    assert asked.record.notes == [["remote_offline", HUB]]
    assert repo.requests() == []
    assert started == []


def test_a_repository_of_native_entries_alone_is_not_asked(repo: Peer, store: Store) -> None:
    asked = Asked(store, repo)
    asked.specs = [remote.parse(url(repo) + "&layout=native")]
    assert asked.fetch() is None
    assert asked.record.notes == []
    assert repo.requests() == []


@pytest.mark.parametrize("data", [b"no bundle" * 999, b""])
def test_what_is_no_entry_is_damaged_and_no_outage(repo: Peer, store: Store, data: bytes) -> None:
    repo.commit(REPO, {bundles.single_name(KEY): data})
    asked = Asked(store, repo)
    assert asked.fetch() is None
    assert asked.record.notes == [["remote_damaged", f"{HUB}: not a bundle"]]
    assert asked.reader.outages == []


def test_a_corrupted_entry_is_never_served(repo: Peer, store: Store) -> None:
    put(repo, KEY, DATA)
    repo.corrupt(REPO, bundles.single_name(KEY))
    asked = Asked(store, repo)
    assert asked.fetch() is None
    assert [note[0] for note in asked.record.notes if isinstance(note, list)] == ["remote_damaged"]
    assert store.get(KEY) is None


def test_a_used_up_quota_parks_the_remote_for_the_stated_time(repo: Peer, store: Store) -> None:
    repo.fault("resolve", times=None, status=429, headers={"Retry-After": "2580"})
    asked = Asked(store, repo)
    assert asked.fetch() is None
    (line,) = asked.reader.outages
    assert line.endswith("not asked for 2580 s")
    assert "the Hub's rate limit is used up for 2580 s" in line
    assert asked.fetch() is None
    assert asked.record.notes[1:] == [["remote_skipped", HUB]]
    (path,) = Path(store.path, "breakers").glob("read-" + "?" * 32)
    stamp = breaker.read(str(path))
    assert stamp is not None
    assert stamp.until - stamp.since >= 2580


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "no token was sent"),
        ("hf_bob_write", "the token may not see it"),
        ("hf_nobody", "the token is not valid"),
    ],
)
def test_whoever_may_not_read_is_told_once(
    repo: Peer, store: Store, token: str, reason: str
) -> None:
    asked = Asked(store, repo, token=token)
    assert asked.fetch() is None
    assert asked.fetch() is None
    assert len(asked.reader.outages) == 1
    assert reason in asked.reader.outages[0]
    assert len(repo.requests()) == 1


def test_a_token_revoked_in_mid_job_is_an_outage_not_an_absence(repo: Peer, store: Store) -> None:
    put(repo, KEY, DATA)
    asked = Asked(store, repo)
    assert asked.fetch() == DATA
    repo.revoke(WRITER)
    assert asked.fetch(OTHER) is None
    assert "the token is not valid" in str(asked.record.notes[0])


def test_a_refused_port_is_an_outage(repo: Peer, store: Store) -> None:
    asked = Asked(store, repo)
    asked.specs = [remote.parse(f"{HUB}?endpoint={repo.nowhere}")]
    assert asked.fetch() is None
    assert "connection refused" in str(asked.record.notes)


def test_a_resolver_that_never_answers_is_silence(
    repo: Peer, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "hang.py"
    package = Path(processes.__file__).parents[1]
    script.write_text(
        f"import sys; sys.path.insert(0, {str(package)!r})\n"
        "import signal, socket\n"
        "socket.getaddrinfo = lambda *a, **k: signal.sigwait([signal.SIGUSR1])\n"
        "from neffcache.cache import helper\n"
        "helper.main(sys.argv[1:])\n"
    )
    monkeypatch.setattr(
        processes, "python", lambda _module, *rest: [sys.executable, "-I", str(script), *rest]
    )
    monkeypatch.setattr(prober, "start", lambda *_arguments: None)
    asked = Asked(store, repo)
    asked.reader = Reader(
        store, settings(remote_timeout="2"), asked.environ, asked.record, store.path
    )
    assert asked.fetch() is None
    assert asked.record.notes == [["remote_failed", f"{HUB}: silent for 2 s"]]
    assert asked.fetch() is None
    assert asked.record.notes[1:] == [["remote_skipped", HUB]]
    assert repo.requests() == []


def test_a_download_slower_than_the_compile_is_given_up(repo: Peer, store: Store) -> None:
    put(repo, KEY, DATA * 1000, seconds=1.0)
    repo.fault(".", server="cdn", rate=200_000, times=None)
    asked = Asked(store, repo)
    assert asked.fetch() is None
    assert [note[0] for note in asked.record.notes if isinstance(note, list)] == ["remote_slow"]
    assert asked.reader.outages == []


def test_a_hub_behind_tls_with_a_ca_of_its_own(store: Store, tmp_path: Path) -> None:
    with Peer(tmp_path / "secure", secure=True) as peer:
        peer.create(REPO)
        put(peer, KEY, DATA)
        asked = Asked(store, peer, **peer.environ(WRITER))
        assert asked.fetch() == DATA
