"""Interop: our look-up and optimum-neuron's patch of the library live together, in any order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hosts import TRAIN, Host
from hub import clients
from hub.peer import Peer
from interop.theirs import Optimum

pytestmark = [
    pytest.mark.skipif(bool(clients.why_not()), reason=clients.why_not()),
    pytest.mark.timeout(1800),
]
REPO, KEY, FLAGS = "alice/cache", "0123456789abcdef0123", ("-O1", "--auto-cast=none")
ORDERS = ("ours first", "theirs first", "ours leave first")


@pytest.fixture
def pushed(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host], tmp_path: Path
) -> tuple[str, bytes]:
    """An entry that a repository has: its path, its NEFF."""
    hub.create(REPO)
    ours, root = our_host("elsewhere"), tmp_path / "origin"
    variables = {name: ours.environ()[name] for name in ("PATH", "NEFFCACHE_DIR", "HOME")}
    done = optimum("compile-locally", root, TRAIN, KEY, *FLAGS, SDKSTANDIN_FAKE="1", **variables)
    entry = str(done["entry"])
    files = {f"{entry}/{one.name}": one.read_bytes() for one in (root / entry).iterdir()}
    hub.commit(REPO, files)
    hub.clear()
    return entry, files[f"{entry}/model.neff"]


def _hooked(optimum: Optimum, order: str, root: Path, **variables: str) -> dict[str, Any]:
    given = {
        "CUSTOM_CACHE_REPO": REPO,
        "NEFFCACHE_DIR": str(root.parent / "our-cache"),
        "NEFFCACHE_UPLOAD": "off",
        "NEFFCACHE_STRICT": "1",
        "NEFFCACHE_REMOTE_TIMEOUT": "20",
        **variables,
    }
    return optimum("compile-with-hooks", order, root, TRAIN, KEY, *FLAGS, **given)


def _journal(root: Path) -> list[dict[str, Any]]:
    (path,) = (root.parent / "our-cache").glob("store-*/journal/journal.log")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("order", ORDERS)
def test_we_plant_what_their_session_would_have_linked_and_all_is_put_back(
    optimum: Optimum, pushed: tuple[str, bytes], tmp_path: Path, order: str
) -> None:
    entry, neff = pushed
    root = tmp_path / "root"
    found = _hooked(optimum, order, root)
    assert found["neff"] == hashlib.sha256(neff).hexdigest()
    assert all(found["seen"]), found["seen"]
    assert (root / entry / "model.neff").read_bytes() == neff
    assert (root / entry / "model.done").exists()
    assert [line["outcome"] for line in _journal(root)] == ["hit_native"]


@pytest.mark.parametrize("order", ORDERS)
def test_their_session_asks_no_hub_for_what_we_planted(
    optimum: Optimum, hub: Peer, pushed: tuple[str, bytes], tmp_path: Path, order: str
) -> None:
    entry, _neff = pushed
    _hooked(optimum, order, tmp_path / "root")
    theirs = [one for one in hub.requests("hub") if "optimum" in one.headers["user-agent"]]
    assert theirs  # whether there is such a repository
    assert not [one.path for one in theirs if entry.partition("/")[2] in one.path]


def test_what_is_not_there_is_compiled_with_both(
    optimum: Optimum, hub: Peer, our_host: Callable[[str], Host], tmp_path: Path
) -> None:
    hub.create(REPO)
    path = our_host("ours").environ()["PATH"]
    found = _hooked(optimum, "ours first", tmp_path / "root", PATH=path, SDKSTANDIN_FAKE="1")
    assert all(found["seen"]), found["seen"]
    (neff,) = (tmp_path / "root").glob("*/*/model.neff")
    assert found["neff"] == hashlib.sha256(neff.read_bytes()).hexdigest()
