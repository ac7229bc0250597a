"""Fixtures of the fault tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.making import PlainUser


@pytest.fixture
def plain_user(tmp_path: Path) -> PlainUser:
    """A host whose caller has no powers over files but those of their modes."""
    return PlainUser(tmp_path / "host", {"SDKSTANDIN_FAKE": "1"})
