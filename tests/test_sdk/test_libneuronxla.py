"""libneuronxla's stand-in: what each release leaves on disk, asks the compiler, and looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from frameworks import PJRT, XLA, Framework
from hosts import FORWARD, TRAIN, Host

FILES = {
    "2.0": {"model.hlo.pb", "compile_flags.txt", "model.neff"},
    "2.1": {"model.hlo_module.pb", "compile_flags.json", "model.neff", "model.done"},
    "2.2": {"model.hlo_module.pb", "compile_flags.json", "model.neff", "model.done"},
    "next": {"model.hlo_module.pb", "compile_flags.json", "model.neff", "model.done"},
    "alien": {"model.hlo_module.pb", "compile_flags.json", "model.neff", "model.done"},
}
# The arguments, the paths left out.
LINES = {
    "2.0": "--target=trn1 compile --framework XLA IN --output OUT -O1 --verbose=35",
    "2.1": "compile --target=trn1 --framework=XLA IN --output OUT -O1 --verbose=35",
    "2.2": "compile --framework=XLA IN --output OUT --target=trn1 -O1 --verbose=35",
}
SHAPE = """
import inspect, json, importlib
from libneuronxla import libncc
module = inspect.getmodule(libncc.create_compile_cache).__name__
try:
    importlib.import_module("libneuronxla.neuron_cc_cache")
    there = True
except ModuleNotFoundError:
    there = False
