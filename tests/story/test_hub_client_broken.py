"""A broken client of the Hub, or one that says what it should not: nothing is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from entries import key_of
from hub.peer import Peer
from story.hub_uploads import REPO, HubUploads

SECRET = "hf_aSecretThatNobodyIsToSee"
# What importing it does.
BROKEN = {
    "raises": f"raise RuntimeError('no {SECRET} here')",
    "ends": "raise SystemExit(0)",
    "dies": "os._exit(0)",
    "says that all is sent": "os.write(1, b'sent %s\\n' % KEY); os._exit(0)",
    "says that all is refused": "os.write(1, b'refused %s why\\n' % KEY); os._exit(0)",
    "says something": "os.write(1, b'Warning: something ../../x\\n'); os._exit(0)",
}


@pytest.fixture
def host(tmp_path: Path, hub: Peer) -> Iterator[HubUploads]:
    hub.create(REPO)
    made = HubUploads(tmp_path, hub)
    yield made
    made.end()


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_what_waits_for_it_waits_on(
    host: HubUploads, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    package = tmp_path / "packages" / "huggingface_hub"
    package.mkdir(parents=True)
    code = f"import os\nKEY = {key_of('a').encode()!r}\n{BROKEN[how]}\n"
    (package / "__init__.py").write_text(code)
    monkeypatch.setitem(sys._xoptions, "neffcache", str(package.parent))
    host.queue("a")
    done = host.flush(None)
    assert (done.sent, done.dead, [one.keys for one in done.left]) == (0, [], [[key_of("a")]])
    assert done.left[0].failing
    assert SECRET not in done.left[0].reason
