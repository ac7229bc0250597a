"""Story: the shim finds the real compiler past itself, and never calls itself for ever."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hosts import BIN, Host
from story.calling import call, write_program

AGAIN = '#!/bin/sh\nneuronx-cc "$@"\n'
COMPILED_THEN_HIT = ["compiled", "hit_local"]


def _copy(shim: Path, other: Path) -> None:
    shutil.copy2(shim, other)


def _symlink(shim: Path, other: Path) -> None:
    other.symlink_to(shim)


def _link_to_link(shim: Path, other: Path) -> None:
    (other.parent / "named-otherwise").symlink_to(shim)
    other.symlink_to("named-otherwise")


def _hard_link(shim: Path, other: Path) -> None:
    os.link(shim, other)


WAYS = {"copy": _copy, "symlink": _symlink, "links": _link_to_link, "hard link": _hard_link}


@pytest.fixture(params=WAYS)
def twin(request: pytest.FixtureRequest, host: Host) -> Path:
    """The shim once more, in another directory."""
    (host.root / "twin").mkdir()
    other = host.root / "twin" / "neuronx-cc"
    WAYS[request.param](host.shims / "neuronx-cc", other)
    return other


@pytest.mark.parametrize("first", ["twin", "shims"])
def test_second_shim_on_path_is_passed_over(host: Host, twin: Path, first: str) -> None:
    order = [twin.parent, host.shims] if first == "twin" else [host.shims, twin.parent]
    for _ in range(2):
        done = call(host, order[0] / "neuronx-cc", *order, BIN)
        assert (done.status, done.err) == (0, "")
    assert host.outcomes() == COMPILED_THEN_HIT
    assert host.compiles == 1


def test_two_shims_and_no_compiler_end_with_one_clear_line(host: Host, twin: Path) -> None:
    done = call(host, twin, host.shims, twin.parent)
    assert done.status == 127
    assert done.err.count("\n") == 1
    assert host.outcomes() == ["compiler_not_found"]


def test_shim_alone_on_path_ends_with_one_clear_line(host: Host) -> None:
    done = call(host, host.shims / "neuronx-cc", host.shims)
    assert (done.status, done.out) == (127, "")
    assert done.err.startswith("neuronx-cc: no neuronx-cc on PATH but the cache's own; activate")
    assert done.err.count("\n") == 1


def test_shim_called_by_its_path_behind_the_compiler(host: Host) -> None:
    for _ in range(2):
        assert call(host, host.shims / "neuronx-cc", BIN, host.shims).status == 0
    assert host.outcomes() == COMPILED_THEN_HIT


@pytest.mark.parametrize("kind", ["directory", "not executable", "dangling link", "empty element"])
def test_what_cannot_be_run_is_passed_over(host: Host, kind: str) -> None:
    odd = host.root / "odd"
    odd.mkdir()
    if kind == "directory":
        (odd / "neuronx-cc").mkdir()
    elif kind == "not executable":
        (odd / "neuronx-cc").write_text("no program")
    elif kind == "dangling link":
        (odd / "neuronx-cc").symlink_to("nowhere")
    middle = "" if kind == "empty element" else odd
    assert call(host, host.shims / "neuronx-cc", host.shims, middle, BIN).status == 0
    assert host.outcomes() == ["compiled"]


def test_compiler_in_a_relative_element_is_found(host: Host) -> None:
    (host.root / "work").mkdir()
    relative = os.path.relpath(BIN, host.root / "work")
    for _ in range(2):
        assert call(host, host.shims / "neuronx-cc", host.shims, relative).status == 0
    assert host.outcomes() == COMPILED_THEN_HIT


def test_wrapper_that_calls_the_bare_name_reaches_the_compiler_once(host: Host) -> None:
    wrapper = write_program(host.root / "wrap", AGAIN)
    done = call(host, host.shims / "neuronx-cc", host.shims, wrapper.parent, BIN)
    assert (done.status, done.err) == (0, "")
    assert host.compiles == 1
    assert sorted(host.outcomes()) == ["compiler_unidentified", "nested"]


def test_named_wrapper_is_cached_and_reaches_the_compiler_once(host: Host) -> None:
    wrapper = write_program(host.root / "wrap", AGAIN)
    order = (host.shims, wrapper.parent, BIN)
    for _ in range(2):
        done = call(
            host, host.shims / "neuronx-cc", *order, variables={"NEFFCACHE_COMPILER_ID": "mine"}
        )
        assert (done.status, done.err) == (0, "")
    assert host.compiles == 1
    assert sorted(host.outcomes()) == ["compiled", "hit_local", "nested"]


def test_compiler_that_starts_itself_is_passed_on_to_itself(host: Host) -> None:
    again = f'#!/bin/sh\n[ "$INNER" ] && exec {BIN}/neuronx-cc "$@"\nINNER=1 neuronx-cc "$@"\n'
    compiler = write_program(host.root / "nested", again)
    done = call(
        host,
        host.shims / "neuronx-cc",
        host.shims,
        compiler.parent,
        variables={"NEFFCACHE_COMPILER_ID": "nested"},
    )
    assert (done.status, done.err) == (0, "")
    assert host.compiles == 1
    assert host.outcomes() == ["nested", "compiled"]


@pytest.mark.parametrize("wrappers", [1, 2])
def test_wrappers_in_a_circle_end_with_one_clear_line(host: Host, wrappers: int) -> None:
    circle = [host.root / f"wrap{number}" for number in range(wrappers)]
    for directory in circle:
        write_program(directory, AGAIN)
    done = call(host, host.shims / "neuronx-cc", host.shims, *circle)
    assert done.status == 127
    assert done.err.startswith("neuronx-cc: recursive invocation of neuronx-cc through ")
    assert done.err.count("\n") == 1
    assert host.outcomes()[-1] == "compiler_not_found"
    assert len(host.outcomes()) < 30


def test_named_compiler_is_used_whatever_path_says(host: Host) -> None:
    decoy = write_program(host.root / "decoy", "#!/bin/sh\nexit 9\n")
    named = {"NEFFCACHE_COMPILER": str(BIN / "neuronx-cc")}
    for _ in range(2):
        done = call(host, host.shims / "neuronx-cc", host.shims, decoy.parent, variables=named)
        assert done.status == 0
    assert host.outcomes() == COMPILED_THEN_HIT


@pytest.mark.parametrize("wrong", ["missing", "directory", "shim"])
def test_wrongly_named_compiler_is_told_in_one_line(host: Host, wrong: str) -> None:
    named = host.root / "nowhere"
    if wrong == "directory":
        named.mkdir()
    elif wrong == "shim":
        named = host.shims / "neuronx-cc"
    done = call(
        host,
        host.shims / "neuronx-cc",
        host.shims,
        BIN,
        variables={"NEFFCACHE_COMPILER": str(named)},
    )
    assert done.status == 127
    assert done.err.startswith(f"neuronx-cc: NEFFCACHE_COMPILER={named} is not a compiler; name ")
    assert done.err.count("\n") == 1
    assert host.compiles == 0


@pytest.mark.parametrize("home", ["\0unset", "/nowhere/at/all", ""])
def test_missing_home_changes_nothing(host: Host, home: str) -> None:
    for _ in range(2):
        done = call(host, host.shims / "neuronx-cc", host.shims, BIN, variables={"HOME": home})
        assert (done.status, done.err) == (0, "")
    assert host.outcomes() == COMPILED_THEN_HIT
