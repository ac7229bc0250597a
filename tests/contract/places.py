"""The kinds of remotes that the contract is tested with: a new kind adds one row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import hung


@dataclass(frozen=True)
class Place:
    """How to come by a remote of one kind.

    Attributes:
        working: the URL (without options) of an empty place below a directory.
        down: the URL of a place that cannot answer now.
        silent: makes a place that is asked and never answers; gives its URL.
    """

    working: Callable[[Path], str]
    down: Callable[[Path], str]
    silent: Callable[[Path], AbstractContextManager[str]]


@contextmanager
def _silent_directory(path: Path) -> Iterator[str]:
    problem = hung.why_not()
    if problem:
        pytest.skip(reason=f"no mount that hangs: {problem}")
    at = path / "hung"
    at.mkdir()
    with hung.mount(at):
        yield f"file://{at}/cache"


PLACES = {
    "file": Place(
        working=lambda path: f"file://{path}/cache",
        down=lambda path: f"file://{path}/not-mounted/cache",
        silent=_silent_directory,
    ),
}
