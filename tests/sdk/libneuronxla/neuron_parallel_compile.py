"""`neuron_parallel_compile CMD …`: CMD only writes its graphs down, then all are compiled at once.

The trial run has NEURON_EXTRACT_GRAPHS_ONLY=1; what waits in the cache afterwards is compiled by
as many processes as NEURON_PARALLEL_COMPILE_MAX_JOBS says. The last line is a summary as JSON.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from libneuronxla import words
from libneuronxla.cache_url import CacheUrl
from libneuronxla.generation import CURRENT
from libneuronxla.jobs import Job
from libneuronxla.libncc import into

if CURRENT.moved or CURRENT.alien:
    from libneuronxla.compile_cache import create_compile_cache
else:
    from libneuronxla.neuron_cc_cache import create_compile_cache


def main() -> int:
    """The console script; the trial's status where that is not 0."""
    if CURRENT.alien:
        raise SystemExit("the alien cache knows no graphs that wait")
    trial = {**os.environ, "NEURON_EXTRACT_GRAPHS_ONLY": "1"}
    status = subprocess.run(sys.argv[1:], env=trial, check=False).returncode
    if status:
        return status
    cache: Any = create_compile_cache(CacheUrl.get_cache_url())
    jobs = int(os.environ.get("NEURON_PARALLEL_COMPILE_MAX_JOBS", "4"))
    with ThreadPoolExecutor(jobs) as pool:
        ends = list(pool.map(lambda hlo: _compile(cache, hlo), cache.get_hlos()))
    print(json.dumps({end: ends.count(end) for end in ("compiled", "failed", "locked", "there")}))
    return 1 if "failed" in ends else 0


def _compile(cache: Any, hlo: str) -> str:
    """One graph of the cache: what came of it. Somebody else's lock is not waited for."""
    entry = cache.try_lookup_for_compile(hlo)
    if entry is None:
        return "locked"
    with entry, TemporaryDirectory() as folder:
        if entry.exists() if CURRENT.asked else entry.exists:
            return "there"
        job = Job(Path(folder), Path(hlo).read_bytes(), _flags(Path(entry.flags_path).read_text()))
        try:
            into(entry, job)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return "failed"
    return "compiled"


def _flags(text: str) -> list[str]:
    """What an entry's file with flags says, the target first: older files leave that out."""
    listed = json.loads(text) if text.startswith("[") else shlex.split(text)
    found, _ours = words.split(listed)
    return found if found and found[0].startswith("--target=") else ["--target=trn1", *found]


if __name__ == "__main__":
    sys.exit(main())
