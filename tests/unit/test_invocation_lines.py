"""Unit: every command line that a framework is known to use, understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from neffcache import invocation
from neffcache.invocation import Bypass

# name -> (line, graph, output, log, options in order, wrapper). {d} is the directory with the
# graphs, which is also the working directory.
Row = tuple[str, str, str, str, list[str], bool]
LOG = "log-neuron-cc.txt"
LINES: dict[str, Row] = {
    "2022": (
        (
            "--target=trn1 compile --framework XLA {d}/in.hlo.pb --output {d}/out.neff"
            " --model-type=transformer --verbose=35"
        ),
        "in.hlo.pb",
        "out.neff",
        LOG,
        ["--target=trn1", "--framework=XLA", "--model-type=transformer"],
        False,
    ),
    "2024": (
        (
            "compile --target=trn1 --framework=XLA in.hlo_module.pb --output out.neff -O1"
            " --verbose=35"
        ),
        "in.hlo_module.pb",
        "out.neff",
        LOG,
        ["--target=trn1", "--framework=XLA", "--optlevel=1"],
        False,
    ),
    "2025": (
        (
            "compile --framework=XLA in.hlo_module.pb --output /elsewhere/out.neff --target=trn1"
            " --lnc=2 --verbose=35"
        ),
        "in.hlo_module.pb",
        "/elsewhere/out.neff",
        LOG,
        ["--framework=XLA", "--target=trn1", "--logical-nc-config=2"],
        False,
    ),
    "PJRT": (
        (
            "compile --framework=XLA --target=trn2 --verbose=35 --enable-internal-neff-wrapper"
            " --output={d}/file.neff {d}/file.code --model-type transformer"
        ),
        "file.code",
        "file.neff",
        LOG,
        [
            "--framework=XLA",
            "--target=trn2",
            "--enable-internal-neff-wrapper",
            "--model-type=transformer",
        ],
        True,
    ),
    "trace": (
        (
            "compile {d}/model --framework XLA --target trn1 --output {d}/graph.neff"
            " --auto-cast none"
        ),
        "model",
        "graph.neff",
        LOG,
        ["--framework=XLA", "--target=trn1", "--auto-cast=none"],
        False,
    ),
    "trace, the graph": (
        "compile {d}/model/graph.hlo --framework XLA --target trn1 --output {d}/graph.neff",
        "model/graph.hlo",
        "graph.neff",
        LOG,
        ["--framework=XLA", "--target=trn1"],
        False,
    ),
    "native": (
        (
            "compile module.mlir --framework XLA --target trn2 --model-type transformer --lnc 2"
            " -O1 --auto-cast=none --output m.neff --internal-max-instruction-limit=20"
        ),
        "module.mlir",
        "m.neff",
        LOG,
        [
            "--framework=XLA",
            "--target=trn2",
            "--model-type=transformer",
            "--logical-nc-config=2",
            "--optlevel=1",
            "--auto-cast=none",
            "--internal-max-instruction-limit=20",
        ],
        False,
    ),
    "vLLM": (
        (
            "compile {d}/model/graph.hlo --framework XLA --target trn1"
            " --output {d}/graph_0a1b.neff --logfile {d}/model/log.txt -O 2"
        ),
        "model/graph.hlo",
        "graph_0a1b.neff",
        "model/log.txt",
        ["--framework=XLA", "--target=trn1", "--optlevel=2"],
        False,
    ),
    "nkipy": (
        (
            "compile --framework XLA {d}/hlo_module.pb --pipeline compile SaveTemps --target trn1"
            " --output=NAME.neff --lnc 1"
        ),
        "hlo_module.pb",
        "NAME.neff",
        LOG,
        [
            "--framework=XLA",
            "--pipeline",
            "compile",
            "SaveTemps",
            "--target=trn1",
            "--logical-nc-config=1",
        ],
        False,
    ),
    "defaults": (
        "compile --framework XLA in.hlo.pb --target inf2",
        "in.hlo.pb",
        "file.neff",
        LOG,
        ["--framework=XLA", "--target=inf2"],
        False,
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file under every name that the callers use."""
    (tmp_path / "model").mkdir()
    names = ["in.hlo.pb", "in.hlo_module.pb", "file.code", "model/graph.hlo", "hlo_module.pb"]
    for name in [*names, "module.mlir"]:
        (tmp_path / name).write_bytes(b"graph")
    return tmp_path


@pytest.mark.parametrize("name", LINES)
def test_a_known_line_is_understood(folder: Path, name: str) -> None:
    line, graph, output, log, options, wrapper = LINES[name]
    words = line.format(d=folder).split()
    call = invocation.parse(words, str(folder), allow_savetemps=True)
    assert call.graph == str(folder / graph)
    assert call.output == str(folder / output)
    assert call.logfile == str(folder / log)
    assert call.options == options
    assert (call.wrapper, call.target, call.named_files) == (wrapper, True, [])
    assert (call.argv, call.cwd) == (words, str(folder))


@pytest.mark.parametrize("name", LINES)
def test_without_target_the_call_says_so(folder: Path, name: str) -> None:
    words = LINES[name][0].format(d=folder).replace("--target ", "--target=").split()
    left = [word for word in words if not word.startswith("--target")]
    assert not invocation.parse(left, str(folder), allow_savetemps=True).target


def test_savetemps_is_only_for_those_who_ask(folder: Path) -> None:
    words = LINES["nkipy"][0].format(d=folder).split()
    with pytest.raises(Bypass) as caught:
        invocation.parse(words, str(folder))
    assert caught.value.outcome == "special_pipeline"
    assert caught.value.detail == "compile SaveTemps"
