"""`neffcache synchronize` beside others: optimum's uploads, two at once, kills in the middle."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import BIN, Host, finish
from hub.peer import Peer
from hub.real import NEWEST, RealClient, python_with
from natives import ENTRY, REPO, VERSION, contents, native, tree, write
from neffcache.native import names
from running import end_all, kill
from unit import makers
from waiting import until

MODULES = [f"{VERSION}/MODULE_{number}+abcdef01" for number in range(4)]


def start(host: Host, *argv: str) -> subprocess.Popen[bytes]:
    """`neffcache synchronize --pull` on its way."""
    return subprocess.Popen(
        [str(BIN / "neffcache"), "synchronize", "--pull", "--quiet", *argv],
        cwd=host.root,
        env=host.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def several() -> dict[str, bytes]:
    """A repository's files: some entries."""
    return {
        f"{entry}/{name}": data
        for number, entry in enumerate(MODULES)
        for name, data in contents(model__neff=makers.neff(uuid=bytes([number]) * 16)).items()
    }


def test_repository_that_optimum_wrote_is_read(
    hub: Peer, native_host: Host, tmp_path: Path
) -> None:
    theirs = tmp_path / "their cache"
    write(theirs, files=contents(wrapped_neff__hlo=b"wrapper " + makers.neff()))
    write(theirs, MODULES[0], {"model.hlo_module.pb": b"x", "model.hlo_module.pb.lock": b""})
    write(theirs, MODULES[1], {"model.hlo_module.pb": b"x", "model.log": b"failed"})
    registry = theirs / VERSION / "0_REGISTRY" / "0.4.5" / "digest"
    registry.mkdir(parents=True)
    (registry / "entry.json").write_text("{}")
    home = tmp_path / "their home"
    home.mkdir()
    RealClient(python_with(NEWEST), home, xet=False).run(
        hub, "api.upload_folder(repo_id=given[0], folder_path=given[1])", [REPO, str(theirs)]
    )
    assert f"{MODULES[0]}/model.hlo_module.pb.lock" in hub.paths(REPO)
    done = finish(start(native_host))
    assert (done.status, done.err) == (0, "")
    assert tree(native(native_host)) == {
        name: data for name, data in tree(theirs).items() if name.startswith(ENTRY)
    }


def test_what_we_wrote_has_the_layout_that_optimum_looks_for(hub: Peer, native_host: Host) -> None:
    write(native(native_host))
    native_host.neffcache("synchronize", "--quiet", variables={"NEFFCACHE_HUB_HLO": "1"})
    ours = {f"{ENTRY}/{name}": data for name, data in contents().items()}
    assert {path: hub.read(REPO, path) for path in ours} == ours


def test_two_that_bring_the_same_entries_at_once_plant_each_once(
    hub: Peer, native_host: Host
) -> None:
    hub.commit(REPO, several())
    both = [finish(one) for one in (start(native_host), start(native_host))]
    assert [one.status for one in both] == [0, 0]
    assert tree(native(native_host)) == several()


@pytest.mark.parametrize("victim", ["command", "helper"])
def test_killed_in_the_middle_it_leaves_no_half_entry(
    hub: Peer, native_host: Host, victim: str
) -> None:
    hub.commit(REPO, several())
    fault = hub.fault(names.NEFF, "GET", times=None, silence=True, skip=1)
    command = start(native_host)
    root = native(native_host)
    until(lambda: fault.hits and (root / MODULES[0]).exists())
    if victim == "command":
        kill(command.pid)
        finish(command)
    end_all(root)
    if victim == "helper":
        assert finish(command).status == 4
    entries = {name for name in os.listdir(root / VERSION) if name.startswith(names.MODULE)}
    assert entries == {MODULES[0].rpartition("/")[2]}
    hub.mend()
    assert finish(start(native_host)).status == 0
    for path, data in several().items():
        assert (root / path).read_bytes() == data


def test_hosts_that_push_the_same_entry_at_once_leave_one_whole_entry(
    hub: Peer, make_native_host: Callable[[str], Host]
) -> None:
    hosts = [make_native_host(name) for name in ("one", "two", "three")]
    for number, host in enumerate(hosts[:2]):
        write(native(host), files=contents(model__neff=makers.neff(uuid=bytes([number]) * 16)))
    assert [finish(one).status for one in [start(host) for host in hosts[:2]]] == [0, 0]
    assert finish(start(hosts[2])).status == 0
    (neff,) = [data for name, data in tree(native(hosts[2])).items() if name.endswith(names.NEFF)]
    assert neff == hub.read(REPO, f"{ENTRY}/{names.NEFF}")


def test_files_of_two_compiles_of_one_entry_never_stand_together(
    hub: Peer, make_native_host: Callable[[str], Host]
) -> None:
    """Of one host with a wrapper and one without, whose commits meet on the same head."""
    hub.fault("/commit/", delay=2.0)  # whoever is first is overtaken
    hosts = [make_native_host(name) for name in ("one", "two")]
    mine = [makers.neff(uuid=bytes([number]) * 16) for number in range(2)]
    write(native(hosts[0]), files=contents(model__neff=mine[0]))
    wrapper = b"wrapper of " + mine[1]
    write(native(hosts[1]), files=contents(model__neff=mine[1], wrapped_neff__hlo=wrapper))
    assert [finish(one).status for one in [start(host) for host in hosts]] == [0, 0]
    there = {path.rpartition("/")[2] for path in hub.paths(REPO)}
    stated = json.loads(hub.read(REPO, f"{ENTRY}/{names.MANIFEST}") or b"")["files"]
    assert there - {names.MANIFEST} == set(stated)
    assert (names.WRAPPED in there) == (hub.read(REPO, f"{ENTRY}/{names.NEFF}") == mine[1])
    for name, row in stated.items():
        data = hub.read(REPO, f"{ENTRY}/{name}") or b""
        assert (len(data), hashlib.sha256(data).hexdigest()) == (row["bytes"], row["sha256"])


def test_entry_that_comes_while_its_twin_is_compiled_is_left_to_the_compile(
    hub: Peer, native_host: Host
) -> None:
    hub.commit(REPO, {f"{ENTRY}/{name}": data for name, data in contents().items()})
    fault = hub.fault(names.NEFF, "GET", delay=1.0)
    command = start(native_host)
    until(lambda: fault.hits)
    write(native(native_host), files={"model.hlo_module.pb.lock": b""})
    assert finish(command).status == 0
    assert os.listdir(native(native_host) / ENTRY) == ["model.hlo_module.pb.lock"]


def test_many_entries_go_into_one_commit_although_few_files_may_be_open(
    hub: Peer, native_host: Host
) -> None:
    entries = [f"{VERSION}/MODULE_{number}+abcdef01" for number in range(80)]
    for entry in entries:
        write(native(native_host), entry)
    command = [str(BIN / "neffcache"), "synchronize", "--quiet"]
    done = finish(
        subprocess.Popen(
            ["prlimit", "--nofile=256:4096", *command],
            cwd=native_host.root,
            env=native_host.environ(HF_HUB_DISABLE_XET="1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    )
    assert (done.status, done.err) == (0, "")
    assert {f"{entry}/{names.NEFF}" for entry in entries} <= hub.paths(REPO)
    assert len(hub.commits(REPO)) == 2
