"""Running the installed stand-in: `cc(...)` in a directory of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from test_sdk.compiler import Compiler


@pytest.fixture
def cc(tmp_path: Path) -> Compiler:
    """The compiler, in a fresh directory."""
    work = tmp_path / "work"
    work.mkdir()
    return Compiler(work)
