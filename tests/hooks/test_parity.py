"""Hooks: one compile has one key, whoever computes it; and what it gives is the right NEFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frameworks import Framework
from hooks import callers
from hosts import REAL_COMPILER, TRAIN, Host, neff_info, neff_run
from neuronxcc.run import load, save
from story import tree
from story.rig import Line, Rig
from story.test_transparency import LINES, NKIPY
from test_sdk import graphs
from test_sdk.numbers import same

SAVETEMPS = {"NEFFCACHE_ALLOW_SAVETEMPS": "1"}
ALL_LINES = {**LINES, "nkipy": Line(NKIPY.words, variables=SAVETEMPS)}
# Every caller of the stand-ins; `code` is a graph, `place` a directory of this run's own.
START = """
import sys
from pathlib import Path
from typing import Any
graph, place, kept = sys.argv[1:]
code = Path(graph).read_bytes()
Path(place).mkdir()
{text}
Path(kept).write_bytes(made if isinstance(made, bytes) else Path(made).read_bytes())
"""
CALLERS = {
    "PJRT": """import libneuronxla
status, made = libneuronxla.neuronx_cc(code, b"hlo", b"trn1", b"MODULE_12")
assert status == 0, made""",
    "PJRT without a cache": """import libneuronxla
status, made = libneuronxla.neuronx_cc(code, b"hlo", b"trn1", b"any")
assert status == 0, made""",
    "neuron_xla_compile": """import libneuronxla
made = libneuronxla.neuron_xla_compile(code, ["--model-type=transformer", "-O1"], cache_key="a")""",
    "transformers-neuronx": """from transformers_neuronx import compiler
made = compiler.compile_hlo_module(code, ["--auto-cast=none"])""",
    "ModelBuilder": """from neuronx_distributed.trace.model_builder import ModelBuilder
made = ModelBuilder(place).compile_tag("context", code, ["--auto-cast=none", "-O1"])""",
    "ModelBuilder v2": """from neuronx_distributed.trace import model_builder
made = model_builder.compile(code, place, ["--auto-cast=none"])""",
    "trace": """from torch_neuronx.xla_impl import trace
import numpy
weights = {"w": numpy.full((), 0.5, "float32")}
made = trace.generate_neff(code, weights, place, "--auto-cast=none")""",
    "trace, weights apart": """from torch_neuronx.xla_impl import trace
made = trace.generate_neff(code, {}, place, ["-O1"], inline_weights_to_neff=False)""",
    "native": """from torch_neuronx import native
made = native.compile_module(code)""",
    "vLLM": """from vllm_neuron import compiler
made = compiler.compile_graph(code, ["-O2"])""",
    "nkipy": """from nkipy import compile
made = compile.compile_hlo(code, place)""",
}
GRAPHS = {"native": graphs.ADD.encode()}


class Runs:
    """Runs of one caller on a host, each with empty caches of the caller's own."""

    def __init__(self, host: Host, name: str) -> None:
        self.host, self.name, self.count = host, name, 0
        self.graph = host.root / "graph"
        self.graph.write_bytes(GRAPHS.get(name, TRAIN.read_bytes()))

    def __call__(self, *, hooks: bool, **more: str) -> Path:
        """The file with what the caller was given."""
        self.count += 1
        top = self.host.root / f"run-{self.count}"
        top.mkdir()
        own = {
            "NEURON_COMPILE_CACHE_URL": str(top / "cache"),
            "TORCH_NEURONX_NEFF_CACHE_DIR": str(top / "neffs"),
            "VLLM_CACHE_ROOT": str(top / "vllm"),
            "HF_HUB_OFFLINE": "1",
            **(SAVETEMPS if self.name == "nkipy" else {}),
            **more,
        }
        caller = Framework(self.host, hooks=hooks, variables=own)
        kept = top / "kept"
        done = caller.run(START.format(text=CALLERS[self.name]), self.graph, top / "place", kept)
        assert done.status == 0, done.err
        return kept


