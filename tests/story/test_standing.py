"""Story: how the caller stands, so stands the compiler, but for the written list."""

from __future__ import annotations

from pathlib import Path

import pytest

from story import tree
from story.alike import ACTIVE, PARENT, assert_same_to_the_caller, noticed
from story.caller import Caller
from story.rig import COMPILE, Line, Rig

# How a caller may stand, and which further differences that brings; each in alike.DIFFERENCES.
_PLAIN = Caller()
STANDING: dict[str, tuple[Caller, dict[str, str], set[str]]] = {
    "no locale": (_PLAIN, {"LANG": "\0unset"}, set()),
    "LC_ALL=C": (_PLAIN, {"LC_ALL": "C"}, set()),
    "LC_CTYPE=C": (_PLAIN, {"LANG": "\0unset", "LC_CTYPE": "C"}, set()),
    "LC_CTYPE empty": (_PLAIN, {"LANG": "\0unset", "LC_CTYPE": ""}, set()),
    "LC_CTYPE=POSIX": (_PLAIN, {"LC_CTYPE": "POSIX"}, set()),
    "unknown locale": (_PLAIN, {"LC_ALL": "xx_XX.KOI8-R"}, set()),
    "umask 077": (Caller(umask=0o077), {}, set()),
    "umask 002": (Caller(umask=0o002), {}, set()),
    "umask 0": (Caller(umask=0), {}, set()),
    "SIGCHLD ignored": (Caller(ignored=("SIGCHLD",)), {}, set()),
    "SIGHUP, SIGINT, SIGTSTP ignored": (
        Caller(ignored=("SIGHUP", "SIGINT", "SIGTSTP", "SIGTERM")),
        {},
        set(),
    ),
    "signals blocked": (Caller(blocked=("SIGUSR1", "SIGTERM", "SIGCHLD")), {}, set()),
    "further descriptors": (
        Caller(opened={3: "odd", 7: "odd", 10: "odd", 11: "/dev/null", 63: "even"}),
        {},
        set(),
    ),
    "limits": (
        Caller(limits={"RLIMIT_NOFILE": (200, 300), "RLIMIT_CORE": (0, 4096)}),
        {},
        set(),
    ),
    "stdin closed": (Caller(closed=(0,)), {}, set()),
    "stdout closed": (Caller(closed=(1,)), {}, set()),
    "stdin, stdout and stderr closed": (Caller(closed=(0, 1, 2)), {}, set()),
    "odd variables": (
        _PLAIN,
        {"odd.name": "x", "BYTES": "\udcff\udcfe", "LINES2": "a\nb", "IFS": ":", "EMPTY": ""},
        {"environ odd.name", "environ IFS"},
    ),
    "Python's variables": (
        _PLAIN,
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": "/nowhere"},
        set(),
    ),
    "shell's variables": (_PLAIN, {"ENV": "/nowhere", "BASH_ENV": "/nowhere", "PS1": "x"}, set()),
    "PATH with an empty element": (_PLAIN, {"PATH": "{shims}::{real}:/usr/bin:/bin"}, set()),
    "no PATH": (_PLAIN, {"PATH": "\0unset", "NEFFCACHE_COMPILER": "{probe}"}, set()),
    "PATH with a relative element": (_PLAIN, {"PATH": "x:{shims}:{real}:/usr/bin:/bin"}, set()),
}


@pytest.mark.parametrize("way", ["miss", "bypass"])
@pytest.mark.parametrize("name", STANDING)
def test_compiler_stands_as_the_caller_stood(rig: Rig, name: str, way: str) -> None:
    caller, variables, further = STANDING[name]
    named = {"shims": str(rig.host.shims), "real": str(rig.real.parent), "probe": str(rig.real)}
    line = Line(COMPILE, variables={n: v.format(**named) for n, v in variables.items()})
    if way == "bypass":
        rig.settings.write_text("disable = true\n")
    plain, behind = rig.run(rig.real, line, caller), rig.run(rig.shim, line, caller)
    expected = {ACTIVE, *further} | ({PARENT} if way == "miss" else set())
    assert noticed(plain, behind) == expected
    assert_same_to_the_caller(plain, behind)
    compiled = "compile_failed" if plain.status else "compiled"
    assert rig.outcomes() == [compiled if way == "miss" else "disabled"]


@pytest.mark.parametrize("way", ["miss", "bypass"])
@pytest.mark.parametrize("name", ["SIGPIPE", "SIGXFSZ", ""])
def test_what_python_ignores_is_at_its_default(sh_rig: Rig, name: str, way: str) -> None:
    if way == "bypass":
        sh_rig.settings.write_text("disable = true\n")
    caller, line = Caller(ignored=(name,) if name else ()), Line(COMPILE)
    plain, behind = sh_rig.run(sh_rig.real, line, caller), sh_rig.run(sh_rig.shim, line, caller)
    expected = {ACTIVE, *([f"ignored {name}"] if name else []), *([PARENT] * (way == "miss"))}
    assert noticed(plain, behind) == expected
    assert not behind.facts["ignored SIGPIPE"]
    assert not behind.facts["ignored SIGXFSZ"]


def test_caller_without_streams_gets_a_hit(rig: Rig) -> None:
    plain, _miss = rig.run(rig.real, Line(COMPILE)), rig.run(rig.shim, Line(COMPILE))
    hit = rig.run(rig.shim, Line(COMPILE), Caller(closed=(0, 1, 2)))
    assert rig.outcomes()[1:] == ["hit_local"]
    assert (hit.status, hit.out, hit.err) == (0, "", "")
    assert tree.differences(plain.left, hit.left) == {"content work/log-neuron-cc.txt"}
    assert hit.left["work/log-neuron-cc.txt"].content.count("\n") == 1


@pytest.mark.parametrize("umask", [0o077, 0o002, 0o027, 0])
def test_files_of_a_hit_have_the_modes_of_a_compile(rig: Rig, umask: int) -> None:
    line, caller = Line(f"{COMPILE} --enable-internal-neff-wrapper"), Caller(umask=umask)
    plain, _miss = rig.run(rig.real, line, caller), rig.run(rig.shim, line)
    hit = rig.run(rig.shim, line, caller)
    assert rig.outcomes()[1:] == ["hit_local"]
    assert tree.differences(plain.left, hit.left) == {"content work/log-neuron-cc.txt"}


@pytest.mark.parametrize("directory", ["", "{d}/"])
def test_caller_whose_directory_is_gone_gets_what_the_compiler_says(
    rig: Rig, tmp_path: Path, directory: str
) -> None:
    """Even where the entry is stored: a relative path then means nothing."""
    output = f"{tmp_path.name}.neff"
    line = Line(COMPILE.replace("out.neff", f"{directory}{output}"), cwd="other")
    stored = rig.run(rig.shim, line)
    assert (stored.status, len(rig.host.entries())) == (0, 1)
    gone = Caller(cwd_removed=True)
    plain, behind = rig.run(rig.real, line, gone), rig.run(rig.shim, line, gone)
    assert rig.outcomes() == ["compiled", "bad_command_line"]
    assert behind.status == plain.status != 0
    assert behind.err.endswith(plain.err)  # sh complains once more, before Python is started
    assert tree.differences(plain.left, behind.left) == set()
    assert not Path(f"/{output}").exists()
