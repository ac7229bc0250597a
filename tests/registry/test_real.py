"""What a real registry does with entries: pieces, mounts, a login, a pull-through mirror."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from neffcache.errors import RefusedError, RemoteError
from registry.opening import Entry, file_of, open_url, quiet
from servers.registry import Registry

LARGE = (66 << 20) + 5


def environ_of(server: Registry) -> Mapping[str, str]:
    return server.environ


def test_an_entry_in_several_pieces(registry: Registry, tmp_path: Path) -> None:
    opened = open_url(registry.remote())
    entry = Entry(tmp_path, LARGE)
    assert entry.publish(opened)
    assert entry.fetch(opened, tmp_path / "into") == entry.data
    assert not entry.publish(opened)


def test_a_bundle_of_another_repository(registry: Registry, tmp_path: Path) -> None:
    old, new = registry.bucket(), registry.bucket()
    entry = Entry(tmp_path)
    assert entry.publish(open_url(registry.remote(old)))
    opened = open_url(f"{registry.remote(new)}?mount={old}")
    assert entry.publish(opened)
    assert entry.fetch(opened, tmp_path / "into") == entry.data


def test_an_entry_behind_a_password_and_tls(secure_registry: Registry, tmp_path: Path) -> None:
    opened = open_url(secure_registry.remote(), environ_of(secure_registry))
    entry = Entry(tmp_path, 9 << 20)
    assert entry.publish(opened)
    assert entry.fetch(opened, tmp_path / "into") == entry.data
    assert opened.identity().startswith("user alice (")


def test_a_wrong_password_is_told(secure_registry: Registry, tmp_path: Path) -> None:
    url = f"{secure_registry.remote()}&credential=env:LOGIN"
    opened = open_url(url, {"LOGIN": "alice:wrong"})
    with pytest.raises(RemoteError, match="the login is not valid"):
        opened.fetch("object", str(tmp_path / "into"), quiet)


def test_an_entry_through_a_mirror(registry: Registry, mirror: Registry, tmp_path: Path) -> None:
    place = registry.bucket()
    entry = Entry(tmp_path, 1 << 20)
    opened = open_url(f"{registry.remote(place)}?mirror={mirror.url}")
    assert entry.publish(opened)
    assert entry.fetch(opened, tmp_path / "into") == entry.data
    assert entry.key in mirror.names(place) or mirror.call(
        "HEAD", f"/v2/{place}/manifests/{entry.key}",
        headers={"accept": "application/vnd.oci.image.manifest.v1+json"},
    ).status == 200  # fmt: skip


def test_a_mirror_itself_takes_nothing(mirror: Registry, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="not permitted"):
        open_url(mirror.remote()).store("object", file_of(tmp_path, b"x"), quiet)


def test_trying_to_write_publishes_nothing(registry: Registry) -> None:
    place = registry.bucket()
    open_url(registry.remote(place)).try_write()
    assert registry.names(place) == []
