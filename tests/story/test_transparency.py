"""Story: with the shim or without, a caller and the compiler notice nothing but a written list."""

from __future__ import annotations

import re

import pytest

from story import seen, tree
from story.caller import Caller
from story.rig import Line, Result, Rig

# Everything that a compiler behind the shim can see, or a caller in front of it. Nothing else.
ACTIVE = "environ NEFFCACHE_ACTIVE"
PARENT = "parent_comm"
BY_SH = {"environ PWD", "environ OLDPWD", "environ SHLVL", "environ _"}
DIFFERENCES = {
    ACTIVE: "the one variable that tells a nested call from a first one",
    PARENT: "a miss has to see the compile's end, so the shim is its parent (a bypass is not)",
    **dict.fromkeys(BY_SH, "sh sets these for itself, each sh some of them"),
    "environ odd.name": "sh drops names that are no names in its language",
    "ignored SIGPIPE": "Python ignores it at its start: what the caller did is lost, so default",
    "ignored SIGXFSZ": "the same",
}
HIT_OUTPUT = "Compiler status PASS\n"
HIT_LOG = re.compile(r"<time> neffcache: answered from [0-9a-f]{64}, compiled once in \d+\.\d s\n")

LINES = {
    "2022": Line(
        "--target=trn1 compile --framework XLA {d}/in.hlo.pb --output {d}/out.neff"
        " --model-type=transformer --verbose=35"
    ),
    "2024": Line(
        "compile --target=trn1 --framework=XLA {d}/in.hlo_module.pb --output {d}/out.neff -O1"
        " --verbose=35",
        cwd="other",
        log="other/log-neuron-cc.txt",
    ),
    "2025": Line(
        "compile --framework=XLA {d}/in.hlo_module.pb --output {d}/out.neff --target=trn1 --lnc=1"
        " --verbose=35",
        cwd="other",
        log="other/log-neuron-cc.txt",
    ),
    "PJRT": Line(
        "compile --framework=XLA --target=trn1 --verbose=35 --enable-internal-neff-wrapper"
        " --output={d}/file.neff {d}/file.code --model-type transformer"
    ),
    "PJRT, other directory": Line(
        "compile --framework=XLA --target=trn1 --verbose=35 --enable-internal-neff-wrapper"
        " --output={d}/file.neff {d}/file.code",
        cwd="other",
        log="other/log-neuron-cc.txt",
    ),
    "trace": Line(
        "compile {d}/model --framework XLA --target trn1 --output {d}/graph.neff --auto-cast=none",
        cwd="other",
        log="other/log-neuron-cc.txt",
    ),
    "trace, one file": Line(
        "compile {d}/model/graph.hlo --framework XLA --target trn1 --output {d}/graph.neff",
        cwd="other",
        log="other/log-neuron-cc.txt",
    ),
    "native StableHLO": Line(
        "compile {d}/module.mlir --framework XLA --target trn2 --model-type transformer --lnc 2"
        " -O1 --auto-cast=none --output {d}/module.neff --internal-max-instruction-limit 20"
    ),
    "native HLO": Line(
        "compile {d}/module.hlo.pb --framework XLA --target trn1 --model-type transformer --lnc 1"
        " -O1 --auto-cast=none --output {d}/module.neff"
    ),
    "vLLM": Line(
        "compile {d}/graph.hlo --framework XLA --target trn1 --output {d}/graph_0a1b.neff"
        " --logfile {d}/log-neuron-cc.txt --enable-saturate-infinity -O2",
        cwd="other",
        silent=True,
    ),
    "all defaults": Line("compile --framework XLA in.hlo.pb --target inf2"),
}
NKIPY = Line(
    "compile --framework XLA {d}/hlo_module.pb --pipeline compile SaveTemps --target trn1"
    " --output=NAME.neff --lnc 1"
)


def test_every_difference_has_its_reason() -> None:
    assert all(DIFFERENCES.values())


@pytest.mark.parametrize("name", LINES)
def test_miss_is_like_no_shim(rig: Rig, name: str) -> None:
    line = LINES[name]
    plain, miss = rig.run(rig.probe, line), rig.run(rig.shim, line)
    assert rig.outcomes() == ["compiled"]
    _assert_same_to_the_caller(plain, miss)
    assert _noticed(plain, miss) == {ACTIVE, PARENT}


