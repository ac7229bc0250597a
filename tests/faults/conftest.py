"""Fixtures of the fault tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from entries import make_store
from faults.making import PlainUser
from neffcache.store.local import Store


@pytest.fixture
def plain_user(tmp_path: Path) -> PlainUser:
    """A host whose caller has no powers over files but those of their modes."""
    return PlainUser(tmp_path / "host", {"SDKSTANDIN_FAKE": "1"})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = make_store(tmp_path / "store")
    made.directory("breakers")
    return made


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A remote that is not mounted: nor is what would hold it there."""
    return f"file://{tmp_path}/away/remote"
