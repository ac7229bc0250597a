"""`neffcache synchronize`: native entries and bundles go to a repository, and come from one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import entries
from graphs import zoo
from hosts import TRAIN, Done, Host
from hub.peer import Peer
from natives import ENTRY, OTHER, REPO, VERSION, contents, native, tree, write
from neffcache.cache import bundles
from neffcache.native import names
from unit import makers


def synchronize(host: Host, *argv: str, **variables: str) -> Done:
    return host.neffcache("synchronize", "--quiet", *argv, variables=variables)


def without_graph() -> dict[str, bytes]:
    return contents(model__hlo_module__pb=None)


def at(files: dict[str, bytes], entry: str = ENTRY) -> dict[str, bytes]:
    return {f"{entry}/{name}": data for name, data in files.items()}


def test_entry_of_one_host_is_brought_to_another_exactly(
    hub: Peer, make_native_host: Callable[[str], Host]
) -> None:
    one, two = make_native_host("one"), make_native_host("two")
    write(native(one), files=contents(model__log=b"older"))
    done = synchronize(one)
    assert (done.status, done.err) == (0, "")
    assert "1 entry pushed" in done.out
    assert hub.paths(REPO) == {*at(without_graph()), f"{ENTRY}/{names.MANIFEST}"}
    done = synchronize(two, "--pull")
    assert (done.status, done.err) == (0, "")
    assert f"1 entry brought from hf://{REPO}" in done.out
    assert tree(native(two)) == at(without_graph())


def test_graph_goes_along_when_asked(hub: Peer, make_native_host: Callable[[str], Host]) -> None:
    one, two = make_native_host("one"), make_native_host("two")
    write(native(one))
    assert synchronize(one, NEFFCACHE_HUB_HLO="1").status == 0
    assert synchronize(two, "--pull").status == 0
    assert tree(native(two)) == at(contents())
    assert hub.read(REPO, f"{ENTRY}/{names.HLO}") == TRAIN.read_bytes()


def test_bundles_of_the_store_go_along(hub: Peer, native_host: Host) -> None:
    assert native_host.compile(native_host.root / "work", TRAIN).status == 0
    (bundle,) = native_host.entries()
    neff = (native_host.root / "work" / "out.neff").read_bytes()
    write(native(native_host), files=contents(model__neff=neff))
    assert synchronize(native_host).status == 0
    key = bundle.stem
    assert hub.read(REPO, bundles.single_name(key)) == bundle.read_bytes()
    stated = json.loads(hub.read(REPO, f"{ENTRY}/{names.MANIFEST}") or b"")
    assert stated["key"] == key
    assert len(hub.commits(REPO)) == 2


def test_directory_remote_gets_the_bundles_that_it_lacks(native_host: Host) -> None:
    assert native_host.compile(native_host.root / "work", TRAIN).status == 0
    (bundle,) = native_host.entries()
    write(native(native_host))
    remote = native_host.root / "remote"
    done = synchronize(native_host, NEFFCACHE_REMOTES=f"file://{remote}")
    assert (done.status, "0 native, 1 of the local store" in done.out) == (0, True)
    assert entries.has(remote, bundle.stem)


def test_second_time_there_is_nothing_to_push(hub: Peer, native_host: Host) -> None:
    write(native(native_host))
    assert synchronize(native_host).status == 0
    commits = len(hub.commits(REPO))
    done = synchronize(native_host)
    assert (done.status, done.out.splitlines()) == (
        0, [f"hf://{REPO} lacks 0 entries: 0 native, 0 of the local store"],
    )  # fmt: skip
    assert len(hub.commits(REPO)) == commits


def test_dry_run_says_what_it_would_do_and_does_nothing(
    hub: Peer, make_native_host: Callable[[str], Host]
) -> None:
    one, two = make_native_host("one"), make_native_host("two")
    write(native(one))
    done = synchronize(one, "--dry-run")
    assert done.status == 0
    assert f"would push {ENTRY}" in done.out
    assert hub.paths(REPO) == set()
    synchronize(one)
    done = synchronize(two, "--dry-run", "--pull")
    assert f"would bring {ENTRY} from hf://{REPO}" in done.out
    assert not native(two).exists()


def test_a_wrong_repository_is_told_with_nothing_to_push(native_host: Host) -> None:
    done = synchronize(native_host, "--repo_id=alice/no-such")
    assert (done.status > 0, "alice/no-such is not there" in done.err) == (True, True)


def test_a_directory_that_is_not_there_is_told(native_host: Host) -> None:
    done = synchronize(native_host, "--cache_dir=/no/such")
    assert (done.status, "there is no cache at /no/such" in done.out) == (0, True)


def test_repository_and_directory_may_be_named(hub: Peer, native_host: Host) -> None:
    hub.create("alice/other")
    write(native_host.root / "elsewhere")
    for option in ("--repo_id=alice/other", "--repo-id=alice/other"):
        done = synchronize(native_host, option, "--cache-dir", str(native_host.root / "elsewhere"))
        assert done.status == 0
    assert f"{ENTRY}/{names.NEFF}" in hub.paths("alice/other")
    assert hub.paths(REPO) == set()


def test_what_is_no_success_stays_and_is_named(hub: Peer, native_host: Host) -> None:
    write(native(native_host), files={"model.hlo_module.pb": b"x", "model.log": b"the failure"})
    write(native(native_host), OTHER, files={"model.hlo_module.pb.lock": b""})
    done = synchronize(native_host)
    assert done.status == 0
    assert f"not pushed: {ENTRY}: its compile failed" in done.out
    assert f"not pushed: {OTHER}: a compile holds its lock" in done.out
    assert hub.paths(REPO) == set()


def test_damaged_neff_is_refused_for_good(hub: Peer, native_host: Host) -> None:
    write(native(native_host), files=contents(model__neff=makers.neff()[:-50]))
    done = synchronize(native_host)
    assert done.status == 1
    assert f"{ENTRY}: model.neff is not complete" in done.out
    assert hub.paths(REPO) == set()


def test_entry_that_another_pushed_first_is_not_mixed_with_ours(
    hub: Peer, native_host: Host
) -> None:
    theirs = at(contents(model__neff=makers.neff(uuid=b"t" * 16)))
    hub.commit(REPO, theirs)
    write(native(native_host))
    assert synchronize(native_host, NEFFCACHE_HUB_HLO="1").status == 0
    assert hub.paths(REPO) == set(theirs)


def test_foreign_entries_are_checked_by_their_graph(hub: Peer, native_host: Host) -> None:
    kernel = at(contents(model__hlo_module__pb=zoo.graph("neuron_torch")), OTHER)
    hub.commit(REPO, at(contents()) | kernel | {f"{VERSION}/0_REGISTRY/0.4.5/x.json": b"{}"})
    done = synchronize(native_host, "--pull")
    assert done.status == 0
    assert f"not brought: {OTHER}" in done.out
    assert "AwsNeuronCustomNativeKernel" in done.out
    assert tree(native(native_host)) == at(contents())
    done = synchronize(native_host, "--pull", NEFFCACHE_HUB_TRUSTED=REPO)
    assert tree(native(native_host)) == at(contents()) | kernel


def test_foreign_entry_without_its_graph_is_not_brought(hub: Peer, native_host: Host) -> None:
    hub.commit(REPO, at(without_graph()))
    done = synchronize(native_host, "--pull")
    assert "nobody has checked its graph" in done.out
    assert tree(native_host.root / "neuron cache.d") == {}


def test_entries_of_old_compilers_are_named_and_left(hub: Peer, native_host: Host) -> None:
    old = {"model.hlo.pb": b"x", "compile_flags.txt": b"x", "model.neff": makers.neff()}
    hub.commit(REPO, at(old))
    done = synchronize(native_host, "--pull")
    assert (done.status, "2.12" in done.out) == (0, True)
    assert tree(native(native_host)) == {}


def test_entries_of_other_compilers_are_not_asked_for(hub: Peer, native_host: Host) -> None:
    hub.commit(REPO, at(contents(), ENTRY.replace("2.21", "2.20")))
    assert synchronize(native_host, "--pull").status == 0
    assert tree(native(native_host)) == {}


@pytest.mark.parametrize("name", [names.NEFF, names.FLAGS, names.MANIFEST])
def test_corrupted_object_of_the_right_size_is_not_brought(
    hub: Peer, make_native_host: Callable[[str], Host], name: str
) -> None:
    one, two = make_native_host("one"), make_native_host("two")
    write(native(one))
    synchronize(one)
    hub.corrupt(REPO, f"{ENTRY}/{name}")
    done = synchronize(two, "--pull")
    assert (done.status, f"not brought: {ENTRY}" in done.out) == (1, True)
    assert tree(native(two)) == {}


def test_manifests_that_were_swapped_are_not_believed(
    hub: Peer, make_native_host: Callable[[str], Host]
) -> None:
    one, two = make_native_host("one"), make_native_host("two")
    write(native(one))
    write(native(one), OTHER, contents(model__neff=makers.neff(uuid=b"o" * 16)))
    synchronize(one)
    paths = [f"{entry}/{names.MANIFEST}" for entry in (ENTRY, OTHER)]
    texts = [hub.read(REPO, path) or b"" for path in paths]
    hub.commit(REPO, dict(zip(paths, reversed(texts), strict=True)))
    done = synchronize(two, "--pull")
    assert done.status == 1
    assert done.out.count("its manifest belongs to another entry") == 2
    assert tree(native(two)) == {}


def test_what_is_here_is_left_as_it_is(hub: Peer, native_host: Host) -> None:
    hub.commit(REPO, at(contents()))
    write(native(native_host), files={"model.hlo_module.pb.lock": b""})
    done = synchronize(native_host, "--pull")
    assert (done.status, "1 entry here already" in done.out) == (0, True)
    assert tree(native(native_host)) == at({"model.hlo_module.pb.lock": b""})


def test_silent_hub_ends_the_command_with_one_line(hub: Peer, native_host: Host) -> None:
    write(native(native_host))
    hub.fault(".", server=None, times=None, silence=True)
    done = synchronize(native_host, NEFFCACHE_REMOTE_TIMEOUT="0.3")
    assert (done.status, done.out) == (4, "")
    assert len(done.err.splitlines()) == 1


def test_missing_repository_is_one_line_with_a_remedy(native_host: Host) -> None:
    write(native(native_host))
    done = synchronize(native_host, "--repo_id", "alice/nowhere")
    assert done.status == 4
    assert "alice/nowhere" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("argv", "variables", "words"),
    [
        ((), {"CUSTOM_CACHE_REPO": "\0unset"}, "--repo_id"),
        (("--pull",), {"CUSTOM_CACHE_REPO": "\0unset"}, "--repo_id"),
        (("--repo_id", "no repo"), {}, "--repo_id"),
        ((), {"NEURON_COMPILE_CACHE_URL": "s3://bucket"}, "NEURON_COMPILE_CACHE_URL"),
        (("--cache_dir", "s3://bucket"), {}, "--cache_dir"),
        (("--cache_dir", ""), {}, "--cache_dir"),
    ],
)
def test_wrong_use_names_what_to_change(
    native_host: Host, argv: tuple[str, ...], variables: dict[str, str], words: str
) -> None:
    done = synchronize(native_host, *argv, **variables)
    assert (done.status, done.out) == (2, "")
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_offline_nothing_is_asked(hub: Peer, native_host: Host) -> None:
    done = synchronize(native_host, HF_HUB_OFFLINE="1")
    assert done.status == 4
    assert "HF_HUB_OFFLINE" in done.err
    assert hub.requests() == []


def test_read_only_token_keeps_what_is_to_be_pushed_waiting(hub: Peer, native_host: Host) -> None:
    write(native(native_host))
    done = synchronize(native_host, HF_TOKEN="hf_alice_read")
    assert done.status == 1
    assert "still waiting: 1 for" in done.out
    assert hub.paths(REPO) == set()


def test_neff_that_may_hold_weights_stays_out_of_a_public_repository_as_a_whole(
    hub: Peer, native_host: Host
) -> None:
    hub.set_private(REPO, False)
    (write(native(native_host)) / names.HLO).unlink()
    write(native(native_host), OTHER)  # its graph holds no constants
    done = synchronize(native_host, NEFFCACHE_HUB_PUBLIC=REPO)
    assert done.status == 1
    assert "refused for good" in done.out
    assert {path.rpartition("/")[0] for path in hub.paths(REPO)} == {OTHER}