@pytest.mark.parametrize("name", LINES)
def test_hit_leaves_what_a_compile_leaves(rig: Rig, name: str) -> None:
    line = LINES[name]
    plain, _miss, hit = rig.run(rig.probe, line), rig.run(rig.shim, line), rig.run(rig.shim, line)
    assert rig.outcomes() == ["compiled", "hit_local"]
    assert hit.facts == {}
    assert (hit.status, hit.err) == (plain.status, plain.err) == (0, "")
    assert hit.out == ("" if line.silent else HIT_OUTPUT)
    assert line.silent or plain.out.endswith(HIT_OUTPUT)
    assert tree.differences(plain.left, hit.left) == {f"content {line.log}"}
    assert HIT_LOG.fullmatch(hit.left[line.log].content)


def test_line_with_saved_temporaries_is_passed_on(rig: Rig) -> None:
    plain, first, second = (rig.run(p, NKIPY) for p in (rig.probe, rig.shim, rig.shim))
    assert rig.outcomes() == ["special_pipeline"] * 2
    assert "work/neuronxcc-*/file.neff" in plain.left
    for run in (first, second):
        _assert_same_to_the_caller(plain, run)
        assert _noticed(plain, run) == {ACTIVE}


def test_saved_temporaries_are_what_a_hit_lacks_where_that_is_allowed(rig: Rig) -> None:
    line = Line(NKIPY.words, variables={"NEFFCACHE_ALLOW_SAVETEMPS": "1"})
    plain, miss, hit = (rig.run(p, line) for p in (rig.probe, rig.shim, rig.shim))
    assert rig.outcomes() == ["compiled", "hit_local"]
    _assert_same_to_the_caller(plain, miss)
    temporary = {name for name in plain.left if "neuronxcc-*" in name}
    lacking = tree.differences(plain.left, hit.left)
    assert lacking == {f"content {line.log}", *(f"only {name}" for name in temporary)}


COMPILE = "compile --framework=XLA {d}/in.hlo.pb --output out.neff --target=trn1"


def _failing(kind: str, status: int) -> Line:
    return Line(COMPILE, variables={"SDKSTANDIN_FAIL": kind}, status=status)


PASSED_ON = {
    "--version": Line("--version"),
    "list-operators": Line("list-operators --framework XLA"),
    "placement on the device": Line("compile --query-compute-placement {d}/in.hlo.pb"),
    "placement on the host": Line("--query-compute-placement {d}/module.mlir", status=1),
    "placement unknown": Line("--query-compute-placement {d}/none.pb", status=70),
    "help": Line("--help"),
    "no command": Line("", status=2),
    "unknown command": Line("decompile {d}/in.hlo.pb", status=2),
    "no input": Line("compile --target=trn1", status=2),
    "several inputs": Line("compile --target=trn1 {d}/in.hlo.pb {d}/file.code", status=2),
    "unknown value": Line("compile --target=trn9 {d}/in.hlo.pb --frobnicate", status=2),
    "missing graph": Line("compile --target=trn1 {d}/none.pb", status=70),
    "no target": Line("compile {d}/in.hlo.pb --output=out.neff"),
    "missing directory": Line(COMPILE.replace("out.neff", "{d}/none/out.neff"), status=70),
    "empty argument": Line(COMPILE + " {empty}", status=2),
}
FAILING = {
    "exit 70": _failing("exit70", 70),
    "exit 1": _failing("exit1", 1),
    "kill": _failing("sig9", -9),
    "segmentation fault": _failing("sig11", -11),
    "abort": _failing("sig6", -6),
    "kill while writing": _failing("mid-sig9", -9),
    "status 0 without a NEFF": _failing("none", 0),
    "status 0 with a truncated NEFF": _failing("truncated", 0),
}


@pytest.mark.parametrize("name", PASSED_ON)
def test_command_that_is_no_sure_compile_is_passed_on(rig: Rig, name: str) -> None:
    line = PASSED_ON[name]
    plain, first = rig.run(rig.probe, line), rig.run(rig.shim, line)
    assert plain.status == line.status
    _assert_same_to_the_caller(plain, first)
    assert _noticed(plain, first) == {ACTIVE}
    assert rig.host.entries() == []


