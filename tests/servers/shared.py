"""Servers: those that all tests of a run share, each started by the first who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeVar

import pytest

from servers import tools

# What the reason of a skipped test begins with when it is a server that it lacks.
LEFT_OUT = "no server: "
_Made = TypeVar("_Made")
_stack = ExitStack()
_running: dict[object, Any] = {}


def get(start: Callable[[], AbstractContextManager[_Made]]) -> _Made:
    """The run's one server of this kind; the test is skipped where it cannot be had."""
    if start not in _running:
        _running[start] = _stack.enter_context(or_skip(start()))
    made: _Made = _running[start]
    return made


@contextmanager
def or_skip(server: AbstractContextManager[_Made]) -> Iterator[_Made]:
    """Skip the test when a server cannot be had; where CI may install it that is a failure."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(server)
        except tools.MissingError as error:
            if tools.is_owed(error.name):
                raise
            pytest.skip(reason=f"{LEFT_OUT}{error}")
        yield made


def close() -> None:
    """End all of them."""
    _running.clear()
    _stack.close()