def _calls(host: Host) -> list[tuple[object, object]]:
    """(who answered, key) of each call."""
    return [
        (record.get("door", record["outcome"]), record.get("key"))
        for record in host.journal()
        if record["outcome"]
    ]


@pytest.mark.parametrize("name", CALLERS)
def test_a_hook_answers_with_what_the_shim_compiled(host: Host, name: str) -> None:
    runs = Runs(host, name)
    compiled, answered = runs(hooks=False), runs(hooks=True)
    (by, key), hit = _calls(host)
    assert (by, hit) == ("compiled", ("hook", key))
    assert answered.read_bytes() == compiled.read_bytes()
    assert host.compiles == 1


@pytest.mark.parametrize("name", CALLERS)
def test_the_shim_answers_with_what_was_compiled_behind_a_hook(host: Host, name: str) -> None:
    runs = Runs(host, name)
    compiled, answered = runs(hooks=True), runs(hooks=False)
    (by, key), hit = _calls(host)
    assert (by, hit) == ("compiled", ("hit_local", key))
    assert answered.read_bytes() == compiled.read_bytes()


def test_a_hit_fills_the_librarys_own_cache_as_a_compile_does(host: Host) -> None:
    runs = Runs(host, "PJRT")
    runs(hooks=False), runs(hooks=True)
    one, two = (tree.snapshot(host.root / f"run-{number}" / "cache") for number in (1, 2))
    assert len([name for name in one if name.endswith("/model.done")]) == 1
    assert tree.differences(one, two) == set()


@pytest.mark.parametrize("name", ["ModelBuilder v2", "trace", "native"])
def test_what_a_hook_gives_computes_the_same_numbers(true_host: Host, name: str) -> None:
    runs = Runs(true_host, name)
    plain = runs(hooks=False, NEFFCACHE_DISABLE="1")
    runs(hooks=True)
    hit = runs(hooks=True)
    assert [by for by, _key in _calls(true_host)] == ["disabled", "compiled", "hook"]
    expected, found = _results(plain), _results(hit)
    assert expected
    assert same(expected, found)


def _results(neff: Path) -> list[Any]:
    inputs, outputs = neff.with_name("inputs.npz"), neff.with_name("outputs.npz")
    stated = neff_info(neff)["inputs"]
    assert isinstance(stated, list)
    random = np.random.default_rng(3)
    values = [random.standard_normal(one["shape"]).astype(one["dtype"]) for one in stated]
    save(str(inputs), values)
    done = neff_run(neff, inputs, outputs)
    assert done.status == 0, done.err
    return list(load(str(outputs)))


CALL = """
import subprocess as real
os.chdir(sys.argv[1])
stdout = real.DEVNULL if sys.argv[2] == "silent" else real.PIPE
done = forms.subprocess.run(["neuronx-cc", *sys.argv[3:]], stdout=stdout, text=True, check=True)
print(done.stdout or "", end="")
"""


@pytest.mark.parametrize("name", ALL_LINES)
def test_every_command_line_has_one_key_and_one_answer(tmp_path: Path, name: str) -> None:
    rig, line = Rig(tmp_path, REAL_COMPILER), ALL_LINES[name]
    _compiled, by_shim = rig.run(rig.shim, line), rig.run(rig.shim, line)
    rig.renew()
    words = [rig.spelled(word) for word in line.words.split(" ") if word]
    caller = callers.lay_out(rig.host, variables={"HF_HUB_OFFLINE": "1", **line.variables})
    quiet = "silent" if line.silent else ""
    said = callers.run(caller, CALL, rig.place / line.cwd, quiet, *words)
    (_by, key), *hits = _calls(rig.host)
    assert hits == [("hit_local", key), ("hook", key)]
    assert (said.out, said.err) == (by_shim.out, "")
    assert tree.differences(by_shim.left, tree.snapshot(rig.place)) <= {f"content {line.log}"}
