"""Every command line that a framework is known to use, and what it leaves behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from neuronxcc import neff
from test_sdk import graphs
from test_sdk.compiler import Compiler

# name -> (command line, effective flags to see). {d} is an absolute directory with the graphs.
LINES: dict[str, tuple[str, dict[str, str]]] = {
    "2022: global flag first": (
        (
            "--target=trn1 compile --framework XLA {d}/in.hlo.pb --output {d}/out.neff"
            " --model-type=transformer --verbose=35"
        ),
        {"target": "trn1", "model-type": "transformer"},
    ),
    "2024: target after the subcommand": (
        (
            "compile --target=trn1 --framework=XLA {d}/in.hlo_module.pb --output {d}/out.neff"
            " -O1 --verbose=35"
        ),
        {"target": "trn1", "optlevel": "1"},
    ),
    "2025: target after the output": (
        (
            "compile --framework=XLA {d}/in.hlo_module.pb --output {d}/out.neff --target=trn2"
            " --lnc=2 --verbose=35"
        ),
        {"target": "trn2", "logical-nc-config": "2"},
    ),
    "PJRT fast path": (
        (
            "compile --framework=XLA --target=trn1 --verbose=35 --enable-internal-neff-wrapper"
            " --output={d}/file.neff {d}/file.code --model-type transformer"
        ),
        {"model-type": "transformer"},
    ),
    "trace: a directory": (
        "compile {d}/model --framework XLA --target trn1 --output {d}/graph.neff --auto-cast=none",
        {"auto-cast": "none"},
    ),
    "trace: the graph in the directory": (
        "compile {d}/model/graph.hlo --framework XLA --target trn1 --output {d}/graph.neff",
        {"auto-cast": "matmult"},
    ),
    "native: StableHLO": (
        (
            "compile {d}/module.mlir --framework XLA --target trn2 --model-type transformer --lnc 2"
            " -O1 --auto-cast=none --output {d}/module.neff --internal-max-instruction-limit 20"
        ),
        {"logical-nc-config": "2", "auto-cast": "none", "optlevel": "1"},
    ),
    "native: HLO": (
        (
            "compile {d}/in.hlo.pb --framework XLA --target trn1 --model-type transformer --lnc 1"
            " -O1 --auto-cast=none --output {d}/module.neff"
        ),
        {"logical-nc-config": "1"},
    ),
    "vLLM": (
        (
            "compile {d}/model/graph.hlo --framework XLA --target trn1 --output {d}/graph_0a1b.neff"
            " --logfile {d}/log-neuron-cc.txt --enable-saturate-infinity -O2"
        ),
        {"optlevel": "2"},
    ),
    "nkipy: relative output, SaveTemps": (
        (
            "compile --framework XLA {d}/hlo_module.pb --pipeline compile SaveTemps --target trn1"
            " --output=NAME.neff --lnc 1"
        ),
        {"logical-nc-config": "1"},
    ),
    "default output": ("compile --framework XLA {d}/in.hlo.pb --target inf2", {"target": "inf2"}),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One graph under every name that the callers use."""
    proto = graphs.hlo(graphs.DOT)
    names = ("in.hlo.pb", "in.hlo_module.pb", "file.code", "model/graph.hlo", "hlo_module.pb")
    for name in names:
        graphs.write(tmp_path / name, proto)
    metadata = {"model_files": "graph.hlo", "version": "1.0", "weights": {}}
    graphs.write(tmp_path / "model" / "metadata.json", json.dumps(metadata))
    graphs.write(tmp_path / "module.mlir", graphs.DOT)
    return tmp_path


@pytest.mark.parametrize("name", LINES)
def test_a_known_line_compiles(cc: Compiler, folder: Path, name: str) -> None:
    line, flags = LINES[name]
    words = line.format(d=folder).split()
    done = cc(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(".")
    assert done.stdout.endswith("\nCompiler status PASS\n")
    assert done.stderr == ""
    effective = neff.info(str(_output(cc, words)))["effective_flags"]
    assert effective.items() >= flags.items()
    log = folder / "log-neuron-cc.txt" if "--logfile" in words else cc.cwd / "log-neuron-cc.txt"
    assert "Compiler status PASS" in log.read_text()
    left = sorted(entry for entry in os.listdir(cc.cwd) if entry.startswith("neuronxcc-"))
    assert bool(left) == ("SaveTemps" in words)
    assert (cc.cwd / "wrapped_neff.hlo").exists() == ("wrapper" in line)


def _output(cc: Compiler, words: list[str]) -> Path:
    for at, word in enumerate(words):
        if word == "--output":
            return cc.cwd / words[at + 1]
        if word.startswith("--output="):
            return cc.cwd / word.removeprefix("--output=")
    return cc.cwd / "file.neff"


def test_version_is_the_first_line(cc: Compiler) -> None:
    for flag in ("--version", "-V"):
        done = cc(flag)
        assert done.stdout.startswith("NeuronX Compiler version 2.21.33363.0+82129205\n")
        assert done.returncode == 0


def test_list_operators(cc: Compiler) -> None:
    assert "Dot" in cc("list-operators", "--framework", "XLA").stdout


def test_placement_is_answered_by_the_status(cc: Compiler, folder: Path) -> None:
    graphs.write(folder / "add.pb", graphs.hlo(graphs.ADD))
    assert cc("compile", "--query-compute-placement", folder / "in.hlo.pb").returncode == 0
    assert cc("--query-compute-placement", folder / "add.pb").returncode == 1
    assert cc("--query-compute-placement", folder / "none.pb").returncode == 70


def test_the_log_is_appended_to(cc: Compiler, folder: Path) -> None:
    cc.compile(folder / "in.hlo.pb", FAKE="1")
    cc.compile(folder / "in.hlo.pb", FAKE="1")
    assert (cc.cwd / "log-neuron-cc.txt").read_text().count("status PASS") == 2


def test_output_is_utf8_whatever_the_names(cc: Compiler, folder: Path) -> None:
    graph = os.fsdecode(b"\xff\xfe.pb")
    done = cc("compile", "--framework", "XLA", graph, "--target", "trn1")
    assert done.returncode == 70
    assert "cannot open" in done.stderr
    assert folder.exists()
