"""Hub: the older clients that must work are had, and are what they are called."""

from __future__ import annotations

import pytest

from hub import clients
from hub.peer import Peer
from hub.real import NEWEST, OLDER, RealClient


@pytest.mark.skipif(
    clients.why_not() != "", reason=f"huggingface_hub 0.36, 1.33: {clients.why_not()}"
)
def test_older_clients_are_tested_too(hub: Peer, client: RealClient, version: str) -> None:
    found = client.run(hub, "import huggingface_hub; found = huggingface_hub.__version__")
    assert found.startswith(f"{version}.")
    assert version in (NEWEST, *OLDER)
