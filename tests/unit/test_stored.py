"""Unit: a call answered in the caller's process: as the shim answers it, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mounts
from hosts import CONV, REAL_COMPILER, TRAIN, Host
from neffcache import config, processes
from neffcache.run import keying, stored
from neffcache.run.plan import Job, Ran

LINE = ("compile", "--framework=XLA", "in.pb", "--output", "out.neff", "--target=trn1")
WRAPPED = (*LINE, "--enable-internal-neff-wrapper")


class Caller:
    """A process that asks for calls in a directory with a graph; it has heard what is in `said`."""

    def __init__(self, host: Host, cwd: Path) -> None:
        self.host, self.cwd, self.said = host, cwd, b""
        cwd.mkdir(parents=True, exist_ok=True)
        (cwd / "in.pb").write_bytes(TRAIN.read_bytes())

    def job(self, *line: str, **variables: str) -> Job:
        """A call as a door hands it over."""
        made = Job()
        environ = self.host.environ(**variables)
        made.environ = {os.fsencode(name): os.fsencode(text) for name, text in environ.items()}
        made.argv, made.cwd, made.script = list(line or LINE), str(self.cwd), str(REAL_COMPILER)
        made.config = config.load(made.environ)
        made.say, made.compile = self._hear, self._compile
        return made

    def serve(self, *line: str, **variables: str) -> bool:
        """Whether a call is answered."""
        return stored.serve(self.job(*line, **variables))

    def is_known(self, *line: str, **variables: str) -> bool:
        """Whether a call is one for the shim."""
        return stored.is_known(self.job(*line, **variables))

    def compile(self, *line: str) -> None:
        """The same call through the shim."""
        done = self.host.cc(self.cwd, *(line or LINE))
        assert done.status == 0, done.err

    def _hear(self, good: bool, text: bytes) -> None:
        self.said += b"out: " + text if good else b"err: " + text

    def _compile(self) -> Ran:
        raise AssertionError("nothing is compiled here")


@pytest.fixture
def caller(host: Host, tmp_path: Path) -> Caller:
    """A caller on a host whose store is empty."""
    return Caller(host, tmp_path / "first")


@pytest.fixture
def later(caller: Caller, tmp_path: Path) -> Caller:
    """Another one with the same graph, after the first has compiled it through the shim."""
    caller.compile()
    return Caller(caller.host, tmp_path / "later")


def _left(caller: Caller) -> set[str]:
    return {path.name for path in caller.cwd.iterdir()}


def test_what_the_shim_compiled_is_served(later: Caller, caller: Caller) -> None:
    assert later.serve()
    assert later.said == b"out: Compiler status PASS\n"
    assert (later.cwd / "out.neff").read_bytes() == (caller.cwd / "out.neff").read_bytes()
    assert _left(later) == {"in.pb", "out.neff", "log-neuron-cc.txt"}


def test_the_line_of_a_hit_says_who_answered(later: Caller) -> None:
    assert later.serve()
    compiled, hit = later.host.journal()
    assert (hit["outcome"], hit["door"]) == ("hit_local", "hook")
    assert hit["key"] == compiled["key"]
    assert "door" not in compiled


def test_the_log_setting_hears_of_a_hit(later: Caller, tmp_path: Path) -> None:
    assert later.serve(NEFFCACHE_LOG=str(tmp_path / "log"))
    assert '"door":"hook"' in (tmp_path / "log").read_text()


def test_the_wrapped_file_is_served_with_it(caller: Caller, tmp_path: Path) -> None:
    caller.compile(*WRAPPED)
    later = Caller(caller.host, tmp_path / "later")
    assert later.serve(*WRAPPED)
    wrapped = (later.cwd / "wrapped_neff.hlo").read_bytes()
    assert wrapped == (caller.cwd / "wrapped_neff.hlo").read_bytes()


def test_an_unknown_key_leaves_nothing_and_says_nothing(caller: Caller) -> None:
    assert not caller.serve()
    assert _left(caller) == {"in.pb"}
    assert (caller.said, caller.host.journal(), caller.host.compiles) == (b"", [], 0)


def test_another_graph_at_the_same_place_is_not_served(later: Caller) -> None:
    (later.cwd / "in.pb").write_bytes(CONV.read_bytes())
    assert not later.serve()


def test_a_call_that_is_not_for_the_cache_is_left_to_the_shim(later: Caller) -> None:
    for line in (("--version",), ("compile", "in.pb"), (*LINE, "--targ=x"), (*LINE, "none.pb")):
        assert not later.serve(*line)
    assert len(later.host.journal()) == 1


def test_a_graph_that_changes_while_it_is_served_gets_the_answer_for_what_was_read(
    later: Caller, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = keying.compute

    def then_change(*given: Any) -> Any:
        found = compute(*given)
        (later.cwd / "in.pb").write_bytes(CONV.read_bytes())
        return found

    monkeypatch.setattr(keying, "compute", then_change)
    assert later.serve()
    assert (later.cwd / "out.neff").read_bytes() == (caller.cwd / "out.neff").read_bytes()
    assert not later.serve()


def test_a_damaged_entry_is_dropped_and_that_is_written_down(later: Caller) -> None:
    (entry,) = later.host.entries()
    data = bytearray(entry.read_bytes())
    data[-2000] ^= 1
    entry.write_bytes(data)
    assert not later.serve()
    assert later.host.entries() == []
    assert later.host.notes() == ["entry_damaged"]
    noticed = later.host.journal()[-1]
    assert (noticed["outcome"], noticed["door"]) == ("", "hook")
    assert _left(later) == {"in.pb", "log-neuron-cc.txt"}
    later.compile()
    assert later.host.outcomes() == ["compiled", "compiled"]


def test_an_output_whose_directory_is_gone_is_left_to_the_shim(later: Caller) -> None:
    assert not later.serve(*LINE[:4], "none/out.neff", "--target=trn1")
    assert _left(later) == {"in.pb"}


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A directory with room for a log, but for no NEFF."""
    with mounts.of_size(tmp_path / "full", "16k"):
        yield tmp_path / "full"


