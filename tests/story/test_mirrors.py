"""Story: a cache near the nodes, set up as the README says, serves a fleet from its own disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hosts import TRAIN, Host
from running import end_all
from servers import nginx
from servers.faulty import Faulty
from servers.moto import Moto
from servers.registry import Registry
from servers.shared import or_skip


@pytest.fixture
def counted(moto: Moto) -> Iterator[Faulty]:
    """What reaches the store itself."""
    with Faulty(moto.url) as proxy:
        yield proxy


@pytest.fixture
def near(moto: Moto, counted: Faulty, tmp_path: Path) -> Iterator[str]:
    """The URL of a remote behind an nginx, less what may follow."""
    with or_skip(nginx.start(counted.url)) as url:
        yield moto.remote().replace(moto.url, url)
        end_all(tmp_path)


def served(make_host: Callable[[str], Host], tmp_path: Path, url: str, moto: Moto) -> list[str]:
    """The outcomes of a host that compiles and of two that come later."""
    outcomes = []
    for name in ("a", "b", "c"):
        host = make_host(name)
        host.variables |= {"NEFFCACHE_REMOTES": url, **moto.environ}
        assert host.compile(tmp_path / name / "w", TRAIN).status == 0
        assert host.neffcache("flush", "--timeout", "60").status == 0
        outcomes += host.outcomes()
    return outcomes


def test_what_is_public_leaves_the_store_once(
    make_host: Callable[[str], Host], tmp_path: Path, near: str, counted: Faulty, moto: Moto
) -> None:
    found = served(make_host, tmp_path, f"{near}&public=1", moto)
    assert found == ["compiled", "hit_remote", "hit_remote"]
    assert len(counted.requests(r"\.tar", "GET")) == 1


def test_what_is_private_is_kept_by_nobody(
    make_host: Callable[[str], Host], tmp_path: Path, near: str, counted: Faulty, moto: Moto
) -> None:
    found = served(make_host, tmp_path, near, moto)
    assert found == ["compiled", "hit_remote", "hit_remote"]
    assert len(counted.requests(r"\.tar", "GET")) == 2


def test_a_registrys_mirror_serves_and_the_registry_takes(
    make_host: Callable[[str], Host], tmp_path: Path, registry: Registry, mirror: Registry
) -> None:
    with Faulty(registry.url) as counted:
        url = registry.remote().replace(registry.host, counted.url.partition("://")[2])
        for name in ("a", "b"):
            host = make_host(name)
            host.variables["NEFFCACHE_REMOTES"] = f"{url}?mirror={mirror.url}"
            assert host.compile(tmp_path / name / "w", TRAIN).status == 0
            assert host.neffcache("flush", "--timeout", "60").status == 0
            assert host.outcomes() == ["compiled" if name == "a" else "hit_remote"]
        assert counted.requests("/manifests/", "PUT")
        assert counted.requests("/blobs/sha256", "GET") == []
    end_all(tmp_path)
