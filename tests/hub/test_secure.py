"""Hub peer: over TLS, with an authority that only this test's clients trust."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.peer import Peer
from hub.real import RealClient

REPO = "alice/cache"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Peer]:
    """A Hub that speaks TLS."""
    with Peer(tmp_path / "secure-peer", secure=True) as peer:
        yield peer


def test_round_trip_over_tls(client: RealClient, secure: Peer) -> None:
    secure.create(REPO)
    code = """
    api.create_commit(given, [Add("b.tar", b"neff" * 9000)], commit_message="m")
    found = content(api.hf_hub_download(given, "b.tar")).decode()
    """
    assert client.run(secure, code, REPO) == "neff" * 9000


def test_an_anonymous_caller_sees_no_private_repository(
    any_client: RealClient, secure: Peer
) -> None:
    """Over plain HTTP the clients do not recognise this refusal; over TLS they do."""
    secure.create(REPO)
    assert any_client.run(secure, "found = api.repo_exists(given)", REPO, token="") is False


def test_a_client_that_was_not_told_of_the_authority_refuses(
    any_client: RealClient, secure: Peer
) -> None:
    secure.create(REPO)
    untold = {"SSL_CERT_FILE": "", "REQUESTS_CA_BUNDLE": ""}
    found = any_client.run(secure, "found = refusal(api.model_info, given)", REPO, **untold)
    assert "CERTIFICATE_VERIFY_FAILED" in found[2]
    assert secure.requests() == []