@pytest.mark.parametrize("name", FAILING)
def test_failing_compile_fails_alike_each_time(rig: Rig, name: str) -> None:
    line = FAILING[name]
    plain, first, second = (rig.run(p, line) for p in (rig.probe, rig.shim, rig.shim))
    assert plain.status == line.status
    for run in (first, second):
        _assert_same_to_the_caller(plain, run)
        assert _noticed(plain, run) == {ACTIVE, PARENT}
    assert rig.host.entries() == []
    assert rig.host.compiles == 3


# How a caller may stand, and which further differences that brings; each in DIFFERENCES.
STANDING: dict[str, tuple[Caller, dict[str, str], set[str]]] = {
    "no locale": (Caller(), {"LANG": "\0unset"}, set()),
    "LC_ALL=C": (Caller(), {"LC_ALL": "C"}, set()),
    "LC_CTYPE=C": (Caller(), {"LANG": "\0unset", "LC_CTYPE": "C"}, set()),
    "LC_CTYPE empty": (Caller(), {"LANG": "\0unset", "LC_CTYPE": ""}, set()),
    "LC_CTYPE=POSIX": (Caller(), {"LC_CTYPE": "POSIX"}, set()),
    "unknown locale": (Caller(), {"LC_ALL": "xx_XX.KOI8-R"}, set()),
    "umask 077": (Caller(umask=0o077), {}, set()),
    "umask 002": (Caller(umask=0o002), {}, set()),
    "umask 0": (Caller(umask=0), {}, set()),
    "SIGCHLD ignored": (Caller(ignored=("SIGCHLD",)), {}, set()),
    "SIGHUP, SIGINT, SIGTSTP ignored": (
        Caller(ignored=("SIGHUP", "SIGINT", "SIGTSTP", "SIGTERM")),
        {},
        set(),
    ),
    "SIGPIPE ignored": (Caller(ignored=("SIGPIPE",)), {}, {"ignored SIGPIPE"}),
    "SIGXFSZ ignored": (Caller(ignored=("SIGXFSZ",)), {}, {"ignored SIGXFSZ"}),
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
        Caller(),
        {"odd.name": "x", "BYTES": "\udcff\udcfe", "LINES2": "a\nb", "IFS": ":", "EMPTY": ""},
        {"environ odd.name"},
    ),
    "Python's variables": (
        Caller(),
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": "/nowhere"},
        set(),
    ),
    "shell's variables": (Caller(), {"ENV": "/nowhere", "BASH_ENV": "/nowhere", "PS1": "x"}, set()),
    "PATH with an empty element": (Caller(), {"PATH": "{shims}::{real}:/usr/bin:/bin"}, set()),
    "PATH with a relative element": (Caller(), {"PATH": "x:{shims}:{real}:/usr/bin:/bin"}, set()),
}


@pytest.mark.parametrize("way", ["miss", "bypass"])
@pytest.mark.parametrize("name", STANDING)
def test_compiler_stands_as_the_caller_stood(rig: Rig, name: str, way: str) -> None:
    caller, variables, further = STANDING[name]
    named = {"shims": str(rig.host.shims), "real": str(rig.probe.parent)}
    line = Line(COMPILE, variables={n: v.format(**named) for n, v in variables.items()})
    if way == "bypass":
        rig.settings.write_text("")  # the probe is then a compiler that cannot be identified
    plain, behind = rig.run(rig.probe, line, caller), rig.run(rig.shim, line, caller)
    expected = {ACTIVE, *further} | ({PARENT} if way == "miss" else set())
    assert _noticed(plain, behind) == expected <= set(DIFFERENCES)
    _assert_same_to_the_caller(plain, behind)
    assert rig.outcomes() == ["compiled" if way == "miss" else "compiler_unidentified"]


def _noticed(plain: Result, behind: Result) -> set[str]:
    assert plain.facts
    return seen.differences(plain.facts, behind.facts) - BY_SH


def _assert_same_to_the_caller(plain: Result, behind: Result) -> None:
    assert behind.status == plain.status
    assert tree.plain(behind.out) == tree.plain(plain.out)
    assert tree.plain(behind.err) == tree.plain(plain.err)
    assert tree.differences(plain.left, behind.left) == set()
