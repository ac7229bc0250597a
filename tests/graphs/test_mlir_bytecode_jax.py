"""MLIR bytecode of JAX programs, stripped by the jaxlib that is installed, in its own process."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from graphs import mlir_judge
from graphs import mlir_programs as programs
from neffcache.compiler.bytecode import Asker
from neffcache.graph import mlir_bytecode
from neffcache.graph.mlir_locations import Doubt
from neffcache.graph.mlir_text import Digest
from neffcache.graph.source import Source
from neffcache.invocation import Bypass

KERNEL = """module @nki {
  func.func public @main(%arg0: tensor<3xf32>) -> tensor<3xf32> {
    %0 = stablehlo.custom_call @AwsNeuronCustomNativeKernel(%arg0) {api_version = 2 : i32, \
backend_config = "CONFIG"} : (tensor<3xf32>) -> tensor<3xf32>
    return %0 : tensor<3xf32>
  }
}
"""


def asker(path: Path, python: str = "") -> Asker:
    return Asker(str(path), dict(os.environb), python)


def digest(path: Path, python: str = "") -> Digest:
    source = Source.of(path.read_bytes())
    return mlir_bytecode.digest(source, "strict", asker(path, python), _content)


def _content(target: bytes, config: bytes) -> bytes | None:
    """What a kernel's file says; any other attribute may not name one."""
    if target == b"AwsNeuronCustomNativeKernel":
        return Path(config.decode()).read_bytes()
    if b'"/' in config:
        raise Bypass("graph_custom_code", "names a file")
    return None


def _write(path: Path, text: str) -> Path:
    """A text as bytecode."""
    with open(path, "wb") as file:
        mlir_judge.parse(text.encode()).operation.write_bytecode(file)
    return path


def _program(scenario: str, name: str = "step", form: str = "bc") -> Path:
    return programs.make()[scenario] / f"{name}.{form}"


def _kernel(folder: Path, name: str, content: str, text: str = KERNEL) -> Path:
    kernel = folder / name
    kernel.parent.mkdir(parents=True, exist_ok=True)
    kernel.write_text(content)
    return _write(folder / "graph.mlirbc", text.replace("CONFIG", str(kernel)))


@pytest.mark.parametrize("scenario", ["moved", "order"])
def test_the_way_of_tracing_leaves_the_key(scenario: str) -> None:
    base, other = (digest(_program(name)) for name in ("base", scenario))
    assert (base.level, base.reasons) == ("strict", ())
    assert base.hexdigest == other.hexdigest
    assert base.raw != other.raw


def test_another_number_in_the_program_is_another_key() -> None:
    assert digest(_program("base")).hexdigest != digest(_program("changed")).hexdigest


def test_a_portable_artifact_is_understood_or_raw() -> None:
    base, moved = (digest(_program(name, form="vhlo")) for name in ("base", "moved"))
    assert base.raw != moved.raw
    if base.level == "strict":
        assert base.hexdigest == moved.hexdigest
    else:  # as with jaxlib 0.6, which parses no artifact
        assert "dialect 'vhlo' is unknown" in base.reasons[0]
        assert base.hexdigest != moved.hexdigest


def test_the_parser_says_which_jaxlib_it_is() -> None:
    found = asker(_program("base"))(digest(_program("base")).raw)
    assert found.parser == "jaxlib " + importlib.import_module("jaxlib").__version__


def test_a_kernels_content_counts_and_its_path_does_not(tmp_path: Path) -> None:
    one = digest(_kernel(tmp_path, "a/k", "kernel"))
    assert one.outside
    assert digest(_kernel(tmp_path, "elsewhere/b", "kernel")).hexdigest == one.hexdigest
    assert digest(_kernel(tmp_path, "a/k", "another")).hexdigest != one.hexdigest


FUNCTION = """module @nki {
  func.func private @AwsNeuronCustomNativeKernel(tensor<3xf32>) -> tensor<3xf32>
}
"""
ODD = {
    "a function of that name": FUNCTION,
    "no configuration": KERNEL.replace('backend_config = "CONFIG"', "x.y = 1 : i32"),
    "a configuration that is no string": KERNEL.replace('"CONFIG"', '{k = "CONFIG"}').replace(
        "= 2", "= 4"
    ),
    "a file in another call": KERNEL.replace("AwsNeuronCustomNativeKernel", "Other"),
    "a file in another attribute": KERNEL.replace('"CONFIG"', '"CONFIG", x.y = ["/a"]'),
    "the name in another place": KERNEL.replace('"CONFIG"', '"CONFIG", x = "AwsNeuronCustomOp"'),
}


@pytest.mark.parametrize("what", ODD)
def test_a_call_that_is_not_understood_has_no_key(what: str, tmp_path: Path) -> None:
    with pytest.raises(Bypass) as caught:
        digest(_kernel(tmp_path, "k", "kernel", ODD[what]))
    assert caught.value.outcome == "graph_custom_code"


def test_a_call_that_names_no_file_is_no_matter(tmp_path: Path) -> None:
    text = KERNEL.replace("AwsNeuronCustomNativeKernel", "Other").replace("CONFIG", "{a}")
    found = digest(_write(tmp_path / "graph.mlirbc", text))
    assert (found.level, found.reasons, found.outside) == ("strict", (), False)


def test_a_graph_that_changes_meanwhile_is_not_parsed() -> None:
    with pytest.raises(Doubt, match="changed while it was read"):
        asker(_program("base"))("0" * 64)


def test_broken_bytecode_is_raw(tmp_path: Path) -> None:
    path = tmp_path / "graph.mlirbc"
    path.write_bytes(_program("base").read_bytes()[:-40])
    assert digest(path).level == "raw"


# What stands for an interpreter: a file's text, and what the reason for `raw` must hold.
SILENT = "#!/bin/sh\nexec sleep 1000\n"
INTERPRETERS = {
    "one without jaxlib": ('#!/bin/sh\nshift\nexec "PYTHON" -I -S "$@"\n', "no jaxlib"),
    "one that fails": ("#!/bin/sh\nexit 3\n", "no answer"),
    "one that dies": ("#!/bin/sh\nkill -9 $$\n", "no answer"),
    "one that talks nonsense": ("#!/bin/sh\necho done zz jaxlib 1\n", "not understood"),
    "one that says too little": ("#!/bin/sh\necho done aa\n", "not understood"),
    "none": ("", "No such file"),
}


@pytest.mark.parametrize("kind", INTERPRETERS)
def test_an_interpreter_that_is_no_help_leaves_it_raw(kind: str, tmp_path: Path) -> None:
    script, reason = INTERPRETERS[kind]
    python = tmp_path / "python"
    if script:
        python.write_text(script.replace("PYTHON", sys.executable))
        python.chmod(0o755)
    found = digest(_program("base"), str(python))
    assert found.level == "raw"
    assert reason in found.reasons[0]


def test_an_interpreter_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(SILENT)
    python.chmod(0o755)
    with pytest.raises(Doubt, match="silent"):
        Asker(str(_program("base")), dict(os.environb), str(python), silence=0.05)("0" * 64)
