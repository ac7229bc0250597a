"""What registries promise besides: large bundles, mirrors, repositories nobody made, passwords."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.real import KINDS, nowhere
from hub import tls
from neffcache import remote
from neffcache.errors import RemoteError
from waiting import until

if TYPE_CHECKING:
    from neffcache.remote import Remote
    from servers.registry import Registry

LARGE = (40 << 20) + 7


def opened(url: str, environ: Mapping[str, str]) -> Remote:
    variables = {name.encode(): text.encode() for name, text in environ.items()}
    return remote.open_remote(remote.parse(url), variables)


def quiet(_count: int) -> None:
    return


def source(tmp_path: Path, data: bytes) -> tuple[str, str]:
    """A file, and the digest of its content."""
    path = tmp_path / "source"
    path.write_bytes(data)
    return str(path), hashlib.sha256(data).hexdigest()


def bundle(digest: str) -> str:
    return f"neffcache/v1/ab/abc/{digest}.tar"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("oci")])
def test_a_large_bundle_comes_back_and_is_sent_once(kind: str, tmp_path: Path) -> None:
    running = KINDS[kind]()
    there = opened(running.remote(running.bucket()), running.environ)
    path, digest = source(tmp_path, os.urandom(1 << 20) * (LARGE >> 20) + b"1234567")
    told: list[int] = []
    assert there.store(bundle(digest), path, told.append)
    assert told[-1] == LARGE
    assert not there.store(bundle(digest), path, quiet)
    assert there.fetch(bundle(digest), str(tmp_path / "into"), quiet)
    assert (tmp_path / "into").read_bytes() == Path(path).read_bytes()


def test_a_repository_that_nobody_made_is_an_absent_entry(
    registry: Registry, tmp_path: Path
) -> None:
    there = opened(registry.remote(), registry.environ)
    assert not there.fetch(bundle("0" * 64), str(tmp_path / "into"), quiet)
    assert there.exists(["neffcache/v1/ab/abc/entry"]) == set()


def test_reads_go_through_the_mirror_and_writes_do_not(
    registry: Registry, mirror: Registry, tmp_path: Path
) -> None:
    there = opened(f"{registry.remote()}?mirror={mirror.url}", registry.environ)
    path, digest = source(tmp_path, os.urandom(1 << 20))
    there.store(bundle(digest), path, quiet)
    assert (registry.holds(digest), mirror.holds(digest)) == (True, False)
    assert there.fetch(bundle(digest), str(tmp_path / "into"), quiet)
    assert (tmp_path / "into").read_bytes() == Path(path).read_bytes()
    until(lambda: mirror.holds(digest))  # it keeps a copy after it has answered


def test_without_its_mirror_it_reads_from_the_registry(registry: Registry, tmp_path: Path) -> None:
    with nowhere() as refusing:
        url = f"{registry.remote()}?mirror=http://{refusing}"
        there = opened(url, registry.environ)
        path, digest = source(tmp_path, b"bundle")
        there.store(bundle(digest), path, quiet)
        assert there.fetch(bundle(digest), str(tmp_path / "into"), quiet)
    assert (tmp_path / "into").read_bytes() == b"bundle"


@pytest.mark.parametrize("login", ["alice:not-this", ""])
def test_a_wrong_password_is_no_absent_entry_and_not_shown(
    secure_registry: Registry, tmp_path: Path, login: str
) -> None:
    auth = {"auth": base64.b64encode(login.encode()).decode()} if login else {}
    auths = {secure_registry.host: auth} if login else {}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    there = opened(secure_registry.remote(), {"DOCKER_CONFIG": str(tmp_path)})
    path, digest = source(tmp_path, b"bundle")
    for ask in (
        lambda: there.fetch(bundle(digest), str(tmp_path / "into"), quiet),
        lambda: there.exists(["neffcache/v1/ab/abc/entry"]),
        lambda: there.store(bundle(digest), path, quiet),
    ):
        with pytest.raises(RemoteError) as caught:
            ask()
        assert "not-this" not in str(caught.value)


def test_a_registry_that_speaks_tls_is_told_to_who_does_not(
    secure_registry: Registry, tmp_path: Path
) -> None:
    there = opened(f"{secure_registry.remote().partition('?')[0]}?plain=1", {})
    with pytest.raises(RemoteError, match="it speaks TLS, and was asked without; take plain=1 out"):
        there.fetch("neffcache/v1/ab/abc/entry", str(tmp_path / "into"), quiet)


def test_an_unknown_authority_is_no_absent_entry(secure_registry: Registry, tmp_path: Path) -> None:
    other = tls.make(tmp_path / "other").authority
    url = f"{secure_registry.remote().partition('?')[0]}?ca={other}"
    there = opened(url, secure_registry.environ)
    with pytest.raises(RemoteError, match="certificate"):
        there.fetch(bundle("0" * 64), str(tmp_path / "into"), quiet)
