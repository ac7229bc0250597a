"""Story: a host that is somebody in a cloud, or nobody: the shim, its helper and its uploader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hosts import FORWARD, TRAIN, Host
from servers.metadata import Cloud
from servers.moto import Moto
from servers.users import Users


@pytest.fixture
def guarded(own_moto: Moto) -> tuple[str, tuple[str, str]]:
    """A remote whose S3 looks at keys, and a pair that it takes."""
    url = own_moto.remote()
    return url, Users(own_moto).add()


@pytest.fixture
def pair(tmp_path: Path, guarded: tuple[str, tuple[str, str]]) -> Iterator[tuple[Host, Host]]:
    """Two hosts with an empty environment of ours and one remote."""
    variables = {"SDKSTANDIN_FAKE": "1", "NEFFCACHE_REMOTES": guarded[0]}
    made = Host(tmp_path / "a", dict(variables)), Host(tmp_path / "b", dict(variables))
    yield made
    for host in made:
        host.neffcache("flush", "--timeout", "60")


def shares(pair: tuple[Host, Host], work: Path) -> list[str]:
    """What the second host says of what the first has compiled and sent."""
    first, second = pair
    assert first.compile(work / "wa", TRAIN).status == 0
    flushed = first.neffcache("flush", "--timeout", "60")
    assert flushed.status == 0, flushed.err
    assert second.compile(work / "wb", TRAIN).status == 0
    return second.outcomes()


def test_the_keys_of_a_program_serve_both_ways(
    pair: tuple[Host, Host], guarded: tuple[str, tuple[str, str]], tmp_path: Path
) -> None:
    """By botocore, in processes that start without site-packages."""
    name, secret = guarded[1]
    told = {"Version": 1, "AccessKeyId": name, "SecretAccessKey": secret}
    for host in pair:
        program = host.home / "keys"
        program.write_text(f"#!/bin/sh\necho '{json.dumps(told)}'\n")
        program.chmod(0o755)
        (host.home / ".aws").mkdir()
        (host.home / ".aws" / "config").write_text(f"[default]\ncredential_process={program}\n")
    assert shares(pair, tmp_path) == ["hit_remote"]


def test_the_role_of_the_instance_serves_both_ways(
    pair: tuple[Host, Host],
    guarded: tuple[str, tuple[str, str]],
    tmp_path: Path,
    cloud: Cloud,
) -> None:
    cloud.keys = (*guarded[1], "")
    for host in pair:
        host.variables.update(cloud.pins())
    assert shares(pair, tmp_path) == ["hit_remote"]


@pytest.mark.parametrize("url", ["s3://bucket/x", "az://account/container", "gs://bucket/x"])
def test_who_is_nobody_compiles_and_is_told_once(url: str, host: Host, cloud: Cloud) -> None:
    """Though whoever could say who we are takes the question and is silent."""
    cloud.silent = True
    host.variables.update({**cloud.pins(), "NEFFCACHE_REMOTES": f"{url}?mode=ro"})
    first = host.compile(host.root / "w1", TRAIN)
    second = host.compile(host.root / "w2", FORWARD)
    assert (first.status, second.status, host.compiles) == (0, 0, 2)
    line = next(line for line in first.err.splitlines() if "neffcache: remote" in line)
    assert f"remote {url} failed (no " in line
    assert " credentials: " in line
    assert "credential=env:NAME" in line
    assert "neffcache: remote" not in second.err
    assert host.notes() == ["remote_failed", "remote_skipped"]
