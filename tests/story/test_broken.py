"""Story: whatever breaks in the cache's own program, the real compiler runs, once, as if alone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import BIN, Host
from neffcache.cli import head, interpreter
from story.alike import ACTIVE, assert_same_to_the_caller, noticed
from story.calling import LINE, call, write_program
from story.rig import COMPILE, Line, Rig

SOURCE = Path(interpreter.package_directory())
LOOSE = {"NEFFCACHE_STRICT": "\0unset"}


class Own:
    """A shim with an interpreter path, a landmark and a package that a test may break."""

    def __init__(self, root: Path) -> None:
        self.package = root / "neffcache"
        shutil.copytree(SOURCE, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        self.start = self.package / "shim" / "start.py"
        self.python = root / "python"
        self.python.symlink_to(os.path.realpath(sys.executable))
        self.landmark = root / "os.py"
        self.landmark.touch()
        text = head.render(str(self.python), str(self.landmark), str(self.start))
        self.shim = write_program(root / "bin", text)


@pytest.fixture
def own(tmp_path: Path) -> Own:
    made = tmp_path / "own"
    made.mkdir()
    return Own(made)


def _no_python(own: Own) -> None:
    own.python.unlink()


def _no_execution(own: Own) -> None:
    own.python.unlink()
    own.python.write_text("")


def _no_library(own: Own) -> None:
    own.landmark.unlink()


def _no_start(own: Own) -> None:
    own.start.unlink()


def _no_package(own: Own) -> None:
    shutil.rmtree(own.package)


def _only_start(own: Own) -> None:
    text = own.start.read_text()
    shutil.rmtree(own.package)
    own.start.parent.mkdir(parents=True)
    own.start.write_text(text)


def _syntax_error(own: Own) -> None:
    (own.package / "key.py").write_text("def (")


def _raising_import(own: Own) -> None:
    (own.package / "journal.py").write_text("raise RuntimeError")


def _exiting_import(own: Own) -> None:
    (own.package / "files.py").write_text("raise SystemExit(0)")


def _missing_module(own: Own) -> None:
    (own.package / "config.py").unlink()


def _missing_name(own: Own) -> None:
    (own.package / "shim" / "main.py").write_text("")


def _truncated_byte_code(own: Own) -> None:
    (own.package / "key.py").rename(own.package / "key.pyc")


BEFORE = (
    _no_python, _no_execution, _no_library, _no_start, _no_package, _only_start, _syntax_error,
    _raising_import, _exiting_import, _missing_module, _missing_name, _truncated_byte_code,
)  # fmt: skip
# Rooms that only a miss enters: when they break the compile may already have been decided on.
LATER = ("run/miss.py", "child.py", "run/keeping.py", "entry/build.py", "store/keep.py",
         "compiler/package.py", "locks.py", "neff.py")  # fmt: skip


@pytest.mark.parametrize("break_it", BEFORE)
def test_broken_cache_gives_way_to_the_compiler(
    host: Host, own: Own, break_it: Callable[[Own], None]
) -> None:
    break_it(own)
    done = call(host, own.shim, own.shim.parent, BIN, variables=LOOSE)
    assert done.status == 0
    assert host.compiles == 1
    assert done.err.startswith("neffcache: the cache or its Python is damaged, compiling without")
    assert done.err.count("\n") == 1
    assert (host.root / "work" / "out.neff").exists()


@pytest.mark.parametrize("break_it", [_no_python, _syntax_error])
@pytest.mark.parametrize(("kind", "status"), [("exit70", 70), ("sig11", -11)])
def test_compiler_behind_a_broken_cache_fails_as_it_does_alone(
    host: Host, own: Own, break_it: Callable[[Own], None], kind: str, status: int
) -> None:
    break_it(own)
    fail = {**LOOSE, "SDKSTANDIN_FAIL": kind}
    assert call(host, own.shim, own.shim.parent, BIN, variables=fail).status == status
    assert host.compiles == 1


@pytest.mark.parametrize("module", LATER)
def test_room_that_breaks_late_costs_no_compile(host: Host, own: Own, module: str) -> None:
    (own.package / module).write_text("def (" if module.endswith("k.py") else "raise RuntimeError")
    for count in (1, 2):
        done = call(host, own.shim, own.shim.parent, BIN, variables=LOOSE)
        assert done.status == 0
        assert "neffcache: internal error" in done.err
        assert host.compiles == count
    assert host.outcomes() == ["internal_error"] * 2


def test_strict_mode_shows_a_fault_instead(host: Host, own: Own) -> None:
    (own.package / "run" / "miss.py").write_text("raise RuntimeError('seen')")
    done = call(host, own.shim, own.shim.parent, BIN, variables={"NEFFCACHE_STRICT": "1"})
    assert done.status == 1
    assert "RuntimeError: seen" in done.err
    assert host.compiles == 0


@pytest.mark.parametrize("break_it", [_no_python, _syntax_error])
def test_broken_cache_calls_no_wrapper_for_ever(
    host: Host, own: Own, break_it: Callable[[Own], None]
) -> None:
    break_it(own)
    wrapper = write_program(host.root / "wrap", '#!/bin/sh\nneuronx-cc "$@"\n')
    done = call(host, own.shim, own.shim.parent, wrapper.parent, BIN, variables=LOOSE)
    assert done.status == 0
    assert host.compiles == 1


@pytest.mark.parametrize("break_it", [_no_python, _syntax_error])
def test_broken_cache_without_a_compiler_ends_with_127(
    host: Host, own: Own, break_it: Callable[[Own], None]
) -> None:
    break_it(own)
    done = call(host, own.shim, own.shim.parent, host.shims, variables=LOOSE)
    assert done.status == 127
    assert done.err.startswith("neffcache: no real neuronx-cc on PATH")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("break_it", [_no_python, _syntax_error])
def test_broken_cache_uses_the_named_compiler(
    host: Host, own: Own, break_it: Callable[[Own], None]
) -> None:
    break_it(own)
    named = {**LOOSE, "NEFFCACHE_COMPILER": str(BIN / "neuronx-cc")}
    assert call(host, own.shim, own.shim.parent, variables=named).status == 0
    assert host.compiles == 1


@pytest.mark.parametrize("break_it", [_no_python, _syntax_error])
@pytest.mark.parametrize("locale", [{}, {"LC_CTYPE": "C"}, {"LANG": "\0unset"}])
def test_compiler_behind_a_broken_cache_stands_as_the_caller_stood(
    rig: Rig, own: Own, break_it: Callable[[Own], None], locale: dict[str, str]
) -> None:
    break_it(own)
    line = Line(COMPILE, variables={**LOOSE, **locale})
    plain, behind = rig.run(rig.real, line), rig.run(own.shim, line)
    assert noticed(plain, behind) == {ACTIVE}
    assert behind.err.count("\n") == 1
    assert_same_to_the_caller(plain, behind, but="err")


def test_whole_copy_of_the_package_works(host: Host, own: Own) -> None:
    for _ in range(2):
        done = call(host, own.shim, own.shim.parent, BIN, line=LINE)
        assert (done.status, done.err) == (0, "")
    assert host.outcomes() == ["compiled", "hit_local"]


@pytest.mark.parametrize("break_it", [_no_python, _syntax_error])
def test_compiler_behind_a_broken_cache_has_default_signals(
    sh_rig: Rig, own: Own, break_it: Callable[[Own], None]
) -> None:
    break_it(own)
    line = Line(COMPILE, variables=LOOSE)
    plain, behind = sh_rig.run(sh_rig.real, line), sh_rig.run(own.shim, line)
    assert noticed(plain, behind) == {ACTIVE}
