"""Two remotes, one of them faulty in each way and on each level: the other one never suffers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

import mounts
from entries import has, key_of, make_store, publish, put
from neffcache import processes
from running import end_all
from story import levels

SHIM = str(Path(processes.__file__).parent.parent)
GOOD, ODD, NEW = key_of("on the good one"), key_of("on the faulty one"), key_of("new")
# Root without the right to pass over permissions.
AS_ANYONE = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@contextmanager
def plain(root: Path, mode: str) -> Iterator[str]:
    publish(root, ODD, b"odd")
    yield f"file://{root}?mode={mode}"


@contextmanager
def read_only_mount(root: Path, _mode: str) -> Iterator[str]:
    publish(root, ODD, b"odd")
    with mounts.read_only(root):
        yield f"file://{root}"


@contextmanager
def not_permitted(root: Path, _mode: str) -> Iterator[str]:
    publish(root, ODD, b"odd")
    places = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for path in places:
        path.chmod(0o555)
    try:
        yield f"file://{root}"
    finally:
        for path in places:
            path.chmod(0o755)


@contextmanager
def not_mounted(root: Path, _mode: str) -> Iterator[str]:
    yield f"file://{root}/missing/cache"


@contextmanager
def below_a_file(root: Path, _mode: str) -> Iterator[str]:
    root.write_text("")
    yield f"file://{root}/cache"


# name → how to make it, its mode, whether it can be read, what becomes of an upload to it.
FAULTS = {
    "rw": (plain, "rw", True, "sent"),
    "ro": (plain, "ro", True, "never queued"),
    "wo": (plain, "wo", False, "sent"),
    "read-only mount": (read_only_mount, "", True, "dead"),
    "not permitted": (not_permitted, "", True, "dead"),
    "not mounted": (not_mounted, "", False, "left"),
    "below a file": (below_a_file, "", False, "dead"),
}


class Chain:
    """Two directory remotes, the faulty one on a given level, and a host with a store."""

    def __init__(self, path: Path, odd: str, level: int) -> None:
        self.path = path
        self.store = make_store(path / "store")
        self.odd = odd
        self.good = f"file://{path}/good"
        publish(path / "good", GOOD, b"good")
        self.urls = [odd, self.good] if level == 0 else [self.good, odd]
        (path / "spare").mkdir()

    def run(self, what: str, key: str) -> dict[str, object]:
        """Let a host read or write through the chain."""
        prefix = AS_ANYONE if os.geteuid() == 0 else []
        spare = str(self.path / "spare")
        argv = [sys.executable, levels.__file__, what, self.store.path, key, spare, *self.urls]
        paths = os.pathsep.join([SHIM, str(Path(levels.__file__).parent.parent)])
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": paths}
        done = subprocess.run(
            [*prefix, *argv], env=environ, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr
        return cast("dict[str, object]", json.loads(done.stdout))


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[0, 1], ids=["first", "second"])
def chain(request: pytest.FixtureRequest, fault: str, tmp_path: Path) -> Iterator[Chain]:
    make, mode, _reads, _upload = FAULTS[fault]
    with make(tmp_path / "odd", mode) as url:
        made = Chain(tmp_path, url, request.param)
        yield made
        end_all(made.store.path)


def test_the_good_level_is_read_whatever_the_other_is(chain: Chain) -> None:
    assert chain.run("read", GOOD)["url"] == chain.good
    assert chain.store.get(GOOD) is not None


def test_the_faulty_level_is_read_when_it_can_be(chain: Chain, fault: str) -> None:
    found = chain.run("read", ODD)
    assert bool(found["url"]) == FAULTS[fault][2], found


def test_each_level_is_written_when_it_can_be(chain: Chain, fault: str) -> None:
    put(chain.store, NEW, b"new")
    before = sorted((chain.path / "odd").rglob("*"))
    done = chain.run("write", NEW)
    assert has(chain.path / "good", NEW)
    upload = FAULTS[fault][3]
    assert done["sent"] == (2 if upload == "sent" else 1)
    bare = [chain.odd.partition("?")[0]]
    assert (done["left"], done["dead"]) == (
        bare if upload == "left" else [],
        bare if upload == "dead" else [],
    )
    assert (sorted((chain.path / "odd").rglob("*")) != before) == (upload == "sent")


def test_both_levels_go_on_being_read_after_a_refused_write(chain: Chain, fault: str) -> None:
    put(chain.store, NEW, b"new")
    chain.run("write", NEW)
    assert chain.run("read", GOOD)["url"] == chain.good
    assert bool(chain.run("read", ODD)["url"]) == FAULTS[fault][2]
