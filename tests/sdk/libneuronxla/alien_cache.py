"""A cache under the names that hooks know, of a shape that they do not: they must stand aside.

Entries are no context managers: they are locked by `acquire` and freed by `release`; what was a
path is a method; a look-up takes one object.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from libneuronxla.cache_url import CacheUrl
from libneuronxla.generation import CURRENT
from neuronxcc import __version__ as compiler_version

_PAUSE = 0.2


@dataclass(frozen=True)
class Question:
    """What a look-up is made with."""

    key: str
    flags: Sequence[str]


class CompileCacheEntry:
    """One directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def acquire(self) -> None:
        """Wait for the lock."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                os.close(os.open(self._lock(), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
                return
            except FileExistsError:
                time.sleep(_PAUSE)

    def release(self) -> None:
        self._lock().unlink(missing_ok=True)

    def neff_path(self) -> Path:
        return self._folder / "model.neff"

    def ready(self) -> bool:
        return (self._folder / "model.done").exists()

    def store(self, hlo: Path, neff: Path, flags: Sequence[str]) -> None:
        """Keep a compile, the marker last."""
        shutil.copyfile(hlo, self._folder / CURRENT.hlo)
        (self._folder / CURRENT.flags).write_text(CURRENT.text(flags))
        fresh = self.neff_path().with_suffix(".tmp")
        shutil.copyfile(neff, fresh)
        fresh.replace(self.neff_path())
        (self._folder / "model.done").touch()

    def _lock(self) -> Path:
        return self._folder / f"{CURRENT.hlo}.lock"


class CompileCache:
    """The only kind there is."""

    def __init__(self, place: str) -> None:
        self._top = Path(place) / f"neuronxcc-{compiler_version}"

    def lookup(self, question: Question, /) -> CompileCacheEntry:
        text = CURRENT.text(question.flags).encode()
        digest = hashlib.md5(text, usedforsecurity=False).hexdigest()[:8]
        return CompileCacheEntry(self._top / f"MODULE_{question.key}+{digest}")


def create_compile_cache(*, url: CacheUrl) -> CompileCache:
    """The cache for a place."""
    return CompileCache(url.url)
