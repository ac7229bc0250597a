"""Bench: what the hooks add to a look-up of libneuronxla's that hits in its own cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import _bench_figures as figures
from _bench_figures import Figure
from _bench_lab import Lab, LabError

_LIBRARY = Path(__file__).resolve().parent.parent / "tests" / "sdk" / "libneuronxla"
_TARGET = 50.0
_TIMES = 40
# Look-ups in turns, with the hooks' methods and with the library's own; microseconds of each. What
# is counted is this thread's time on a processor, in the kernel too: nobody else is waited for.
_LOOKS = """\
import os, sys, time
import neffcache_hooks
neffcache_hooks.enable()
from libneuronxla import neuron_cc_cache
cache = neuron_cc_cache.create_compile_cache(neuron_cc_cache.CacheUrl.get_cache_url())
entry = cache.lookup("1", ["-O1"])
os.makedirs(os.path.dirname(entry.neff_path))
for path in (entry.neff_path, entry.done_path):
    open(path, "wb").close()
def look():
    with cache.lookup("1", ["-O1"]) as found:
        assert found.exists
kind = type(entry)
ours = kind.__enter__, kind.__exit__
alone = ours[0].__wrapped__, ours[1].__wrapped__
def timed(methods, times):
    kind.__enter__, kind.__exit__ = methods
    began = time.thread_time_ns()
    for _ in range(times):
        look()
    return (time.thread_time_ns() - began) / times / 1000
for turn in range(int(sys.argv[1]) + 3):
    taken = timed(ours, int(sys.argv[2])), timed(alone, int(sys.argv[2]))
    if turn >= 3:
        print(*taken)
"""


def rows(lab: Lab, runs: int) -> Iterator[Figure]:
    """The same look-ups with our methods and without, in one process."""
    packages = lab.work("packages")
    (packages / _LIBRARY.name).symlink_to(_LIBRARY)
    given = {
        "PYTHONPATH": str(packages),
        "NEURON_COMPILE_CACHE_URL": str(lab.root / "neuron-cache"),
        "NEFFCACHE_UPLOAD": "off",
        "NEFFCACHE_STRICT": "1",
    }
    command = [sys.executable, "-c", _LOOKS, str(runs), str(_TIMES)]
    done = subprocess.run(
        command, env={**lab.variables, **given}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"the program that looks up failed: {done.stderr.strip()[-200:]}")
    found = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    ours, alone = ([row[column] for row in found] for column in range(2))
    low, high = figures.quartiles([one - other for one, other in zip(ours, alone, strict=True)])
    value = median(ours) - median(alone)
    shown = {"ours": median(ours) / 1000, "alone": median(alone) / 1000}
    what = "added to a library look-up that hits locally"
    yield Figure("hooks", what, value, low, high, "µs", _TARGET, medians=shown)
