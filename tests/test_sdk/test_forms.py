"""Every form of installation starts, compiles, and tells the same version and RECORD."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuronxcc import neff
from test_sdk import graphs
from test_sdk.compiler import Compiler
from test_sdk.forms import DIST_INFO, FORMS, make_form, record_lines

VENV = Path(sys.executable).parent.parent
BUILT = [kind for kind in FORMS if kind != "same-venv"]


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_compiles(cc: Compiler, tmp_path: Path, kind: str) -> None:
    cc.script = make_form(kind, tmp_path / "sdk", VENV)
    graph = graphs.write(tmp_path / "in.pb", graphs.hlo(graphs.ADD))
    path = cc.compile(graph, FAKE="" if kind == "conda" else "1")
    assert neff.info(str(path))["compiler"] == "2.21.33363.0+82129205"


@pytest.mark.parametrize("kind", BUILT)
def test_a_form_uses_its_own_package(tmp_path: Path, kind: str) -> None:
    script = make_form(kind, tmp_path / "sdk", VENV)
    (package,) = (tmp_path / "sdk").rglob("neuronxcc/__init__.py")
    package.write_text('__version__ = "9.9"\n', encoding="utf-8")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("NeuronX Compiler version 9.9\n")


def test_equal_packages_have_equal_records(tmp_path: Path) -> None:
    kinds = [kind for kind in BUILT if kind != "editable"]
    records = [record_lines(make_form(kind, tmp_path / kind, VENV)) for kind in kinds]
    assert len(records[0]) > 20
    assert all(record == records[0] for record in records)


@pytest.mark.parametrize("kind", BUILT)
def test_the_metadata_stands_beside_the_script(tmp_path: Path, kind: str) -> None:
    script = make_form(kind, tmp_path / "sdk", VENV)
    (info,) = script.parent.parent.glob(f"lib/python*/site-packages/{DIST_INFO}")
    assert "Version: 2.21.33363.0+82129205" in (info / "METADATA").read_text()
    for line in (info / "RECORD").read_text().splitlines():
        name, _, size = line.rsplit(",", 2)
        path = info.parent / name
        assert path.exists() or kind == "probe"
        assert not size or kind == "probe" or path.stat().st_size == int(size)


def test_a_long_path_makes_a_polyglot(tmp_path: Path) -> None:
    script = make_form("other-venv", tmp_path / ("x" * 120), VENV)
    assert script.read_text().startswith("#!/bin/sh\n'''exec' ")
    assert subprocess.run([script, "list-operators"], check=False).returncode == 0


def test_the_probe_sees_signals_before_python(cc: Compiler, tmp_path: Path) -> None:
    cc.script = make_form("probe", tmp_path / "sdk", VENV)
    dump = cc.cwd / "dump"
    assert cc("list-operators", env={"ODD": "1"}, DUMP=str(dump)).returncode == 0
    status = dump.with_name("dump.status").read_text()
    (ignored,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:")]
    # subprocess restores SIGPIPE and SIGXFSZ in its child; Python ignores them again
    assert int(ignored, 16) >> 12 & 1 == 0
    assert "SIGPIPE" in json.loads(dump.read_text())["signals"]["ignored"]
    assert b"ODD=1" in dump.with_name("dump.environ").read_bytes().split(b"\0")


def test_the_installed_script_is_found() -> None:
    assert os.access(make_form("same-venv", Path("unused"), VENV), os.X_OK)
