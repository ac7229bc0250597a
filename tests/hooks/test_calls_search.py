"""Hooks: a compile that PATH order, or a path, would lead past the shim is led to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from frameworks import Framework
from hooks import callers
from hosts import BIN, TRAIN, Host, install_shim

SYSTEM = "/usr/local/bin:/usr/bin:/bin"
CALL = """
fresh(sys.argv[1])
line = [sys.argv[2], *LINE[1:]]
done = forms.subprocess.run(line, stdout=-3, check=False)
assert done.args is line
print(done.returncode)
"""


def _run(caller: Framework, name: str, program: Path | str = "neuronx-cc", **more: str) -> str:
    return callers.run(caller, CALL, name, program, variables=more).out.strip()


@pytest.fixture
def behind(host: Host) -> Framework:
    """A caller whose PATH has the real compiler before the shim."""
    return callers.lay_out(host, variables={"PATH": f"{BIN}:{host.shims}:{SYSTEM}"})


@pytest.fixture
def without(host: Host) -> Framework:
    """A caller whose PATH has no shim."""
    return callers.lay_out(host, variables={"PATH": f"{BIN}:{SYSTEM}"})


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another compiler, on no PATH: the same package by another script."""
    script = tmp_path / "sdk" / "neuronx-cc"
    script.parent.mkdir()
    shutil.copy(BIN / "neuronx-cc", script)
    return script


def _watch(host: Host) -> None:
    host.variables["SDKSTANDIN_DUMP"] = str(host.root / "dump")


def _seen(host: Host) -> dict[str, str]:
    """The environment of the last compiler that was started."""
    seen = json.loads((host.root / "dump").read_text())
    return dict(seen["environ"])


def test_a_shim_behind_the_compiler_is_found(host: Host, behind: Framework) -> None:
    assert [_run(behind, name) for name in ("one", "two")] == ["0", "0"]
    assert callers.answered(host) == ["compiled", "hook"]
    assert host.compiles == 1


def test_a_shim_in_the_store_is_found(host: Host, without: Framework) -> None:
    (host.store / "bin").mkdir(parents=True)
    host.store.chmod(0o700)
    install_shim(host.store / "bin")
    assert [_run(without, name) for name in ("one", "two")] == ["0", "0"]
    assert callers.answered(host) == ["compiled", "hook"]


def test_without_any_shim_one_is_put_into_the_store(host: Host, without: Framework) -> None:
    assert [_run(without, name) for name in ("one", "two")] == ["0", "0"]
    assert callers.answered(host) == ["compiled", "hook"]
    assert host.compiles == 1
    assert host.store.stat().st_mode & 0o777 == 0o700


def test_where_no_shim_can_be_put_the_compiler_is_started_as_ever(
    host: Host, without: Framework
) -> None:
    host.store.mkdir(parents=True, mode=0o700)
    (host.store / "bin").write_text("in the way")
    done = callers.run(without, CALL + CALL, "one", "neuronx-cc")
    assert done.out == "0\n0\n"
    assert (callers.answered(host), host.compiles) == ([], 2)
    assert done.err.count("neffcache env") == 1


def test_a_program_that_only_has_python_inside_installs_nothing(
    host: Host, without: Framework
) -> None:
    done = callers.run(without, f"sys.frozen = True\n{CALL}", "one", "neuronx-cc")
    assert (done.out, callers.answered(host), host.compiles) == ("0\n", [], 1)
    assert "only has Python inside" in done.err


def test_without_any_shim_there_are_hits_all_the_same(host: Host, without: Framework) -> None:
    assert host.compile(host.root / "first", TRAIN).status == 0
    assert _run(without, "one") == "0"
    assert callers.answered(host) == ["compiled", "hook"]


def test_a_path_to_a_compiler_compiles_with_that_one_and_is_kept(host: Host, other: Path) -> None:
    _watch(host)
    caller = callers.lay_out(host)
    assert [_run(caller, name, other) for name in ("one", "two")] == ["0", "0"]
    assert callers.answered(host) == ["compiled", "hook"]
    assert _seen(host)["NEFFCACHE_ACTIVE"] == str(other)


def test_the_environment_of_a_call_is_kept_on_the_way(host: Host, other: Path) -> None:
    _watch(host)
    text = """
fresh()
env = {**os.environ, "MINE": "1"}
del env["NEFFCACHE_HOOKS"]
done = forms.subprocess.run([sys.argv[1], *LINE[1:]], env=env, stdout=-3, check=True)
assert "NEFFCACHE_COMPILER" not in env
"""
    callers.run(callers.lay_out(host), text, other)
    seen = _seen(host)
    assert (seen["MINE"], seen["NEFFCACHE_COMPILER"]) == ("1", str(other))
    assert "NEFFCACHE_HOOKS" not in seen


def test_a_compiler_that_the_shim_finds_by_itself_is_not_named(
    host: Host, behind: Framework
) -> None:
    _watch(host)
    assert _run(behind, "one") == "0"
    assert "NEFFCACHE_COMPILER" not in _seen(host)