cache = importlib.import_module("libneuronxla.neuron_cc_cache" if there else module)
entry = cache.CompileCacheEntry
print(json.dumps({
    "there": there,
    "exists": type(inspect.getattr_static(entry, "exists", None)).__name__,
    "context": hasattr(entry, "__enter__"),
    "lookup": list(inspect.signature(cache.CompileCache.lookup).parameters)[1:],
}))
"""


def _of(name: str) -> dict[str, str]:
    return {"SDKSTANDIN_LIBNEURONXLA": name}


@pytest.fixture
def plain(host: Host) -> Framework:
    """No product: the compiler alone is on PATH."""
    return Framework(host, hooks=False, shim=False)


def _calls(framework: Framework) -> list[list[str]]:
    path = framework.host.root / "calls"
    return [json.loads(line)["argv"] for line in path.read_text().splitlines()]


def _noting(framework: Framework, **variables: str) -> dict[str, str]:
    return {"SDKSTANDIN_CALLS": str(framework.host.root / "calls"), **variables}


def _files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.mark.parametrize("name", FILES)
def test_an_entry_of_each_release_is_compiled_once_and_has_its_files(
    plain: Framework, name: str
) -> None:
    first = plain.answer(XLA, TRAIN, "0a1b2c", "-O1", variables=_of(name))
    second = plain.answer(XLA, TRAIN, "0a1b2c", "-O1", variables=_of(name))
    assert first == second
    assert plain.host.compiles == 1
    (entry,) = plain.native_entries()
    assert entry.name.startswith("MODULE_0a1b2c+")
    assert _files(entry) == FILES[name]


@pytest.mark.parametrize("name", LINES)
def test_each_release_has_its_own_order_of_arguments(plain: Framework, name: str) -> None:
    plain.answer(XLA, TRAIN, "0a1b", "-O1", variables=_noting(plain, **_of(name)))
    (line,) = _calls(plain)
    at = line.index("--output")
    line[at - 1 : at + 2] = ["IN", "--output", "OUT"]
    assert " ".join(line) == LINES[name]


def test_three_releases_name_one_graph_and_its_flags_differently(plain: Framework) -> None:
    for name in LINES:
        plain.answer(XLA, TRAIN, "0a1b", "-O1", variables=_of(name))
    assert len(plain.native_entries()) == 3


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("2.0", {"there": True, "exists": "function", "context": True}),
        ("2.2", {"there": True, "exists": "property", "context": True}),
        ("next", {"there": False, "exists": "property", "context": True}),
        ("alien", {"there": True, "exists": "NoneType", "context": False}),
    ],
)
def test_each_release_has_its_own_shape(
    plain: Framework, name: str, shape: dict[str, object]
) -> None:
    found: dict[str, Any] = plain.answer(SHAPE, variables=_of(name))
    lookup = {"next": ["module_hash", "flags"], "alien": ["question"]}
    assert found.pop("lookup") == lookup.get(name, ["cache_key", "compiler_flags"])
    assert found == shape


def test_pjrt_is_given_the_wrapper_and_keeps_it_in_the_entry(plain: Framework) -> None:
    first = plain.answer(PJRT, TRAIN, "1418137421344453867", variables=_noting(plain))
    assert plain.answer(PJRT, TRAIN, "1418137421344453867") == first
    (entry,) = plain.native_entries()
    assert _files(entry) == {*FILES["2.2"], "wrapped_neff.hlo"}
    assert first["bytes"] == (entry / "wrapped_neff.hlo").stat().st_size
    (line,) = _calls(plain)
    assert line[:5] == [
        "compile",
        "--framework=XLA",
        "--target=trn1",
        "--verbose=35",
        "--enable-internal-neff-wrapper",
    ]
    assert line[5].startswith("--output=/")
    assert line[5].endswith("/file.neff")
    assert line[6].endswith("/file.code")


def test_without_the_cache_nothing_is_kept(plain: Framework) -> None:
    for _time in range(2):
        plain.answer(PJRT, TRAIN, "123", "--no_cache")
    assert plain.host.compiles == 2
    assert plain.native_entries() == []


def test_a_failure_is_replayed_until_a_retry_is_asked_for(plain: Framework) -> None:
    failing = {"SDKSTANDIN_FAIL": "exit70"}
    assert "status 70" in plain.run(XLA, TRAIN, "0a", variables=failing).err
    assert "compiled before, and failed" in plain.run(XLA, TRAIN, "0a").err
    assert plain.host.compiles == 1
    (entry,) = plain.native_entries()
    assert "model.log" in _files(entry)
    plain.answer(XLA, TRAIN, "0a", "--retry_failed_compilation")
    assert plain.host.compiles == 2


def _parallel(plain: Framework, name: str, *words: str | Path) -> Any:
    script = (
        "import sys\nfrom libneuronxla.neuron_parallel_compile import main\n"
        f"sys.argv = ['npc', sys.executable, '-c', {XLA!r}, *sys.argv[1:]]\nsys.exit(main())"
    )
    return plain.answer(script, *words, variables=_of(name))


@pytest.mark.parametrize("name", ["2.0", "2.2", "next"])
def test_parallel_compilation_extracts_first_and_then_compiles(plain: Framework, name: str) -> None:
    extract = {"NEURON_EXTRACT_GRAPHS_ONLY": "1", **_of(name)}
    assert plain.answer(XLA, FORWARD, "0b", variables=extract)["bytes"] == 0
    assert plain.host.compiles == 0
    done = {"compiled": 2, "failed": 0, "locked": 0, "there": 0}
    assert _parallel(plain, name, TRAIN, "0a", "-O1") == done
    assert [_files(entry) for entry in plain.native_entries()] == [FILES[name]] * 2
    # What it compiled is what the job itself then finds.
    plain.answer(XLA, TRAIN, "0a", "-O1", variables=_of(name))
    assert plain.host.compiles == 2


def test_parallel_compilation_leaves_what_another_has_locked(plain: Framework) -> None:
    plain.answer(XLA, TRAIN, "0a", variables={"NEURON_EXTRACT_GRAPHS_ONLY": "1"})
    (entry,) = plain.native_entries()
    (entry / "model.hlo_module.pb.lock").touch()
    script = "import sys\nfrom libneuronxla.neuron_parallel_compile import main\n"
    script += "sys.argv = ['npc', '/bin/true']\nsys.exit(main())"
    assert plain.answer(script)["locked"] == 1
    assert plain.host.compiles == 0
