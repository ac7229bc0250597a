"""House: what the hooks load at an interpreter's start is written in budget.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from house import budget

_LOADED = "import sys; print('\\n'.join(sys.modules))"


def _start(word: str) -> frozenset[str]:
    given = {"PATH": os.environ["PATH"], "NEFFCACHE_HOOKS": word}
    command = [sys.executable, "-c", _LOADED]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


def test_a_start_with_the_hooks_on_loads_the_written_list() -> None:
    assert _start("1") - _start("") == budget.HOOKS_START


@pytest.mark.parametrize("word", ["0", "false", "no", "off"])
def test_a_start_with_the_hooks_off_loads_nothing(word: str) -> None:
    assert _start(word) == _start("")
