"""Bench: downloads as programs: the product's fetch helper as the shim starts it, and curl."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from _bench_lab import Lab, LabError
from neffcache import files
from neffcache.cli import head

START = Path(files.__file__).with_name("start.py")
# As in _bench_cases; what the helper writes comes first.
_PEAK = """\
import posix, sys
pid = posix.posix_spawn(sys.argv[1], sys.argv[1:], posix.environ)
_, status, usage = posix.wait4(pid, 0)
print(status, usage.ru_maxrss)
"""


class Download:
    """The product's fetch helper."""

    def __init__(
        self, lab: Lab, key: str, url: str, environ: Mapping[str, str], target: Path
    ) -> None:
        self._line = [*interpreter(lab), str(START), "neffcache.cache.helper"]
        self._line += [key, url, str(target)]
        self._environ = {**lab.variables, **environ}
        self._target = target

    def __call__(self) -> float:
        """Seconds from its start to its end."""
        return self._run(self._line)[0]

    def peak(self) -> list[float]:
        """The most memory that it ever had, in MB."""
        status, peak = self._run([self._line[0], "-I", "-S", "-c", _PEAK, *self._line])[1][-2:]
        return [int(peak) / 1024 if status == "0" else float("inf")]

    def _run(self, line: list[str]) -> tuple[float, list[str]]:
        self._target.write_bytes(b"")
        began = time.perf_counter()
        # Its standard input is a pipe that stays open: it ends when its caller does.
        with subprocess.Popen(
            line,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            told = process.stdout.read().split()
            process.wait()
            seconds = time.perf_counter() - began
        if "done" not in told:
            raise LabError(f"the fetch helper failed: {' '.join(told)}")
        return seconds, told


class Curl:
    """The same bytes by curl, into a file, unchecked."""

    def __init__(self, url: str, target: Path, size: int, proxy: str = "") -> None:
        """`proxy`: what is asked in the server's place, under the server's name."""
        if not shutil.which("curl"):
            raise LabError("no curl on PATH to compare with")
        parts = urlsplit(url)
        there = url.replace(parts.netloc, urlsplit(proxy).netloc, 1) if proxy else url
        # In a file: a URL that holds a signature is nobody's business.
        self._list = target.with_name(f"{target.name}.curl")
        text = f'url = "{there}"\nheader = "Host: {parts.netloc}"\noutput = "{target}"\n'
        self._list.write_text(text)
        self._target = target
        self._size = size

    def __call__(self) -> float:
        """Seconds from its start to its end."""
        self._target.write_bytes(b"")
        began = time.perf_counter()
        line = ["curl", "-q", "-s", "-f", "-K", str(self._list)]
        done = subprocess.run(line, check=False)
        seconds = time.perf_counter() - began
        if done.returncode or self._target.stat().st_size != self._size:
            raise LabError("curl got something else than the entry")
        return seconds


def interpreter(lab: Lab) -> list[str]:
    """How helpers are started."""
    found = head.packages(lab.shim.read_text())
    return [lab.python, "-I", "-S", *(["-X", f"neffcache={found}"] if found else [])]
