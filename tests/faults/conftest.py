"""Fixtures of the fault tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.making import NOBODY, PlainUser
from hosts import BIN


@pytest.fixture
def plain_user() -> Iterator[PlainUser]:
    """A host for an ordinary user; below a directory that he can reach, unlike `tmp_path`."""
    if os.geteuid() != 0:
        pytest.skip(reason="only root can become another user")
    top = Path(tempfile.mkdtemp(prefix="plain-user-"))
    try:
        top.chmod(0o755)
        os.chown(top, NOBODY, NOBODY)
        host = PlainUser(top / "host", {"SDKSTANDIN_FAKE": "1"})
        for path in (host.root, host.home):
            os.chown(path, NOBODY, NOBODY)
        done = host.cc(top / "first", "list-operators")
        if done.status != 0:
            pytest.skip(reason=f"another user cannot start what is in {BIN}: {done.err}")
        yield host
    finally:
        shutil.rmtree(top)
