"""Story: with the shim or without, a caller and the compiler notice nothing but a written list."""

from __future__ import annotations

import re

import pytest

from story import tree
from story.alike import ACTIVE, DIFFERENCES, PARENT, assert_same_to_the_caller, noticed
from story.rig import COMPILE, Line, Rig

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
    "odd names": Line(
        "compile --framework XLA {d}/\udcff{blank}.pb --target=trn1 --output={d}/\udcfe{blank}.neff"
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
    plain, miss = rig.run(rig.real, line), rig.run(rig.shim, line)
    assert rig.outcomes() == ["compiled"]
    assert_same_to_the_caller(plain, miss)
    assert noticed(plain, miss) == {ACTIVE, PARENT}


@pytest.mark.parametrize("name", LINES)
def test_hit_leaves_what_a_compile_leaves(rig: Rig, name: str) -> None:
    line = LINES[name]
    plain, _miss, hit = rig.run(rig.real, line), rig.run(rig.shim, line), rig.run(rig.shim, line)
    assert rig.outcomes() == ["compiled", "hit_local"]
    assert hit.facts == {}
    assert (hit.status, hit.err) == (plain.status, plain.err) == (0, "")
    assert hit.out == ("" if line.silent else HIT_OUTPUT)
    assert line.silent or plain.out.endswith(HIT_OUTPUT)
    assert tree.differences(plain.left, hit.left) == {f"content {line.log}"}
    assert HIT_LOG.fullmatch(hit.left[line.log].content)


def test_line_with_saved_temporaries_is_passed_on(rig: Rig) -> None:
    plain, first, second = (rig.run(p, NKIPY) for p in (rig.real, rig.shim, rig.shim))
    assert rig.outcomes() == ["special_pipeline"] * 2
    assert "work/neuronxcc-*/file.neff" in plain.left
    for run in (first, second):
        assert_same_to_the_caller(plain, run)
        assert noticed(plain, run) == {ACTIVE}


def test_saved_temporaries_are_what_a_hit_lacks_where_that_is_allowed(rig: Rig) -> None:
    line = Line(NKIPY.words, variables={"NEFFCACHE_ALLOW_SAVETEMPS": "1"})
    plain, miss, hit = (rig.run(p, line) for p in (rig.real, rig.shim, rig.shim))
    assert rig.outcomes() == ["compiled", "hit_local"]
    assert_same_to_the_caller(plain, miss)
    temporary = {name for name in plain.left if "neuronxcc-*" in name}
    lacking = tree.differences(plain.left, hit.left)
    assert lacking == {f"content {line.log}", *(f"only {name}" for name in temporary)}


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
    "missing graph": Line("compile --target=trn1 {d}/none.pb", status=70),
    "no target": Line("compile {d}/in.hlo.pb --output=out.neff"),
    "missing directory": Line(COMPILE.replace("out.neff", "{d}/none/out.neff"), status=70),
    "empty argument": Line(COMPILE + " {empty}", status=2),
}
FAILING = {
    "usage error": Line(f"{COMPILE} --frobnicate", status=2),
    "exit 70": _failing("exit70", 70),
    "exit 1": _failing("exit1", 1),
    "kill": _failing("sig9", -9),
    "segmentation fault": _failing("sig11", -11),
    "abort": _failing("sig6", -6),
    "kill while writing": _failing("mid-sig9", -9),
    "status 0 without a NEFF": _failing("none", 0),
    "status 0 with a truncated NEFF": _failing("truncated", 0),
}
OUTCOMES = {
    "kill": "compile_killed",
    "segmentation fault": "compile_killed",
    "abort": "compile_killed",
    "kill while writing": "compile_killed",
    "status 0 without a NEFF": "neff_not_written",
    "status 0 with a truncated NEFF": "neff_incomplete",
}


@pytest.mark.parametrize("name", PASSED_ON)
def test_command_that_is_no_sure_compile_is_passed_on(rig: Rig, name: str) -> None:
    line = PASSED_ON[name]
    plain, first = rig.run(rig.real, line), rig.run(rig.shim, line)
    assert plain.status == line.status
    assert_same_to_the_caller(plain, first)
    assert noticed(plain, first) == {ACTIVE}
    assert rig.host.entries() == []


@pytest.mark.parametrize("name", FAILING)
def test_failing_compile_fails_alike_each_time(rig: Rig, name: str) -> None:
    line = FAILING[name]
    plain, first, second = (rig.run(p, line) for p in (rig.real, rig.shim, rig.shim))
    assert plain.status == line.status
    for run in (first, second):
        assert_same_to_the_caller(plain, run)
        assert noticed(plain, run) == {ACTIVE, PARENT}
    assert rig.host.entries() == []
    assert rig.outcomes() == [OUTCOMES.get(name, "compile_failed")] * 2