def test_an_output_on_a_full_disk_is_left_to_the_shim(later: Caller, full: Path) -> None:
    (full / "filling").write_bytes(bytes(12 << 10))
    line = (*LINE[:4], str(full / "out.neff"), "--target=trn1")
    assert not later.serve(*line)
    assert [path.name for path in full.iterdir()] == ["filling"]
    assert later.host.entries()
    assert len(later.host.journal()) == 1


def test_a_store_that_is_open_to_others_is_not_used(later: Caller) -> None:
    later.host.store.chmod(0o755)
    assert not later.serve()
    assert not later.is_known()
    assert later.said == b""


def test_an_entry_that_cannot_be_read_is_left_to_the_shim(later: Caller) -> None:
    (entry,) = later.host.entries()
    entry.unlink()
    entry.mkdir()
    assert not later.serve()
    assert _left(later) == {"in.pb"}


def test_recache_passes_stored_answers_over(later: Caller) -> None:
    assert not later.serve(NEFFCACHE_RECACHE="1")
    assert later.is_known(NEFFCACHE_RECACHE="1")


@pytest.mark.parametrize("setting", ["READONLY", "REQUIRE_HIT"])
def test_settings_about_misses_change_no_hit(later: Caller, setting: str) -> None:
    assert later.serve(**{f"NEFFCACHE_{setting}": "1"})


def test_a_parser_in_another_process_is_left_to_the_shim(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "Helper", None)  # it would be started by calling this
    (caller.cwd / "in.pb").write_bytes(b"ML\xefR any bytecode")
    assert not caller.serve(NEFFCACHE_KEY_BYTECODE="strip")
    (caller.cwd / "in.pb").unlink()
    (caller.cwd / "in.pb").mkdir()
    assert not caller.serve(NEFFCACHE_KEY_BYTECODE="strip")


def test_other_graphs_are_served_whatever_bytecode_is_read_with(
    caller: Caller, tmp_path: Path
) -> None:
    caller.host.variables["NEFFCACHE_KEY_BYTECODE"] = "strip"
    caller.compile()
    assert Caller(caller.host, tmp_path / "later").serve()


def test_a_package_beside_the_compiler_in_its_directory_is_no_hit(
    later: Caller, tmp_path: Path
) -> None:
    assert later.serve(PYTHONPATH=":/nowhere")
    (later.cwd / "neuronxcc").mkdir()
    assert not later.serve(PYTHONPATH=":/nowhere")
    assert not later.is_known(PYTHONPATH="../later")
    assert Caller(later.host, tmp_path / "other").serve(PYTHONPATH=":/nowhere")


def test_a_compile_of_a_known_compiler_is_for_the_shim(caller: Caller) -> None:
    assert caller.is_known()
    assert not caller.is_known("--version")
    assert not caller.is_known("compile", "none.pb")


def test_a_compiler_that_cannot_be_told_is_not_for_the_shim(caller: Caller) -> None:
    job = caller.job()
    job.script = "/bin/true"
    assert not stored.is_known(job)
