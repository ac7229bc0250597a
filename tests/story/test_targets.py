"""A host whose remotes come from optimum-neuron's places: what the shim reads, queues and says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import FORWARD, TRAIN, Host
from servers.azurite import Azurite

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_TOKEN": "hf_nobody", "NEFFCACHE_STRICT": "\0unset"}


@pytest.fixture
def name_file(host: Host) -> Path:
    """The file with optimum-neuron's name, as it writes it: no line end."""
    path = host.home / ".cache" / "huggingface" / "optimum_neuron_custom_cache"
    path.parent.mkdir(parents=True)
    path.write_text("acme/saved")
    return path


def destinations(host: Host) -> list[str]:
    """The remotes for which something waits."""
    found = (path.read_text() for path in host.store.glob("queue/*/destination"))
    return sorted(text.partition("remote ")[2].partition("\n")[0] for text in found)


def test_an_entry_waits_for_the_first_one_named_and_for_no_other(
    host: Host, tmp_path: Path, name_file: Path
) -> None:
    named = {**OFFLINE, "CUSTOM_CACHE_REPO": "acme/custom"}
    assert host.compile(tmp_path, TRAIN, variables=named).status == 0
    assert destinations(host) == ["hf://acme/custom?endpoint=https://huggingface.co"]
    told = host.neffcache("stats", variables=named).out
    assert "1 for hf://acme/custom: HF_HUB_OFFLINE is set" in told
    assert name_file.read_text() == "acme/saved"


@pytest.mark.usefixtures("name_file")
def test_the_saved_name_is_one(host: Host, tmp_path: Path) -> None:
    variables = {**OFFLINE, "HF_ENDPOINT": "http://127.0.0.1:9"}
    assert host.compile(tmp_path, TRAIN, variables=variables).status == 0
    assert destinations(host) == ["hf://acme/saved?endpoint=http://127.0.0.1:9"]


@pytest.mark.usefixtures("name_file")
def test_with_remotes_of_our_own_only_those_are_written_to(host: Host, tmp_path: Path) -> None:
    variables = {**OFFLINE, "NEFFCACHE_REMOTES": f"file://{tmp_path}/remote?mode=ro"}
    (tmp_path / "remote").mkdir()
    assert host.compile(tmp_path, TRAIN, variables=variables).status == 0
    assert (host.outcomes(), destinations(host)) == (["compiled"], [])
    assert "remote_offline" in host.notes()


def test_a_malformed_one_costs_no_compile_and_is_named(host: Host, tmp_path: Path) -> None:
    done = host.compile(tmp_path, FORWARD, variables={**OFFLINE, "CUSTOM_CACHE_REPO": "nobody"})
    assert (done.status, host.outcomes(), host.compiles) == (0, ["bad_setting"], 1)
    assert "neffcache: CUSTOM_CACHE_REPO: nobody: " in done.err
    assert "write ORG/NAME" in done.err


def test_a_home_of_somebody_else_is_no_obstacle(host: Host, tmp_path: Path) -> None:
    """As where a container changes the user but not HOME: what cannot be read names nothing."""
    (tmp_path / "file").touch()
    variables = {"HF_HOME": f"{tmp_path}/file/hf"}
    host.compile(tmp_path, TRAIN, variables=variables)
    assert (host.outcomes(), host.notes()) == (["compiled"], [])


def olive(host: Host, server: Azurite, **more: object) -> dict[str, str]:
    """What names a file of Olive's, and what asking there needs."""
    block = {"account_url": server.url, "container_name": server.bucket(), **more}
    file = host.root / "olive.json"
    file.write_text(json.dumps({"cloud_cache_config": block}))
    return {"NEFFCACHE_CONFIG_JSON": str(file), **server.environ}


def test_olives_container_serves_what_another_host_sent_there(
    make_host: Callable[[str], Host], tmp_path: Path, azurite: Azurite
) -> None:
    a, b = make_host("a"), make_host("b")
    named = olive(a, azurite, enable_cloud_cache=True, upload_to_cloud=True)
    assert a.compile(tmp_path / "a" / "w", TRAIN, variables=named).status == 0
    assert a.neffcache("flush", "--timeout", "60", variables=named).status == 0
    assert b.compile(tmp_path / "b" / "w", TRAIN, variables=named).status == 0
    assert (a.outcomes(), b.outcomes()) == (["compiled"], ["hit_remote"])


def test_olives_container_is_only_read_where_olive_would_only_read(
    host: Host, tmp_path: Path, azurite: Azurite
) -> None:
    named = olive(host, azurite, upload_to_cloud=False)
    assert host.compile(tmp_path / "w", TRAIN, variables=named).status == 0
    assert (host.notes(), destinations(host)) == (["remote_absent"], [])


def test_a_file_of_olives_that_is_wrong_costs_no_compile_and_is_named(
    host: Host, tmp_path: Path
) -> None:
    file = tmp_path / "olive.json"
    file.write_text("nonsense")
    done = host.compile(tmp_path, FORWARD, variables={"NEFFCACHE_CONFIG_JSON": str(file)})
    assert (done.status, host.outcomes(), host.compiles) == (0, ["bad_setting"], 1)
    assert f"neffcache: {file}: it is not JSON; correct it: compiling without" in done.err
