"""A caller that asks for keys in a store, and a walker whose work is counted and disturbed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from neffcache.compiler import identity
from neffcache.graph import walk
from neffcache.graph.raw import Graph
from neffcache.key import Key
from neffcache.run import keying
from neffcache.run.plan import Job
from unit import makers

if TYPE_CHECKING:
    from neffcache.graph.mlir_bytecode import Strip


def _nothing() -> object:
    return None


class Keyer:
    """Asks for keys, and knows how often a graph was walked.

    Attributes:
        meanwhile: what happens between the plain hash of a graph and its walk.
        behind: what happens right behind the walk.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.walks = 0
        self.meanwhile: Callable[[], object] = _nothing
        self.behind: Callable[[], object] = _nothing
        self._walk = walk.walk
        monkeypatch.setattr(walk, "walk", self._counted)
        self.store = root / "store"
        self.store.mkdir()

    def _counted(
        self, path: str, level: str, cwd: str, strip: Callable[[str], Strip | None]
    ) -> walk.Walk:
        self.walks += 1
        self.meanwhile()
        made = self._walk(path, level, cwd, strip)
        self.behind()
        return made

    def key(self, name: str = "in.pb", store: Path | None = None, **settings: str) -> str:
        """The key of a compile of a graph."""
        made, graph = self.compute(name, store or self.store, **settings)
        assert graph.changed > 0
        assert graph.size > 0
        return made.digest

    def compute(self, name: str, store: Path, **settings: str) -> tuple[Key, Graph]:
        """The key of a compile of a graph, and the graph."""
        job = Job()
        job.cwd, job.environ, job.config = str(self.root), {}, makers.settings(**settings)
        job.argv = ["compile", name, "--target=trn1"]
        compiler = identity.named("test", "/neuronx-cc")
        return keying.compute(job, keying.parse(job), compiler, str(store))

    def fresh(self, name: str = "in.pb") -> str:
        """The key without any alias; not counted."""
        walks, meanwhile, behind = self.walks, self.meanwhile, self.behind
        self.meanwhile = self.behind = _nothing
        empty = self.root / f"empty-{len(list(self.root.iterdir()))}"
        empty.mkdir()
        made = self.key(name, store=empty)
        self.walks, self.meanwhile, self.behind = walks, meanwhile, behind
        return made

    def aliases(self) -> list[Path]:
        """What is remembered."""
        return list(self.store.glob("aliases/*/*"))
