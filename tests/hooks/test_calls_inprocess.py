"""Hooks: the compiler's Python entry, called inside a process: answered where that is asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from frameworks import Framework
from hooks import callers
from hosts import BIN, CONV, TRAIN, Host, install_shim

ON = {"NEFFCACHE_HOOK_INPROCESS": "1", "NEFFCACHE_ALLOW_SAVETEMPS": "1"}
# Words: the graph, whether in process, what stands before it.
NKIPY = """
import hashlib, json, sys
from pathlib import Path
from nkipy import compile
graph, place, inside, *before = sys.argv[1:]
exec("".join(before))
made = compile.compile_hlo(Path(graph).read_bytes(), place, in_process=inside == "inside")
print(json.dumps(hashlib.sha256(Path(made).read_bytes()).hexdigest()))
"""


@pytest.fixture
def nkipy(host: Host) -> Framework:
    """A caller of the entry point, hooks and setting on."""
    return Framework(host, ("nkipy", "libneuronxla"), variables=ON)


def _run(nkipy: Framework, name: str, before: str = "", **variables: str) -> str:
    place = nkipy.host.root / name
    done = nkipy.run(NKIPY, TRAIN, place, "inside", before, variables=variables)
    assert done.status == 0, done.err
    return done.out


@pytest.fixture
def filled(nkipy: Framework) -> Host:
    """The host after the shim has compiled the same by a process."""
    done = nkipy.run(NKIPY, TRAIN, nkipy.host.root / "first", "outside")
    assert done.status == 0, done.err
    assert callers.answered(nkipy.host) == ["compiled"]
    return nkipy.host


def test_a_hit_is_given_without_compiling(filled: Host, nkipy: Framework) -> None:
    said, digest = _run(nkipy, "second").splitlines()
    assert said == "Compiler status PASS"
    compiled = filled.root / "first" / "kernel.neff"
    assert (filled.root / "second" / "kernel.neff").read_bytes() == compiled.read_bytes()
    assert callers.answered(filled) == ["compiled", "hook"]
    one, two = (record["key"] for record in filled.journal() if record["outcome"])
    assert one == two
    assert (filled.compiles, len(digest)) == (1, 66)


def test_a_miss_is_compiled_as_ever_and_not_kept(host: Host, nkipy: Framework) -> None:
    assert len(_run(nkipy, "first")) > 0
    assert (callers.answered(host), host.entries(), host.compiles) == ([], [], 1)


def test_another_graph_is_compiled(filled: Host, nkipy: Framework) -> None:
    done = nkipy.run(NKIPY, CONV, filled.root / "second", "inside")
    assert done.status == 0, done.err
    assert (callers.answered(filled), filled.compiles) == (["compiled"], 2)


def test_it_is_off_by_default(filled: Host, nkipy: Framework) -> None:
    _run(nkipy, "second", NEFFCACHE_HOOK_INPROCESS="")
    assert (callers.answered(filled), filled.compiles) == (["compiled"], 2)


@pytest.mark.parametrize(
    "before",
    [
        "import os; os.environ['NEFFCACHE_DISABLE'] = '1'",
        "import os; os.environ['NEFFCACHE_ACTIVE'] = '/any'",
        "import os; os.environ['NEFFCACHE_HOOK_INPROCESS'] = '0'",
        "import neffcache_hooks; neffcache_hooks.disable()",
    ],
)
def test_what_is_in_doubt_or_switched_off_is_compiled(
    filled: Host, nkipy: Framework, before: str
) -> None:
    _run(nkipy, "second", before)
    assert (callers.answered(filled), filled.compiles) == (["compiled"], 2)


@pytest.mark.parametrize(("name", "answers"), [("NEURON_FSDP", []), ("ANY", ["hook"])])
def test_what_native_code_has_set_may_not_be_what_the_compiler_reads(
    filled: Host, nkipy: Framework, name: str, answers: list[str]
) -> None:
    variables = {"NEURON_FSDP": "1"}
    done = nkipy.run(NKIPY, TRAIN, filled.root / "other", "outside", variables=variables)
    assert done.status == 0, done.err
    _run(nkipy, "second", f"import ctypes; ctypes.CDLL(None).setenv(b'{name}', b'1', 1)")
    assert callers.answered(filled)[2:] == answers


def test_a_package_that_is_not_the_one_of_the_compiler_on_path_is_left_alone(
    filled: Host, nkipy: Framework
) -> None:
    source = BIN.parent.parent / "tests" / "sdk" / "neuronxcc"
    copy = filled.root / "copied"
    shutil.copytree(source, copy / "neuronxcc")
    before = f"sys.path.insert(0, {str(copy)!r})"
    _run(nkipy, "second", before)
    assert (callers.answered(filled), filled.compiles) == (["compiled"], 2)


def test_without_a_compiler_on_path_the_entry_is_left_alone(
    filled: Host, nkipy: Framework, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    install_shim(tmp_path / "bin")
    _run(nkipy, "second", PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert (callers.answered(filled), filled.compiles) == (["compiled"], 2)


def test_other_calls_of_the_entry_are_its_own(filled: Host, nkipy: Framework) -> None:
    text = """
import sys
from neuronxcc.driver import CommandDriver
sys.argv = ["neuronx-cc", "--version"]
assert CommandDriver.main() == 0
"""
    done = nkipy.run(text)
    assert done.status == 0, done.err
    assert done.out.startswith("NeuronX Compiler version")
    assert callers.answered(filled) == ["compiled"]
