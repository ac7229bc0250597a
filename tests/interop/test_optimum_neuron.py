"""Interop: optimum-neuron finds what we pushed, we plant what it pushed, both name one place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import FORWARD, TRAIN, Host
from hub import clients
from hub.peer import Peer
from interop.theirs import Optimum

pytestmark = [
    pytest.mark.skipif(bool(clients.why_not()), reason=clients.why_not()),
    # The environment is made by the first of them.
    pytest.mark.timeout(1800),
]
REPO, KEY, FLAGS = "alice/cache", "0123456789abcdef0123", ("-O1", "--auto-cast=none")


def _digest(data: bytes | None) -> str:
    assert data is not None
    return hashlib.sha256(data).hexdigest()


def _compile(optimum: Optimum, host: Host, root: Path, graph: Path = TRAIN) -> str:
    """Have libneuronxla compile into its cache on a host of ours; the entry's path below it."""
    variables = {name: host.environ()[name] for name in ("PATH", "NEFFCACHE_DIR", "HOME")}
    done = optimum("compile-locally", root, graph, KEY, *FLAGS, SDKSTANDIN_FAKE="1", **variables)
    assert (root / str(done["entry"]) / "model.done").exists()
    return str(done["entry"])


def _model(folder: Path) -> Path:
    """A model as their registry describes one."""
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "llama", "hidden_size": 8}')
    return model


def test_optimum_downloads_the_entry_that_we_pushed(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host], tmp_path: Path
) -> None:
    hub.create(REPO)
    ours, root = our_host("ours"), tmp_path / "libneuronxla"
    entry = _compile(optimum, ours, root)
    pushed = ours.neffcache("synchronize", "--repo_id", REPO, "--cache_dir", str(root))
    assert pushed.status == 0, pushed.err
    hub.clear()
    found = optimum("compile", tmp_path / "empty", TRAIN, KEY, *FLAGS, CUSTOM_CACHE_REPO=REPO)
    assert found == {"neff": _digest((root / entry / "model.neff").read_bytes())}
    assert any("optimum-neuron" in one.headers["user-agent"] for one in hub.requests("hub"))


def test_optimum_compiles_the_graph_that_nobody_pushed(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host], tmp_path: Path
) -> None:
    hub.create(REPO)
    ours, root = our_host("ours"), tmp_path / "libneuronxla"
    _compile(optimum, ours, root)
    pushed = ours.neffcache("synchronize", "--repo_id", REPO, "--cache_dir", str(root))
    assert pushed.status == 0, pushed.err
    other = KEY[::-1]
    found = optimum("compile", tmp_path / "empty", FORWARD, other, *FLAGS, CUSTOM_CACHE_REPO=REPO)
    assert found == {"compiler": "neuronx-cc"}


def test_we_plant_the_entry_that_optimum_synchronized(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host], tmp_path: Path
) -> None:
    hub.create(REPO)
    theirs, planted = tmp_path / "theirs", tmp_path / "planted"
    entry = _compile(optimum, our_host("elsewhere"), theirs)
    optimum("register", theirs, _model(tmp_path), CUSTOM_CACHE_REPO=REPO)
    optimum("synchronize", theirs, CUSTOM_CACHE_REPO=REPO)
    ours = our_host("ours")
    pulled = ours.neffcache("synchronize", "--pull", "--repo_id", REPO, "--cache_dir", str(planted))
    assert pulled.status == 0, pulled.err
    neff = (theirs / entry / "model.neff").read_bytes()
    assert (planted / entry / "model.neff").read_bytes() == neff
    # Their registry lies beside the entries, and is none.
    assert list((planted / entry).parent.iterdir()) == [planted / entry]
    # The library takes it for an entry of its own: no compiler is on its PATH, and no Hub asked.
    assert optimum("compile-locally", planted, TRAIN, KEY, *FLAGS)["neff"] == _digest(neff)


def test_optimum_finds_its_registry_beside_what_we_pushed(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host], tmp_path: Path
) -> None:
    hub.create(REPO)
    model, theirs, root = _model(tmp_path), tmp_path / "theirs", tmp_path / "libneuronxla"
    ours = our_host("ours")
    entry = _compile(optimum, ours, root)
    pushed = ours.neffcache("synchronize", "--repo_id", REPO, "--cache_dir", str(root))
    assert pushed.status == 0, pushed.err
    optimum("register", theirs, model, CUSTOM_CACHE_REPO=REPO)
    optimum("synchronize", theirs, CUSTOM_CACHE_REPO=REPO)
    found = optimum("registered", model, CUSTOM_CACHE_REPO=REPO)
    assert found == {"entries": [{"tp_degree": 2}], "models": ["llama/acme/tiny"]}
    assert f"{entry}/model.neff" in hub.paths(REPO)


def test_we_read_the_name_that_optimum_saved(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host], tmp_path: Path
) -> None:
    hub.create("acme/shared")
    optimum("set", "acme/shared")
    ours, root = our_host("ours"), tmp_path / "libneuronxla"
    entry = _compile(optimum, ours, root)
    pushed = ours.neffcache("synchronize", "--cache_dir", str(root))
    assert pushed.status == 0, pushed.err
    assert f"{entry}/model.neff" in hub.paths("acme/shared")


def test_optimum_reads_the_name_that_we_saved(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host]
) -> None:
    hub.create("acme/shared")
    done = our_host("ours").neffcache("set", "acme/shared")
    assert done.status == 0, done.err
    assert optimum("which")["repos"][0] == "acme/shared"


def test_optimum_reads_the_name_of_the_repository_that_we_created(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host]
) -> None:
    done = our_host("ours").neffcache("create", "-n", "mine")
    assert done.status == 0, done.err
    assert hub.is_private("alice/mine")
    assert optimum("which")["repos"][0] == "alice/mine"


def test_both_save_a_name_in_the_same_bytes(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host]
) -> None:
    hub.create(REPO)
    optimum("set", REPO)
    theirs = optimum.saved_name.read_bytes()
    optimum.saved_name.unlink()
    assert our_host("ours").neffcache("set", REPO).status == 0
    assert optimum.saved_name.read_bytes() == theirs


def test_both_prefer_the_variable_to_the_saved_name(
    hub: Peer, optimum: Optimum, our_host: Callable[[str], Host], tmp_path: Path
) -> None:
    hub.create(REPO)
    hub.create("acme/shared")
    optimum("set", "acme/shared")
    assert optimum("which", CUSTOM_CACHE_REPO=REPO)["repos"][0] == REPO
    ours, root = our_host("ours"), tmp_path / "libneuronxla"
    entry = _compile(optimum, ours, root)
    variables = {"CUSTOM_CACHE_REPO": REPO}
    pushed = ours.neffcache("synchronize", "--cache_dir", str(root), variables=variables)
    assert pushed.status == 0, pushed.err
    assert f"{entry}/model.neff" in hub.paths(REPO)
    assert hub.paths("acme/shared") == set()
