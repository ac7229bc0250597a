"""Graphs: the product's whole answer to a compile, in this process, the stand-in behind it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from entries import settings
from neffcache.run import call
from neffcache.run.plan import Job, Ran
from neuronxcc.driver import arguments, compilation
from neuronxcc.driver.switches import Switches


class Cache:
    """A store, and everything that a call of the compiler does around it."""

    def __init__(self, root: Path, level: str) -> None:
        self.root = root
        root.mkdir()
        self.compiles = 0
        self._config = settings(
            dir=str(root / "cache"), strict="1", key_level=level, compiler_id="stand-in"
        )

    def serve(self, graph: bytes) -> tuple[Path, str, str]:
        """The NEFF of a graph, how it was had, and its key."""
        path, output = self.root / "graph.pb", self.root / "out.neff"
        path.write_bytes(graph)
        output.unlink(missing_ok=True)
        job = Job()
        job.argv = ["compile", "--framework=XLA", str(path), "--output", str(output)]
        job.argv += ["--target=trn1", "--auto-cast=none", f"--temp-dir={self.root}"]
        job.argv += [f"--logfile={self.root}/log"]
        job.cwd, job.environ, job.config = str(self.root), {}, self._config
        job.script = "/nowhere/neuronx-cc"
        job.compile = lambda: self._compile(job.argv)
        job.say = lambda _good, _text: None
        assert call.compile_cached(job) == 0
        (journal,) = self.root.glob("cache/store-*/journal/journal.log")
        record = json.loads(journal.read_text().splitlines()[-1])
        return output, record["outcome"], record["key"]

    def _compile(self, argv: list[str]) -> Ran:
        self.compiles += 1
        began = time.monotonic()
        status = compilation.run(arguments.parse(argv), Switches.read({}))
        return Ran(status, time.monotonic() - began, 0)
