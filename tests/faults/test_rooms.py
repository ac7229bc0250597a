"""Each room of the product raises, lies or takes too long: the compile is none the worse for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.copies import break_room
from faults.making import WRAPPER, comes_from, write_graph
from hosts import Host

# Room → module and what in it breaks. What comes before the journal is found, or is the journal,
# cannot be in the journal.
MISS = {
    "invocation": ("invocation", "parse"),
    "environment": ("environment", "relevant"),
    "graph": ("graph.raw", "read"),
    "key": ("key", "compute"),
    "compiler": ("compiler.identity", "identify"),
    "store": ("store.local", "Store.get"),
    "claim": ("store.claim", "take"),
    "locks": ("locks", "attend"),
    "run.restore": ("run.restore", "check_places"),
    "run.miss": ("run.miss", "answer"),
    "cache": ("cache.reading", "Reader.fetch"),
    "remote": ("remote", "specs"),
}
AFTER = {
    "run.keeping": ("run.keeping", "keep"),
    "keep": ("store.keep", "make_room"),
    "adopt": ("store.keep", "adopt"),
    "build": ("entry.build", "write"),
    "wrapped": ("entry.wrapped", "find"),
    "neff": ("neff", "Check.feed"),
}
HIT = {
    "read": ("entry.read", "open_bundle"),
    "index": ("entry.index", "parse"),
    "pour": ("entry.read", "pour"),
    "restore": ("run.restore", "restore_all"),
    "tell": ("run.restore", "tell_compiles"),
    "record": ("journal", "Record.set"),
}
SILENT = {
    "config": ("config", "load"),
    "find": ("compiler.find", "find"),
    "open store": ("store.local", "open_store"),
    "journal": ("journal", "append"),
    "journal line": ("journal", "Record.line"),
}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Some graph."""
    return write_graph(tmp_path / "graph.mlir", "plain")


def _broken(host: Host, room: tuple[str, str]) -> None:
    module, name = room
    code = 'def _broken(*_args, **_named):\n    raise RuntimeError("on purpose")\n'
    break_room(host, module, f"{code}\n\n{name} = _broken")


def _compile(host: Host, cwd: Path, graph: Path, fail: str = "") -> int:
    """One compile with a wrapper and a remote; its status."""
    remote = host.root / "remote"
    remote.mkdir(exist_ok=True)
    variables = {"SDKSTANDIN_FAIL": fail, "NEFFCACHE_REMOTES": f"file://{remote}?mode=ro"}
    return host.compile(cwd, graph, WRAPPER, variables=variables).status


def _assert_compiled_once(host: Host, tmp_path: Path, graph: Path) -> None:
    before = host.compiles
    assert _compile(host, tmp_path / "work", graph) == 0
    assert comes_from(tmp_path / "work" / "out.neff", graph)
    assert (tmp_path / "work" / "wrapped_neff.hlo").exists()
    assert host.compiles == before + 1


@pytest.mark.parametrize("room", MISS | AFTER)
def test_room_that_raises_on_a_miss_breaks_no_compile(
    host: Host, tmp_path: Path, graph: Path, room: str
) -> None:
    _broken(host, (MISS | AFTER)[room])
    _assert_compiled_once(host, tmp_path, graph)
    assert host.outcomes() == ["internal_error"]
    assert host.entries() == []


@pytest.mark.parametrize("room", ["graph", "claim", "run.miss", "run.keeping"])
def test_room_that_raises_leaves_a_failure_as_it_is(
    host: Host, tmp_path: Path, graph: Path, room: str
) -> None:
    _broken(host, (MISS | AFTER)[room])
    assert _compile(host, tmp_path / "work", graph, "exit70") == 70
    assert host.compiles == 1


