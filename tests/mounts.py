"""File systems that a test mounts; where that cannot be done the test is skipped."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from waiting import until


@contextmanager
def read_only(at: Path) -> Iterator[None]:
    """A directory with what is in it, as a read-only file system."""
    _mount("--bind", str(at), str(at))
    try:
        _mount("-o", "remount,ro,bind", str(at))
        yield
    finally:
        _unmount(at)


@contextmanager
def of_size(at: Path, size: str) -> Iterator[None]:
    """An empty file system that is soon full."""
    at.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at))
    try:
        yield
    finally:
        _unmount(at)


def _unmount(at: Path) -> None:
    """A process that was just killed may still hold files there for a moment."""
    command = ["umount", str(at)]
    until(lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0)


def _mount(*words: str) -> None:
    if subprocess.run(["mount", *words], capture_output=True, check=False).returncode:
        pytest.skip(reason="nothing can be mounted here")
