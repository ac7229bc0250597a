"""Story: what one host compiled, another is served from a shared remote, by the shim itself."""

from __future__ import annotations

from pathlib import Path

from hosts import FORWARD, TRAIN, Host, neff_info


def _pair(tmp_path: Path, options: str = "") -> tuple[Host, Host, Path]:
    remote = tmp_path / "remote"
    variables = {"SDKSTANDIN_FAKE": "1", "NEFFCACHE_REMOTES": f"file://{remote}"}
    a = Host(tmp_path / "a", variables)
    b = Host(tmp_path / "b", {**variables, "NEFFCACHE_REMOTES": f"file://{remote}{options}"})
    return a, b, remote


def _compiled_and_sent(a: Host, work: Path, *graphs: Path) -> None:
    for graph in graphs:
        assert a.compile(work / graph.stem, graph).status == 0
    assert a.neffcache("flush", "--timeout", "60").status == 0


def test_second_host_is_served_what_the_first_compiled(tmp_path: Path) -> None:
    a, b, _remote = _pair(tmp_path)
    _compiled_and_sent(a, tmp_path / "wa", TRAIN)
    done = b.compile(tmp_path / "wb", TRAIN)
    assert (done.status, done.out, b.compiles) == (0, "Compiler status PASS\n", 0)
    assert b.outcomes() == ["hit_remote"]
    ours, theirs = tmp_path / "wb" / "out.neff", tmp_path / "wa" / TRAIN.stem / "out.neff"
    assert ours.read_bytes() == theirs.read_bytes()


def test_remote_hit_fills_the_local_store(tmp_path: Path) -> None:
    a, b, remote = _pair(tmp_path)
    _compiled_and_sent(a, tmp_path / "wa", TRAIN)
    b.compile(tmp_path / "wb", TRAIN)
    remote.rename(tmp_path / "elsewhere")
    b.compile(tmp_path / "wb2", TRAIN)
    assert b.outcomes() == ["hit_remote", "hit_local"]


def test_each_graph_gets_its_own_entry(tmp_path: Path) -> None:
    a, b, _remote = _pair(tmp_path)
    _compiled_and_sent(a, tmp_path / "wa", TRAIN, FORWARD)
    for graph in (FORWARD, TRAIN):
        b.compile(tmp_path / "wb" / graph.stem, graph)
        fresh = neff_info(tmp_path / "wa" / graph.stem / "out.neff")
        assert neff_info(tmp_path / "wb" / graph.stem / "out.neff") == fresh
    assert b.outcomes() == ["hit_remote", "hit_remote"]


def test_nothing_is_written_to_a_read_only_remote(tmp_path: Path) -> None:
    _a, b, remote = _pair(tmp_path, "?mode=ro")
    assert b.compile(tmp_path / "wb", TRAIN).status == 0
    assert (b.outcomes(), b.notes(), remote.exists()) == (["compiled"], ["remote_absent"], False)


def test_a_remote_that_is_not_mounted_costs_one_line_and_no_compile(tmp_path: Path) -> None:
    host = Host(
        tmp_path / "a",
        {"SDKSTANDIN_FAKE": "1", "NEFFCACHE_REMOTES": f"file://{tmp_path}/missing/remote"},
    )
    first = host.compile(tmp_path / "w1", TRAIN)
    second = host.compile(tmp_path / "w2", FORWARD)
    assert (first.status, second.status, host.compiles) == (0, 0, 2)
    assert first.err.count("neffcache: remote") == 1
    assert "neffcache: remote" not in second.err
    assert host.notes() == ["remote_failed", "remote_skipped"]


def test_a_damaged_remote_entry_is_not_served(tmp_path: Path) -> None:
    a, b, remote = _pair(tmp_path)
    _compiled_and_sent(a, tmp_path / "wa", TRAIN)
    (bundle,) = remote.glob("neffcache/v1/*/*/*.tar")
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    assert b.compile(tmp_path / "wb", TRAIN).status == 0
    assert (b.outcomes(), b.notes(), b.compiles) == (["compiled"], ["remote_damaged"], 1)


def test_required_hit_is_found_on_a_remote_and_else_refused(tmp_path: Path) -> None:
    a, b, _remote = _pair(tmp_path)
    _compiled_and_sent(a, tmp_path / "wa", TRAIN)
    required = {"NEFFCACHE_REQUIRE_HIT": "1"}
    assert b.compile(tmp_path / "wb", TRAIN, variables=required).status == 0
    refused = b.compile(tmp_path / "wc", FORWARD, variables=required)
    assert refused.status == 3
    assert refused.err.startswith("[NEFFCACHE-MISS] ")
    assert (b.outcomes(), b.compiles) == (["hit_remote", "required_hit_missing"], 0)


def test_queue_that_cannot_be_written_is_noted_and_the_compile_stands(tmp_path: Path) -> None:
    a, _b, _remote = _pair(tmp_path)
    assert a.cc(tmp_path, "list-operators").status == 0  # makes the store
    (a.store / "queue").write_text("in the way\n")
    assert a.compile(tmp_path / "w", TRAIN).status == 0
    assert (a.outcomes()[-1], a.notes()) == ("compiled", ["remote_absent", "queue_failed"])


def test_without_a_target_nothing_is_cached_unless_the_setting_names_one(tmp_path: Path) -> None:
    host = Host(tmp_path / "a", {"SDKSTANDIN_FAKE": "1"})
    argv = ["compile", "--framework=XLA", str(TRAIN), "--output", "out.neff"]
    named = {"NEFFCACHE_TARGET": "trn1"}
    assert host.cc(tmp_path / "w", *argv).status == 0
    assert host.cc(tmp_path / "w", *argv, variables=named).status == 0
    assert host.cc(tmp_path / "w", *argv, variables=named).status == 0
    assert host.outcomes() == ["no_target", "compiled", "hit_local"]


def test_an_output_that_cannot_be_replaced_is_compiled_instead(tmp_path: Path) -> None:
    host = Host(tmp_path / "a", {"SDKSTANDIN_FAKE": "1"})
    work = tmp_path / "w"
    assert host.compile(work, TRAIN).status == 0
    # A log that is full of nothing: it can be opened, and not written.
    argv = ["compile", "--framework=XLA", str(TRAIN), "--output", "out.neff", "--target=trn1"]
    done = host.cc(work, *argv, "--logfile", "/dev/full")
    assert host.notes() == ["restore_failed"]
    assert host.compiles == 2, done.err
