"""What we push is what ordinary tools of OCI pull."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub import clients
from registry.opening import Entry, open_url
from registry.peer import Peer
from servers import registry, shared

pytestmark = [
    pytest.mark.skipif(bool(clients.why_not()), reason=f"oras: {clients.why_not()}"),
    pytest.mark.timeout(300),
]
_PULL = """
import sys
from oras.client import OrasClient
client = OrasClient(hostname=sys.argv[1], insecure=True)
print(*client.pull(target=f"{sys.argv[1]}/{sys.argv[2]}", outdir=sys.argv[3]))
"""


@pytest.fixture(params=["peer", "docker-registry"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with _started(request.param) as made:
        yield made


@contextmanager
def _started(kind: str) -> Iterator[str]:
    if kind == "peer":
        with Peer() as peer:
            yield peer.remote()
    else:
        yield shared.get(registry.start).remote()


def test_oras_pulls_a_bundle(url: str, tmp_path: Path) -> None:
    entry = Entry(tmp_path, 1 << 20)
    entry.publish(open_url(url))
    host, _, repository = url.partition("://")[2].partition("/")
    out = tmp_path / "out"
    python = str(clients.python_of("oras"))
    words = [python, "-I", "-c", _PULL, host, f"{repository}:{entry.key}", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (out / f"{entry.key}.tar").read_bytes() == entry.data
