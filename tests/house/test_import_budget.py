"""House: a hit imports what is written in budget.py and nothing else; a miss likewise."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from hosts import TRAIN, Host
from house import budget, tree
from hub.peer import Peer
from hubs import REPO
from test_sdk import graphs

START = tree.ROOT / "shim" / "neffcache" / "shim" / "start.py"
LINE = "import time:"
HEADING = "imported package"


def _modules(errors: str) -> frozenset[str]:
    """The names in what `-X importtime` prints."""
    lines = [line for line in errors.splitlines() if line.startswith(LINE)]
    return frozenset(line.rpartition("|")[2].strip() for line in lines) - {HEADING}


@cache
def _bare() -> frozenset[str]:
    """What the interpreter loads for itself: it differs between versions."""
    command = [sys.executable, "-X", "importtime", "-I", "-S", "-c", "pass"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return _modules(done.stderr)


def _loaded(
    host: Host, cwd: Path, *flags: str, graph: Path = TRAIN, **variables: str
) -> frozenset[str]:
    """What one compile through the shim loads, started as the shim's script starts it."""
    cwd.mkdir(exist_ok=True)
    command = [sys.executable, "-X", "importtime", "-I", "-S", str(START), ""]
    command += [str(host.shims / "neuronx-cc"), "compile", "--framework=XLA", str(graph)]
    done = subprocess.run(
        [*command, "--target=trn1", *flags],
        cwd=cwd,
        env=host.environ(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return _modules(done.stderr) - _bare()


def _ours(modules: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in modules if tree.is_within(name, "neffcache"))


@pytest.mark.parametrize("flags", [(), ("--enable-internal-neff-wrapper", "--output=x.neff")])
def test_a_hit_loads_the_written_list(host: Host, tmp_path: Path, flags: tuple[str, ...]) -> None:
    _loaded(host, tmp_path / "one", *flags)
    found = _loaded(host, tmp_path / "two", *flags)
    assert host.outcomes() == ["compiled", "hit_local"]
    assert sorted(_ours(found)) == sorted(budget.HIT_ROOMS)
    assert sorted(found - _ours(found) - budget.HIT_LIBRARY) == []


def test_a_miss_loads_the_written_list(host: Host, tmp_path: Path) -> None:
    found = _loaded(host, tmp_path / "one")
    assert host.outcomes() == ["compiled"]
    assert sorted(_ours(found)) == sorted(budget.HIT_ROOMS | budget.MISS_ROOMS)
    assert sorted(found - _ours(found) - budget.HIT_LIBRARY - budget.MISS_LIBRARY) == []


def test_asking_a_hub_loads_the_written_list(hub: Peer, host: Host, tmp_path: Path) -> None:
    hub.create(REPO)
    host.variables.update(hub.environ(), NEFFCACHE_REMOTES=f"hf://{REPO}?mode=ro")
    found = _loaded(host, tmp_path / "one")
    assert (host.outcomes(), host.notes()) == (["compiled"], ["remote_absent"])
    allowed = budget.HIT_ROOMS | budget.MISS_ROOMS | budget.REMOTE_ROOMS
    assert sorted(_ours(found)) == sorted(allowed)
    library = budget.HIT_LIBRARY | budget.MISS_LIBRARY | budget.REMOTE_LIBRARY
    assert sorted(found - _ours(found) - library) == []


def test_remotes_cost_a_hit_nothing(host: Host, tmp_path: Path) -> None:
    _loaded(host, tmp_path / "one")
    remotes = f"file://{tmp_path}/remote,s3://bucket/prefix"
    found = _loaded(host, tmp_path / "two", NEFFCACHE_REMOTES=remotes)
    assert host.outcomes() == ["compiled", "hit_local"]
    assert sorted(found - budget.HIT_ROOMS - budget.HIT_LIBRARY) == []


def test_a_custom_call_costs_a_hit_the_asking_and_no_walk(host: Host, tmp_path: Path) -> None:
    marker = graphs.kernel_call("/k").replace(
        "AwsNeuronCustomNativeKernel", "AwsNeuronModuleMarker"
    )
    config = marker.partition('backend_config = "')[2].partition('"')[0]
    graph = graphs.write(tmp_path / "in.pb", graphs.hlo(marker.replace(config, "")))
    _loaded(host, tmp_path / "one", graph=graph)
    found = _loaded(host, tmp_path / "two", graph=graph)
    assert host.outcomes() == ["compiled", "hit_local"]
    assert sorted(_ours(found)) == sorted(budget.HIT_ROOMS | budget.CALL_ROOMS)
    assert sorted(found - _ours(found) - budget.HIT_LIBRARY - budget.CALL_LIBRARY) == []


def test_a_large_neff_costs_openssl_and_no_more(host: Host, tmp_path: Path) -> None:
    _loaded(host, tmp_path / "one", SDKSTANDIN_NEFF_MB="2")
    found = _loaded(host, tmp_path / "two")
    assert host.outcomes() == ["compiled", "hit_local"]
    allowed = budget.HIT_ROOMS | budget.HIT_LIBRARY | budget.LARGE_LIBRARY
    assert sorted(found - allowed) == []


def test_what_is_banned_is_in_no_list_of_a_hit() -> None:
    allowed = budget.HIT_ROOMS | budget.HIT_LIBRARY | budget.LARGE_LIBRARY | _bare()
    allowed |= budget.CALL_ROOMS | budget.CALL_LIBRARY
    banned = [name for name in allowed for slow in budget.BANNED if tree.is_within(name, slow)]
    assert banned == []


def test_the_lists_name_rooms_that_are_there() -> None:
    top = tree.ROOT / "shim"
    missing = [
        name
        for name in budget.HIT_ROOMS | budget.MISS_ROOMS | budget.REMOTE_ROOMS
        if not (top / f"{name.replace('.', '/')}.py").is_file()
        and not (top / name.replace(".", "/") / "__init__.py").is_file()
    ]
    assert missing == []


def test_importtime_is_read() -> None:
    assert "posix" in _bare()
    assert _modules("import time:  1 |  2 |   json.decoder\nother | x\n") == {"json.decoder"}
