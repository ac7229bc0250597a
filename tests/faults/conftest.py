"""Fixtures of the fault tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from entries import make_store
from faults import far as places
from faults.far import Far, Made
from faults.looking import Look
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


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What another host compiled, once for all tests."""
    return places.make(tmp_path_factory.mktemp("maker"))


@pytest.fixture(params=places.KINDS)
def far(request: pytest.FixtureRequest) -> Iterator[Far]:
    """A new and empty bucket or repository of each kind, with a faulty proxy before it."""
    with places.behind(request.param) as found:
        yield found


@pytest.fixture
def look(tmp_path: Path, far: Far, made: Made) -> Look:
    """A host that looks up what the remote has."""
    return Look(tmp_path, far, made)
