"""Story: a graph seen before is answered by its alias, and by a walk wherever that cannot be."""

from __future__ import annotations

from pathlib import Path

import mounts
from faults.copies import break_room
from hosts import CONV, FORWARD, TRAIN, Host, finish

# Nothing can be walked any more; what hits all the same was known by its bytes.
BROKEN = ("graph.walk", "raise RuntimeError('a walk')")
PASS = "Compiler status PASS\n"


def _aliases(host: Host) -> list[Path]:
    return sorted(host.store.glob("aliases/*/*"))


def test_a_repeat_hits_without_a_walk(host: Host, tmp_path: Path) -> None:
    assert host.compile(tmp_path / "one", TRAIN).status == 0
    break_room(host, *BROKEN)
    assert host.compile(tmp_path / "two", TRAIN).out == PASS
    assert host.compile(tmp_path / "two", CONV).status == 0
    assert host.outcomes() == ["compiled", "hit_local", "internal_error"]


def test_a_known_graph_with_other_flags_is_another_key_without_a_walk(
    host: Host, tmp_path: Path
) -> None:
    host.compile(tmp_path / "one", TRAIN)
    break_room(host, *BROKEN)
    for _ in range(2):
        host.compile(tmp_path / "two", TRAIN, "-O1")
    environ = {"NEURON_FSDP": "1"}
    host.compile(tmp_path / "two", TRAIN, variables=environ)
    assert host.outcomes() == ["compiled", "compiled", "hit_local", "compiled"]
    assert len(host.entries()) == 3


def test_a_graph_known_at_one_level_is_not_known_at_another(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path / "one", TRAIN)
    break_room(host, *BROKEN)
    for level, outcome in (("raw", "internal_error"), ("strict", "hit_local")):
        host.compile(tmp_path / "two", TRAIN, variables={"NEFFCACHE_KEY_LEVEL": level})
        assert host.outcomes()[-1] == outcome


def test_a_store_that_cannot_be_written_answers_by_its_aliases(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path / "one", TRAIN)
    break_room(host, *BROKEN)
    with mounts.read_only(host.store):
        assert host.compile(tmp_path / "two", TRAIN).out == PASS
    assert host.compiles == 1


def test_a_store_that_cannot_be_written_answers_by_walking(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path / "one", TRAIN)
    for alias in _aliases(host):
        alias.unlink()
    with mounts.read_only(host.store):
        assert host.compile(tmp_path / "two", TRAIN).out == PASS
    assert (host.compiles, _aliases(host)) == (1, [])


def test_damaged_aliases_cost_a_walk_and_are_replaced(host: Host, tmp_path: Path) -> None:
    host.compile(tmp_path / "one", TRAIN)
    (alias,) = _aliases(host)
    whole = alias.read_bytes()
    for content in (b"", whole[:40], whole.replace(b"strict", b"canoni"), b"\0" * 4096):
        alias.write_bytes(content)
        host.compile(tmp_path / "two", TRAIN)
        assert alias.read_bytes() == whole
    assert host.outcomes() == ["compiled", *["hit_local"] * 4]


def test_aliases_that_changed_places_are_not_believed(host: Host, tmp_path: Path) -> None:
    """Believed, each graph would be served the other's NEFF."""
    for graph in (TRAIN, FORWARD):
        host.compile(tmp_path / graph.stem, graph)
    one, other = _aliases(host)
    texts = one.read_bytes(), other.read_bytes()
    one.write_bytes(texts[1])
    other.write_bytes(texts[0])
    for graph in (TRAIN, FORWARD):
        host.compile(tmp_path / "again", graph)
        served = (tmp_path / "again" / "out.neff").read_bytes()
        assert served == (tmp_path / graph.stem / "out.neff").read_bytes()
    assert host.outcomes()[2:] == ["hit_local"] * 2


def test_callers_at_once_leave_one_good_alias(host: Host, tmp_path: Path) -> None:
    line = ["compile", str(TRAIN), "--output", "out.neff", "--target=trn1"]
    started = [host.start(tmp_path / str(number), *line) for number in range(6)]
    assert [finish(process).status for process in started] == [0] * 6
    assert (host.compiles, len(_aliases(host))) == (1, 1)
    break_room(host, *BROKEN)
    host.cc(tmp_path / "later", *line)
    assert host.outcomes()[-1] == "hit_local"
