"""The other callers' stand-ins: how each searches, starts and reads the compiler, and saves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from frameworks import TRACE, Framework
from hosts import TRAIN, Host

MANY = """
import json, os, pathlib, sys
graph, work = pathlib.Path(sys.argv[1]).read_bytes(), sys.argv[2]
os.makedirs(work, exist_ok=True)
made = str(call(graph, work) or "")
print(json.dumps({"made": made, "cwd": os.getcwd(), "argv": sys.argv[0]}))
"""
NATIVE = "from torch_neuronx import native\ncall = lambda g, w: native.compile_module(g)"
VLLM = "from vllm_neuron import compiler\ncall = lambda g, w: compiler.compile_graph(g, ['-O1'])"
NKIPY = "from nkipy import compile as c\ncall = lambda g, w: c.compile_hlo(g, w)"
INSIDE = "from nkipy import compile as c\ncall = lambda g, w: c.compile_hlo(g, w, in_process=True)"
BUILDER = """
from neuronx_distributed.trace import model_builder as b
call = lambda g, w: len(b.ModelBuilder(w).compile_tag('context', g, ['-O1']))
"""
SECOND = "from neuronx_distributed.trace import model_builder as b\ncall = lambda g, w: "
SECOND += "len(b.compile(g, w, ['-O1']))"
TRANSFORMERS = "from transformers_neuronx import compiler as c\ncall = lambda g, w: "
TRANSFORMERS += "len(c.compile_hlo_module(g, ['-O1']))"
SAVES = """
import json, pathlib, sys
import torch_xla.core.xla_model as xm
from neuronx_distributed.trainer import save_checkpoint
top = sys.argv[1]
xm.save({"step": 1}, f"{top}-one.pt")
xm.save({"step": 1}, f"{top}-all.pt", master_only=False)
save_checkpoint(top, "step_5", model={"w": 1}, user_content={"step": 5})
print(json.dumps(sorted(str(p) for p in pathlib.Path(top).parent.rglob("*") if p.is_file())))
"""


@pytest.fixture
def plain(host: Host) -> Framework:
    """No product: the compiler alone is on PATH."""
    calls = {"SDKSTANDIN_CALLS": str(host.root / "calls")}
    return Framework(host, hooks=False, shim=False, variables=calls)


def _call(plain: Framework, caller: str, **variables: str) -> Any:
    return plain.answer(caller + MANY, TRAIN, plain.host.root / "made", variables=variables)


def _calls(plain: Framework) -> list[list[str]]:
    path = plain.host.root / "calls"
    return [json.loads(line)["argv"] for line in path.read_text().splitlines()]


def test_trace_compiles_a_directory_into_its_work_directory(plain: Framework) -> None:
    work = plain.host.root / "trace"
    plain.answer(TRACE, TRAIN, work, "--auto-cast=none")
    (line,) = _calls(plain)
    assert line == [
        *("compile", str(work / "model"), "--framework", "XLA", "--target", "trn1"),
        *("--output", str(work / "graph.neff"), "--auto-cast=none"),
    ]
    stated = json.loads((work / "model" / "metadata.json").read_text())
    assert stated == {"model_files": "graph.hlo", "version": "1.0", "weights": {}}
    # Its standard streams and directory are its caller's.
    assert (plain.host.root / "work" / "log-neuron-cc.txt").exists()


def test_trace_writes_weights_beside_the_graph(plain: Framework) -> None:
    script = (
        "import sys, numpy as np\nfrom torch_neuronx.xla_impl import trace\n"
        "graph = open(sys.argv[1], 'rb').read()\n"
        "trace.generate_neff(graph, {'w': np.ones(3)}, sys.argv[2])\nprint(1)"
    )
    work = plain.host.root / "trace"
    plain.answer(script, TRAIN, work)
    assert (work / "model" / "weights" / "w.npy").exists()


@pytest.mark.parametrize(
    ("fail", "words"), [("sig9", "memory ran out"), ("sig11", "crashed"), ("exit70", "status 70")]
)
def test_trace_tells_deaths_apart(plain: Framework, fail: str, words: str) -> None:
    done = plain.run(TRACE, TRAIN, plain.host.root / "t", variables={"SDKSTANDIN_FAIL": fail})
    assert done.status == 1
    assert words in done.err


def test_trace_takes_the_first_regular_file_on_path(plain: Framework, tmp_path: Path) -> None:
    (tmp_path / "neuronx-cc").write_text("not a program")
    path = f"{tmp_path}:{plain.environ()['PATH']}"
    done = plain.run(TRACE, TRAIN, plain.host.root / "t", variables={"PATH": path})
    assert "PermissionError" in done.err


def test_native_keeps_neffs_in_a_directory_of_its_own(plain: Framework) -> None:
    top = plain.host.root / "neffs"
    first = _call(plain, NATIVE, TORCH_NEURONX_NEFF_CACHE_DIR=str(top))
    assert Path(first["made"]).is_relative_to(top)
    assert _call(plain, NATIVE, TORCH_NEURONX_NEFF_CACHE_DIR=str(top)) == first
    assert plain.host.compiles == 1
    (line,) = _calls(plain)
    assert line[1].endswith("/module.hlo.pb")
    assert line[2:-2] == [
        *("--framework", "XLA", "--target", "trn1", "--model-type", "transformer"),
        *("--lnc", "1", "-O1", "--auto-cast=none"),
    ]
    assert plain.native_entries() == []


def test_vllm_compiles_in_its_cache_and_logs_there(plain: Framework) -> None:
    made = Path(_call(plain, VLLM, VLLM_CACHE_ROOT=str(plain.host.root / "vllm"))["made"])
    assert made.is_relative_to(plain.host.root / "vllm" / "neuron" / "compile_cache")
    assert {path.name for path in made.parent.iterdir()} == {
        "graph.hlo",
        "log-neuron-cc.txt",
        made.name,
    }


@pytest.mark.parametrize("caller", [NKIPY, INSIDE])
def test_nkipy_names_its_output_relative_to_its_directory(plain: Framework, caller: str) -> None:
    done = _call(plain, caller)
    work = plain.host.root / "made"
    assert done == {"made": str(work / "kernel.neff"), "cwd": str(work.parent / "work")} | {
        "argv": "-c"
    }
    assert (work / "kernel.neff").exists()
    # SaveTemps.
    assert [path for path in work.iterdir() if path.name.startswith("neuronxcc-")]


@pytest.mark.parametrize("caller", [BUILDER, TRANSFORMERS])
def test_libraries_on_top_of_libneuronxla_use_its_cache(plain: Framework, caller: str) -> None:
    assert _call(plain, caller) == _call(plain, caller)
    assert plain.host.compiles == 1
    (entry,) = plain.native_entries()
    assert len(entry.name.partition("+")[0]) == len("MODULE_") + 20


def test_the_second_model_builder_asks_no_cache(plain: Framework) -> None:
    for _time in range(2):
        _call(plain, SECOND)
    assert plain.host.compiles == 2
    assert plain.native_entries() == []
    assert len(list((plain.host.root / "made").iterdir())) == 2


def test_saves_of_the_first_process(plain: Framework) -> None:
    top = plain.host.root / "saved" / "run"
    top.parent.mkdir()
    found = plain.answer(SAVES, top)
    parts = ("checkpoint", "model/dp_rank_00.pt", "user_content.pt")
    mine = [f"{top}/step_5/{name}" for name in parts]
    assert found == sorted([*mine, f"{top}-all.pt", f"{top}-one.pt"])


def test_saves_of_another_process_of_the_host(plain: Framework) -> None:
    top = plain.host.root / "saved" / "run"
    top.parent.mkdir()
    ranks = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8"}
    found = plain.answer(SAVES, top, variables=ranks)
    assert found == [f"{top}-all.pt", f"{top}/step_5/model/dp_rank_05.pt"]