@pytest.mark.parametrize(("fail", "status"), [("", 0), ("exit70", 70), ("sig9", -9)])
def test_record_that_raises_after_the_compile_changes_no_answer(
    host: Host, tmp_path: Path, fail: str, status: int
) -> None:
    """Once a compiler has run nothing may start another."""
    graph = write_graph(tmp_path / "graph.mlir", "plain")
    lie = (
        'if "status" in fields:\n        raise RuntimeError("on purpose")\n    _set(self, **fields)'
    )
    code = f"_set = Record.set\n\n\ndef _broken(self, **fields):\n    {lie}"
    break_room(host, "journal", f"{code}\n\n\nRecord.set = _broken")
    assert _compile(host, tmp_path / "work", graph, fail) == status
    assert host.compiles == 1
    assert host.outcomes() == ["internal_error"]


@pytest.mark.parametrize("room", HIT)
def test_room_that_raises_on_a_hit_costs_one_compile(
    host: Host, tmp_path: Path, graph: Path, room: str
) -> None:
    assert _compile(host, tmp_path / "first", graph) == 0
    _broken(host, HIT[room])
    _assert_compiled_once(host, tmp_path, graph)
    assert host.outcomes() == ["compiled", "internal_error"]


@pytest.mark.parametrize("room", SILENT)
def test_room_that_raises_outside_of_the_story_breaks_no_compile(
    host: Host, tmp_path: Path, graph: Path, room: str
) -> None:
    _broken(host, SILENT[room])
    _assert_compiled_once(host, tmp_path, graph)
    assert _compile(host, tmp_path / "work", graph, "sig9") in (-9, 0)


@pytest.mark.parametrize("room", ["journal", "journal line"])
def test_hit_without_a_journal_is_a_hit(host: Host, tmp_path: Path, graph: Path, room: str) -> None:
    assert _compile(host, tmp_path / "first", graph) == 0
    _broken(host, SILENT[room])
    assert _compile(host, tmp_path / "work", graph) == 0
    assert comes_from(tmp_path / "work" / "out.neff", graph)
    assert host.compiles == 1


def test_package_that_cannot_be_read_at_all_breaks_no_compile(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    break_room(host, "shim.main", "this is no Python")
    _assert_compiled_once(host, tmp_path, graph)


def test_claim_that_lets_everybody_in_is_harmless(host: Host, tmp_path: Path, graph: Path) -> None:
    lie = "class _Free:\n    def release(self, **_named):\n        pass\n\n\n"
    break_room(host, "store.claim", lie + "take = lambda *_args: _Free()")
    _assert_compiled_once(host, tmp_path, graph)
    assert host.outcomes() == ["compiled"]


def test_claim_that_lets_nobody_in_is_waited_for_and_given_up(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    break_room(host, "store.claim", "_try = lambda *_args: None")
    host.variables["NEFFCACHE_WAIT"] = "0.2"
    _assert_compiled_once(host, tmp_path, graph)
    assert host.outcomes() == ["compiled"]
    assert "wait_timeout" in host.notes()


def test_locks_on_files_that_never_are_themselves_do_not_hang(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    """As on a file system that gives a file another inode number each time."""
    break_room(host, "locks", "_still_there = lambda *_args: False")
    _assert_compiled_once(host, tmp_path, graph)
    assert "no_locks" in host.notes()


def test_keeping_that_takes_too_long_is_given_up(host: Host, tmp_path: Path, graph: Path) -> None:
    break_room(host, "run.keeping", "_SECONDS = -1.0")
    _assert_compiled_once(host, tmp_path, graph)
    assert host.outcomes() == ["compiled_store_failed"]
    assert host.entries() == []


def test_compiler_whose_identity_does_not_hold_is_not_kept(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    break_room(host, "compiler.identity", "Identity.holds = lambda _self: False")
    _assert_compiled_once(host, tmp_path, graph)
    assert host.outcomes() == ["compiler_changed"]


def test_bundle_that_was_written_wrongly_is_never_served(
    host: Host, tmp_path: Path, graph: Path
) -> None:
    """A build that turns bytes around on their way: the wrapper is verified at once."""
    lie = "_honest = _write_at\n\n\ndef _write_at(out, data, at):\n    _honest(out, data[::-1], at)"
    break_room(host, "entry.build", lie)
    for _ in range(2):
        _assert_compiled_once(host, tmp_path, graph)
    assert "hit_local" not in host.outcomes()
