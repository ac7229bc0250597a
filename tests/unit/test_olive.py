"""Olive's `cloud_cache_config` as a remote: its switches, its addresses, its mistakes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from neffcache import config, olive, remote, targets
from neffcache.errors import SettingError
from neffcache.remote import Spec

ACCOUNT = "https://acme.blob.core.windows.net"
SECRET = "hunter2"


def written(path: Path, data: object) -> str:
    file = path / "olive.json"
    file.write_text(json.dumps(data))
    return str(file)


def block(**more: Any) -> dict[str, Any]:
    made = {
        "enable_cloud_cache": True, "account_url": ACCOUNT, "container_name": "cache",
        "upload_to_cloud": True, **more,
    }  # fmt: skip
    return {name: value for name, value in made.items() if value != "left out"}


def named(path: Path, **more: Any) -> Spec | None:
    return olive.spec(written(path, {"cloud_cache_config": block(**more)}))


def specs(file: str, **variables: str) -> list[Spec]:
    """All remotes of an environment that names the file."""
    environ = {b"HF_HOME": b"/nowhere", b"NEFFCACHE_CONFIG_JSON": os.fsencode(file)}
    environ |= {name.encode(): text.encode() for name, text in variables.items()}
    return targets.specs(config.load(environ), environ)


def test_it_is_a_container_read_and_written(tmp_path: Path) -> None:
    made = named(tmp_path)
    assert made is not None
    assert (made.text(), made.mode) == ("az://acme/cache", "rw")
    assert made.origin == f"{tmp_path}/olive.json (cloud_cache_config)"


@pytest.mark.parametrize(
    ("upload", "mode"), [(True, "rw"), (False, "ro"), (None, "rw"), ("left out", "rw")]
)
def test_it_is_written_where_olive_would_upload(tmp_path: Path, upload: Any, mode: str) -> None:
    made = named(tmp_path, upload_to_cloud=upload)
    assert made is not None
    assert made.mode == mode


@pytest.mark.parametrize("switch", [True, None, "left out"])
def test_what_is_not_switched_off_is_on(tmp_path: Path, switch: Any) -> None:
    assert named(tmp_path, enable_cloud_cache=switch) is not None


@pytest.mark.parametrize("wanted", [{"cloud_cache_config": None}, {"cloud_cache_config": False}])
def test_no_cache_wanted_is_no_remote(tmp_path: Path, wanted: object) -> None:
    assert olive.spec(written(tmp_path, wanted)) is None


def test_switched_off_is_no_remote_whatever_else_it_says(tmp_path: Path) -> None:
    assert named(tmp_path, enable_cloud_cache=False) is None
    assert named(tmp_path, enable_cloud_cache=False, account_url=None) is None


def test_the_settings_may_stand_alone_or_within_a_workflow(tmp_path: Path) -> None:
    for data in (block(), {"input_model": {}, "cloud_cache_config": block()}):
        made = olive.spec(written(tmp_path, data))
        assert made is not None
        assert made.url == "az://acme/cache"


@pytest.mark.parametrize(
    ("address", "account", "endpoint"),
    [
        (f"{ACCOUNT}/", "acme", ""),
        ("http://acme.blob.core.windows.net", "acme", ""),
        ("http://127.0.0.1:10000/devstore", "devstore", "http://127.0.0.1:10000/devstore"),
        (
            "https://acme.blob.core.chinacloudapi.cn",
            "acme",
            "https://acme.blob.core.chinacloudapi.cn",
        ),
    ],
)
def test_addresses(tmp_path: Path, address: str, account: str, endpoint: str) -> None:
    made = named(tmp_path, account_url=address, upload_to_cloud=False)
    assert made is not None
    assert (made.location, made.mode) == (f"{account}/cache", "ro")
    assert made.options == ({"endpoint": endpoint} if endpoint else {})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"account_url": None}, "names no account_url"),
        ({"account_url": " "}, "names no account_url"),
        ({"container_name": "left out"}, "names no container_name"),
        ({"container_name": 5}, "names no container_name"),
        ({"container_name": "cache?public=1"}, "its container_name is not one"),
        ({"container_name": "a/b"}, "its container_name is not one"),
        ({"enable_cloud_cache": "no"}, "enable_cloud_cache is neither true nor false"),
        ({"upload_to_cloud": 1}, "upload_to_cloud is neither true nor false"),
        ({"account_url": "acme"}, "not the address of a storage account"),
        ({"account_url": f"{ACCOUNT}/?sv=1&sig={SECRET}"}, "a secret goes into a variable"),
        ({"account_url": f"{ACCOUNT}?sig={SECRET}"}, "a secret goes into a variable"),
        ({"account_url": f"https://k:{SECRET}@acme.example"}, "a secret goes into a variable"),
        ({"account_url": "https://ACME.example"}, "storage account's name is not one"),
    ],
)
def test_mistakes_are_named_and_no_secret_repeated(
    tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError) as caught:
        named(tmp_path, **more)
    assert str(caught.value).startswith(f"{tmp_path}/olive.json: ")
    assert said in str(caught.value)
    assert caught.value.remedy
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "5", "[]", '{"x": 1}', '"text"', "\udcff"]
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "olive.json"
    file.write_bytes(os.fsencode(text))
    with pytest.raises(SettingError, match=r"olive\.json: it (is not JSON|holds no cloud_cache)"):
        olive.spec(str(file))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"gone\.json: it cannot be read .*CONFIG_JSON"):
        specs(f"{tmp_path}/gone.json")


def test_it_comes_behind_the_settings_and_before_the_hub(tmp_path: Path) -> None:
    file = written(tmp_path, block())
    found = specs(file, NEFFCACHE_REMOTES="file:///a?mode=ro", CUSTOM_CACHE_REPO="o/b")
    shown = [f"{one.url} {one.mode}" for one in found]
    assert shown == ["file:///a ro", "az://acme/cache rw", "hf://o/b ro"]
    assert found[1].origin == f"{file} (cloud_cache_config)"


def test_what_the_settings_name_themselves_counts(tmp_path: Path) -> None:
    file = written(tmp_path, block())
    for same in (f"{ACCOUNT}/cache?mode=ro", "az://acme/cache?mode=ro"):
        found = specs(file, NEFFCACHE_REMOTES=same)
        assert [(one.url, one.mode) for one in found] == [("az://acme/cache", "ro")]


def test_switched_off_changes_nothing(tmp_path: Path) -> None:
    file = written(tmp_path, block(enable_cloud_cache=False))
    assert specs(file) == []
    [spec] = specs(file, CUSTOM_CACHE_REPO="o/b")
    assert (spec.url, spec.mode) == ("hf://o/b", "rw")


def test_its_url_is_one_of_the_settings(tmp_path: Path) -> None:
    file = written(tmp_path, block(account_url="http://127.0.0.1:1/devstore"))
    again, made = remote.parse(olive.url(file)), olive.spec(file)
    assert made is not None
    assert (again.text(), again.mode) == (made.text(), made.mode)