def test_a_compiler_other_than_the_one_that_is_set_is_started_as_ever(
    host: Host, other: Path
) -> None:
    caller = callers.lay_out(host, variables={"NEFFCACHE_COMPILER": str(BIN / "neuronx-cc")})
    assert _run(caller, "one", other) == "0"
    assert (callers.answered(host), host.compiles) == ([], 1)
    assert _run(caller, "two", BIN / "neuronx-cc") == "0"
    assert callers.answered(host) == ["compiled"]


def test_a_program_that_cannot_be_told_is_started_as_ever(host: Host, tmp_path: Path) -> None:
    program = tmp_path / "site" / "neuronx-cc"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho passed >>"{tmp_path}/passed"\nexec "{BIN}/neuronx-cc" "$@"\n'
    )
    program.chmod(0o755)
    caller = callers.lay_out(host, variables={"PATH": f"{program.parent}:{host.shims}:{SYSTEM}"})
    assert _run(caller, "one") == _run(caller, "two", program) == "0"
    assert (tmp_path / "passed").read_text() == "passed\n" * 2
    assert callers.answered(host) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEFFCACHE_DISABLE", "1"),
        ("NEFFCACHE_ACTIVE", "/somewhere/neuronx-cc"),
        ("NEURON_EXTRACT_GRAPHS_ONLY", "1"),
    ],
)
def test_switched_off_nothing_is_answered_or_led(
    host: Host, without: Framework, name: str, value: str
) -> None:
    assert host.compile(host.root / "first", TRAIN).status == 0
    text = f"""
os.environ[{name!r}] = {value!r}
fresh()
assert forms.subprocess.run([sys.argv[1], *LINE[1:]], stdout=-3).returncode == 0
"""
    callers.run(without, text, BIN / "neuronx-cc")
    assert (callers.answered(host), host.compiles) == (["compiled"], 2)


def test_what_is_no_compile_is_started_as_ever(host: Host, behind: Framework) -> None:
    text = """
done = forms.subprocess.run(["neuronx-cc", "--version"], stdout=-1, text=True, check=True)
assert done.stdout.startswith("NeuronX Compiler version")
try:
    forms.subprocess.run(["/none/neuronx-cc", *LINE[1:]])
except FileNotFoundError as error:
    print(error.filename)
"""
    assert callers.run(behind, text).out == "/none/neuronx-cc\n"
    assert callers.answered(host) == []


@pytest.mark.parametrize(("kind", "status"), [("exit70", "70"), ("sig9", "-9"), ("none", "0")])
def test_a_compile_that_fails_fails_alike(
    host: Host, behind: Framework, kind: str, status: str
) -> None:
    host.variables["SDKSTANDIN_FAIL"] = kind
    assert _run(behind, "one") == status
    assert host.entries() == []


def test_recache_and_a_required_hit_are_the_shims_to_answer(host: Host, behind: Framework) -> None:
    assert _run(behind, "one", NEFFCACHE_REQUIRE_HIT="1") == "3"
    assert _run(behind, "two") == "0"
    assert _run(behind, "three", NEFFCACHE_RECACHE="1") == "0"
    assert _run(behind, "four", NEFFCACHE_REQUIRE_HIT="1") == "0"
    assert callers.answered(host) == ["required_hit_missing", "compiled", "compiled", "hook"]


BY_NATIVE_CODE = """
import ctypes
name = sys.argv[2].encode()
assert ctypes.CDLL(None).setenv(name, b"1", 1) == 0
fresh(sys.argv[1])
# Started by the quickest way there is, which hands os.environ on to a program that has a path.
done = forms.subprocess.run([sys.argv[3], *LINE[1:]], stdout=-3, check=True, close_fds=False)
"""
FSDP = {"NEURON_FSDP": "1"}


def test_what_native_code_has_set_reaches_the_compiler_on_the_way(
    host: Host, behind: Framework
) -> None:
    _watch(host)
    callers.run(behind, BY_NATIVE_CODE, "one", "NEURON_FSDP", "neuronx-cc")
    assert _seen(host)["NEURON_FSDP"] == "1"
    callers.run(behind, BY_NATIVE_CODE, "two", "NEURON_FSDP", "neuronx-cc")
    assert callers.answered(host) == ["compiled", "hook"]


def test_a_path_is_left_alone_where_native_code_has_set_what_counts(
    host: Host, without: Framework
) -> None:
    for variables in ({}, FSDP):
        host.compile(host.root / f"first-{len(variables)}", TRAIN, variables=variables)
    compiler = BIN / "neuronx-cc"
    callers.run(without, BY_NATIVE_CODE, "one", "NEURON_FSDP", compiler)
    assert (callers.answered(host), host.compiles) == (["compiled"] * 2, 3)
    callers.run(without, BY_NATIVE_CODE, "two", "__KMP_REGISTERED_LIB_1", compiler)
    assert callers.answered(host)[2:] == ["hook"]
