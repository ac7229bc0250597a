"""Fixtures of the peer's own tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.real import RealClient, python_with, versions


@pytest.fixture(params=versions())
def version(request: pytest.FixtureRequest) -> str:
    """Each version of the client that this run has."""
    return str(request.param)


@pytest.fixture(params=[True, False], ids=["xet", "lfs"])
def client(request: pytest.FixtureRequest, version: str, tmp_path: Path) -> RealClient:
    """Each version of the client, with Xet and without."""
    return _made(tmp_path, version, bool(request.param))


@pytest.fixture
def any_client(version: str, tmp_path: Path) -> RealClient:
    """Each version of the client, for what has nothing to do with Xet."""
    return _made(tmp_path, version, xet=False)


@pytest.fixture
def make_client(tmp_path: Path, version: str) -> Callable[[bool], RealClient]:
    """Each version of the client, Xet by argument."""
    return lambda xet: _made(tmp_path, version, xet)


def _made(tmp_path: Path, version: str, xet: bool) -> RealClient:
    home = tmp_path / "client-home"
    home.mkdir(exist_ok=True)
    return RealClient(python_with(version), home, xet)
