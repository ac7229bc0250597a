"""`neffcache doctor`: a compiler whose files were edited in place is found, whatever the mode."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hosts import Host
from test_sdk.forms import make_form

VENV = Path(sys.executable).parent.parent


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with an SDK of its own."""
    script = make_form("other-venv", tmp_path / "sdk", VENV)
    return Host(tmp_path / "host", {"SDKSTANDIN_FAKE": "1"}, script.parent)


def _findings(host: Host, **variables: str) -> list[dict[str, Any]]:
    variables = {"NEFFCACHE_STRICT": "\0unset", **variables}
    done = host.neffcache("doctor", "--json", variables=variables)
    assert (done.status, done.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.out)["findings"]
    return [row for row in found if row["topic"] == "compiler"]


def _sources(host: Host) -> list[Path]:
    return sorted(host.real.parent.glob("lib/*/site-packages/neuronxcc/**/*.py"))


def test_an_unedited_compiler_is_fine(host: Host) -> None:
    found = _findings(host)
    assert {row["level"] for row in found} == {"ok"}
    assert f"{len(_sources(host))} files as installed" in found[-1]["line"]


@pytest.mark.parametrize("mode", ["record", "stat", "content"])
def test_an_edited_file_is_named_with_the_remedy(host: Host, mode: str) -> None:
    path = _sources(host)[5]
    path.write_bytes(path.read_bytes() + b"# edited\n")
    [warning] = [
        row for row in _findings(host, NEFFCACHE_COMPILER_CHECK=mode) if row["level"] != "ok"
    ]
    assert warning["level"] == "warn"
    assert str(path).partition("site-packages/")[2] in warning["line"]
    assert "install it anew" in warning["remedy"]
    assert ("NEFFCACHE_COMPILER_CHECK=content" in warning["remedy"]) == (mode != "content")


def test_of_many_edited_files_three_are_named(host: Host) -> None:
    paths = _sources(host)[:8]
    paths[0].unlink()
    for path in paths[1:]:
        path.write_bytes(path.read_bytes() + b"# edited\n")
    [warning] = [row for row in _findings(host) if row["level"] != "ok"]
    assert warning["line"].startswith("8 files edited")
    assert "(missing)" in warning["line"]
    assert warning["line"].count(".py") == 3
    assert "and 5 more" in warning["line"]
