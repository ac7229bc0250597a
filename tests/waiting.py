"""The one place where tests wait: for a condition, with a deadline that only a failure meets."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(predicate: Callable[[], object], seconds: float = 30.0) -> None:
    """Look again and again until the predicate holds; an AssertionError at the deadline."""
    deadline = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline, "what the test waits for does not happen"
        time.sleep(0.01)
