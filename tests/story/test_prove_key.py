"""The proof kit: a compiler that earns the levels, and compilers that do not; each is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hosts import BIN, CONV, REAL_COMPILER, TRAIN
from neffcache.graph import hlo, source

sys.path.append(str(Path(__file__).parent.parent.parent / "scripts"))
import _prove_twins as twins

KIT = Path(twins.__file__).with_name("_prove_key.py")
# A compiler whose results depend on something that it should not look at; SALT is a switch of
# the stand-in that gives each text another result.
WRAPPER = """\
#!/bin/sh
echo "$@" >>{calls}
SDKSTANDIN_SALT=$({salt}) exec {compiler} "$@"
"""
NAMES = "grep -aq renamed_module graph.hlo_module.pb && echo renamed || echo"
POSITIONS = "grep -aq moved.py graph.hlo_module.pb && echo moved || echo"


def prove(tmp_path: Path, *argv: str, compiler: Path | None = None) -> tuple[int, dict[str, Any]]:
    report = tmp_path / "report.json"
    first = f"{compiler.parent}:" if compiler else ""
    done = subprocess.run(
        [sys.executable, str(KIT), "--json", str(report), *argv],
        env={**os.environ, "PATH": f"{first}{BIN}:/usr/bin:/bin", "NEFFCACHE_DIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    made: dict[str, Any] = json.loads(report.read_text())
    for graph in made["graphs"]:
        assert all(twin["verdict"] in done.stdout for twin in graph["twins"])
    return done.returncode, made


def wrapper(tmp_path: Path, salt: str) -> Path:
    path = tmp_path / "bin" / "neuronx-cc"
    path.parent.mkdir()
    calls = tmp_path / "calls"
    path.write_text(WRAPPER.format(calls=calls, salt=salt, compiler=REAL_COMPILER))
    path.chmod(0o755)
    return path


def the_twins(made: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    [graph] = made["graphs"]
    one, other = graph["twins"]
    assert (one["level"], other["level"]) == ("strict", "canonical")
    return one, other


def test_the_stand_in_earns_both_levels(tmp_path: Path) -> None:
    status, made = prove(tmp_path, str(CONV))
    assert status == 0
    assert made["earned"] == {"strict": True, "canonical": True}
    assert made["compiler"]["stand_in"]
    assert made["compiler"]["version"].startswith("neuronx-cc ")
    for twin in the_twins(made):
        assert (twin["keys_equal"], twin["payloads_equal"], twin["unlike"]) == (True, True, [])


def test_a_compiler_that_looks_at_names_does_not_earn_canonical(tmp_path: Path) -> None:
    status, made = prove(tmp_path, str(CONV), compiler=wrapper(tmp_path, NAMES))
    strict, canonical = the_twins(made)
    assert status == 1
    assert made["earned"] == {"strict": True, "canonical": False}
    assert not made["compiler"]["stand_in"]
    assert strict["payloads_equal"]
    assert (canonical["keys_equal"], canonical["payloads_equal"]) == (True, False)
    assert canonical["repeats"]
    assert canonical["unlike"] == ["optimized_hlo_sha256 of neff.json"]
    assert "OTHER PAYLOAD: optimized_hlo_sha256" in canonical["verdict"]


def test_a_compiler_that_looks_at_positions_earns_nothing(tmp_path: Path) -> None:
    status, made = prove(tmp_path, str(CONV), compiler=wrapper(tmp_path, POSITIONS))
    assert status == 1
    assert made["earned"] == {"strict": False, "canonical": False}


def test_a_compiler_that_never_repeats_proves_nothing(tmp_path: Path) -> None:
    salt = f"wc -l <{tmp_path / 'calls'}"
    status, made = prove(tmp_path, str(CONV), compiler=wrapper(tmp_path, salt))
    assert status == 1
    assert [twin["repeats"] for twin in the_twins(made)] == [False, False]
    assert "one and the same graph, too" in the_twins(made)[0]["verdict"]


def test_flags_reach_the_compiler_and_are_completed(tmp_path: Path) -> None:
    compiler = wrapper(tmp_path, "echo")
    flags = ["--target=trn2", "--lnc", "2"]
    status, made = prove(tmp_path, str(CONV), "--", *flags, compiler=compiler)
    assert status == 0
    assert made["flags"] == ["--framework=XLA", *flags]
    lines = (tmp_path / "calls").read_text().splitlines()
    assert all(
        "--framework=XLA --target=trn2 --lnc 2" in line for line in lines if "compile" in line
    )


def test_a_compile_that_fails_is_not_compared(tmp_path: Path) -> None:
    status, made = prove(tmp_path, str(CONV), "--", "--nonsense")
    assert status == 1
    for twin in the_twins(made):
        assert twin["payloads_equal"] is None
        assert "the compile ended with status" in twin["verdict"]


def test_what_is_no_hlo_graph_is_not_compared(tmp_path: Path) -> None:
    text = tmp_path / "a.mlir"
    text.write_text(
        "module @m {\n"
        "  func.func public @main(%a: tensor<3xf32>) -> tensor<3xf32> {\n"
        "    %0 = stablehlo.add %a, %a : tensor<3xf32>\n"
        "    return %0 : tensor<3xf32>\n  }\n}\n"
    )
    status, made = prove(tmp_path, str(text))
    assert status == 1
    assert all("no HLO graph" in twin["verdict"] for twin in the_twins(made))


@pytest.mark.parametrize("graph", [CONV, TRAIN], ids=["conv", "train"])
@pytest.mark.parametrize("form", ["module", "proto", "snapshot"])
def test_a_twin_is_another_file_with_the_same_key(graph: Path, form: str) -> None:
    content = graph.read_bytes()
    for _ in range(("module", "proto", "snapshot").index(form)):
        content = twins.write([(10, content)])

    def key(data: bytes, level: str) -> str:
        made = hlo.digest(source.Source.of(data), level, lambda _target, _config: None)
        assert (made.level, made.form) == (level, form)
        return made.hexdigest

    moved, renamed = twins.moved(content, form), twins.renamed(content, form)
    assert len({content, moved, renamed}) == 3
    assert key(content, "strict") == key(moved, "strict") != key(renamed, "strict")
    assert key(content, "canonical") == key(moved, "canonical") == key(renamed, "canonical")


def test_a_renamed_twin_shares_no_name_and_no_id_with_its_graph() -> None:
    content = TRAIN.read_bytes()
    old, new = (_names_and_ids(one) for one in (content, twins.renamed(content, "module")))
    assert len(old) == len(new)
    assert not old & new


def _names_and_ids(module: bytes) -> set[tuple[int, bytes]]:
    """Of every instruction; tag and value."""
    found = set()
    for computation in twins.values(twins.read(module), 3 << 3 | 2):
        for body in twins.values(twins.read(computation), 2 << 3 | 2):
            found |= {(tag, value) for tag, value in twins.read(body) if tag in {10, 35 << 3}}
    return found


def test_a_schedule_has_no_renamed_twin() -> None:
    content = CONV.read_bytes() + b"\x3a\x02\x0a\x00"
    twins.moved(content, "module")
    with pytest.raises(twins.NoTwin, match="schedule"):
        twins.renamed(content, "module")
