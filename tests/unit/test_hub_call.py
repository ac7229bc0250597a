"""Asking a Hub for a command: a process that says nothing more is given up, and leaves nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hub.peer import Peer
from neffcache import config, processes, targets
from neffcache.cli import hub_call
from neffcache.errors import RefusedError, RemoteError
from running import working_for
from waiting import until


class Asker:
    """A user who asks about a repository of the peer."""

    def __init__(self, hub: Peer, home: Path) -> None:
        hub.create("acme/cache")
        self.environ = {os.fsencode(n): os.fsencode(v) for n, v in hub.environ().items()}
        self.environ[b"HF_HOME"] = os.fsencode(home)
        self.environ[b"PATH"] = os.environb[b"PATH"]

    def ask(self, what: str = "info", name: str = "acme/cache") -> dict[str, str]:
        spec = targets.repository(name, "a test", self.environ)
        settings = config.load(self.environ)
        return hub_call.ask(what, spec, "", settings, self.environ)


@pytest.fixture
def asker(hub: Peer, tmp_path: Path) -> Asker:
    return Asker(hub, tmp_path)


def test_facts_come_back(asker: Asker) -> None:
    facts = asker.ask()
    assert (facts["repo"], facts["private"], facts["gated"]) == ("acme/cache", "yes", "")


def test_a_no_and_a_failure_are_told_apart(asker: Asker, hub: Peer) -> None:
    with pytest.raises(RefusedError, match="is not there"):
        asker.ask(name="acme/gone")
    hub.fault("/api/models", status=503)
    with pytest.raises(RemoteError, match="503") as caught:
        asker.ask()
    assert not isinstance(caught.value, RefusedError)


def test_a_helper_that_falls_silent_is_given_up(
    asker: Asker, hub: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the name server never answers: no deadline of the client's ends that."""
    monkeypatch.setattr(hub_call, "_LATER", 0.0)
    fault = hub.fault("/api/models", silence=True)
    asker.environ[b"NEFFCACHE_REMOTE_TIMEOUT"] = b"60"  # the helper's own patience
    settings = config.load({b"NEFFCACHE_REMOTE_TIMEOUT": b"0.1"})
    spec = targets.repository("acme/cache", "a test", asker.environ)
    with pytest.raises(RemoteError, match=f"{hub.url} is silent; look at the network"):
        hub_call.ask("info", spec, "", settings, asker.environ)
    until(lambda: not working_for(hub.url))
    assert fault.hits == 1


def test_a_helper_that_dies_is_told_of(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "python", lambda *_words: ["/bin/true"])
    with pytest.raises(RemoteError, match="died"):
        asker.ask()


def test_no_process_at_all(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "python", lambda *_words: ["/not/there"])
    with pytest.raises(RemoteError, match="no helper process"):
        asker.ask()
