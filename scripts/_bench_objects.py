"""Bench: object stores and registries: large and small entries down, many up, what it loads."""

from __future__ import annotations

import hashlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import _bench_figures as figures
import _bench_objects_lab as places
from _bench_fetch import Curl, Download, interpreter
from _bench_figures import Figure, interleave
from _bench_lab import MB, Lab, LabError, need_space
from neffcache import queue, remote
from neffcache.cache import bundles

if TYPE_CHECKING:
    from _bench_objects_lab import Entry, Far

PLAIN = Path(__file__).with_name("_bench_plain.py")
# At least so much of the rate of curl, or of the plain client: so much more time at most.
SHARE = 0.7
_CHUNK = 1 << 20
_THREADS = 4
# What the helper loads before it asks, and what a local hit loads: each in a process of its own.
_FAR = """\
import sys; sys.path.insert(0, {shim!r})
import neffcache.cache.helper, neffcache.remotes.objects
from neffcache.hub import installed
installed.make_importable("obstore")
import obstore, obstore.store
"""
_HIT = "import sys; sys.path.insert(0, {shim!r})\nimport {rooms}\n"


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure.

    Attributes:
        rounds: repeats of what is large; large_mb, capped_mb: the large entries.
        small: repeats of what is small; entries: how many are uploaded.
        all: whether all servers are measured, or one that everybody has.
    """

    rounds: int
    large_mb: int
    capped_mb: int
    small: int
    entries: int
    all: bool


FULL = Size(rounds=5, large_mb=1024, capped_mb=128, small=200, entries=1000, all=True)
QUICK = Size(rounds=1, large_mb=40, capped_mb=40, small=5, entries=8, all=False)


def rows(lab: Lab, quick: bool) -> Iterator[Figure]:
    """Every figure, one part after another."""
    size = QUICK if quick else FULL
    need_space(lab.root, (6 * size.large_mb + 4 * size.entries) * MB)
    kinds = [places.s3, places.az, places.gs, places.oci] if size.all else [places.moto]
    for number, kind in enumerate(kinds):
        parts = (large, small, *((capped,) if kind is places.oci else ()))
        if number == 0:
            parts = (large, small, capped, uploaded)
        with ExitStack() as stack:
            try:
                far = stack.enter_context(kind())
            except LabError as error:
                print(f"bench: {kind.__name__} is not measured: {error}")
                continue
            for part in parts:
                yield from part(Lab(lab.work(f"{part.__name__}-{number}")), far, size)
    yield loaded(lab, size)


def large(lab: Lab, far: Far, size: Size) -> Iterator[Figure]:
    """A large entry by the fetch helper, whole and checked, against curl alone."""
    neff = lab.holed_neff("large", size.large_mb * MB)
    entry = places.publish(lab, far, neff)
    helper = Download(lab, entry.key, far.url, far.environ, lab.root / "got")
    curl = Curl(far.link(entry.tar)[0], lab.root / "curled", entry.size)
    ours, other = interleave([helper, curl], size.rounds, warm_up=1)
    what = f"{size.large_mb} MB entry from {far.kind}"
    yield figures.ratio("objects", f"{what}, fetch helper / curl", ours, other, 1 / SHARE)
    what = f"peak memory of the fetch helper, {what}"
    yield figures.largest("objects", what, helper.peak(), "MB", 128)


def small(lab: Lab, far: Far, size: Size) -> Iterator[Figure]:
    """An entry of 1 MB in this process, against http.client; its requests, counted at a proxy."""
    from servers.faulty import Faulty

    entry = places.publish(lab, far, lab.neff("small", MB))
    opened, into = far.opened(lab.variables), lab.root / "into"

    def ours() -> float:
        began = time.perf_counter()
        _fetch(opened, entry, into)
        return time.perf_counter() - began

    def bundle() -> float:
        began = time.perf_counter()
        opened.fetch(entry.tar, str(into), lambda _count: None)
        return time.perf_counter() - began

    both = _Bare(far, (entry.record, entry.tar), into, hashing=True)
    one = _Bare(far, (entry.tar,), into, hashing=False)
    whole, gets, alone, bare = interleave([ours, both, bundle, one], size.small)
    what = f"1 MB entry from {far.kind}"
    against = "http.client with SHA-256, the same GETs"
    yield figures.ratio("objects", f"{what} / {against}", whole, gets, 1.5)
    against = "http.client"
    yield figures.ratio("objects", f"{what}, its bundle alone / {against}", alone, bare, 1.5)
    yield figures.ratio("objects", f"{what} / {against}, its bundle alone", whole, bare)
    with Faulty(far.server) as proxy:
        _fetch(far.through(proxy).opened(lab.variables), entry, into)
        count = float(len(proxy.requests()))
    yield figures.largest("objects", f"{what}, read", [count], "requests", 2)


def capped(lab: Lab, far: Far, size: Size) -> Iterator[Figure]:
    """A large entry where each connection has its share of the line and no more."""
    from servers.faulty import Faulty

    entry = places.publish(lab, far, lab.holed_neff("capped", size.capped_mb * MB))
    with Faulty(far.server, cap=20 * MB) as proxy:
        seen = far.through(proxy)
        helper = Download(lab, entry.key, seen.url, seen.environ, lab.root / "got")
        one = Curl(far.link(entry.tar)[0], lab.root / "curled", entry.size, proxy.url)
        ours, other = interleave([helper, one], min(size.rounds, 3), warm_up=0)
    what = f"{size.capped_mb} MB entry from {far.kind}, 20 MB/s a connection"
    what = f"{what}, fetch helper / one stream"
    yield figures.ratio("objects", what, ours, other, 1 / 3)


def uploaded(lab: Lab, far: Far, size: Size) -> Iterator[Figure]:
    """Many queued entries of 1 MB by the uploader, against obstore alone."""
    from entries import key_of, make_store, put
    from running import end_all

    store, plain = make_store(lab.root / "queued"), lab.work("plain")
    keys = [key_of(f"{number}") for number in range(size.entries)]
    for number, key in enumerate(keys):
        tar = put(store, key, os.urandom(MB))
        (plain / f"{number}.tar").write_bytes(tar.read_bytes())
    environ = {**lab.variables, **far.environ, "NEFFCACHE_CONFIG": os.devnull}
    given = {name.encode(): text.encode() for name, text in environ.items()}
    spec = remote.parse(far.url)

    def ours() -> float:
        markers = [queue.enqueue(store, key, [spec], given)[0] for key in keys]
        began = time.perf_counter()
        queue.start_uploaders(store, markers, given)
        left = queue.wait_for(markers, 900)
        seconds = time.perf_counter() - began
        end_all(store.path)
        opened = far.opened(lab.variables)
        if left or len(opened.exists(map(bundles.record_name, keys))) != len(keys):
            raise LabError("not all entries were uploaded")
        return seconds

    def alone(threads: int) -> Callable[[], float]:
        bucket = spec.location.partition("/")[0]
        line = [sys.executable, str(PLAIN), spec.options["endpoint"], bucket, str(threads)]

        def run() -> float:
            began = time.perf_counter()
            subprocess.run([*line, str(plain)], env=environ, check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - began

        return run

    first, one, several = interleave([ours, alone(1), alone(_THREADS)], 1, warm_up=0)
    what = f"{size.entries} queued entries of 1 MB to {far.kind}"
    yield figures.ratio("objects", f"{what}, uploader / obstore alone", first, one, 1 / SHARE)
    what = f"{what}, uploader / obstore alone in {_THREADS} threads"
    yield figures.ratio("objects", what, first, several)


def loaded(lab: Lab, size: Size) -> Figure:
    """What a helper loads for an object store before it asks, beyond what a local hit loads."""
    from house.budget import HIT_ROOMS

    shim = str(Path(remote.__file__).parent.parent)
    far = [*interpreter(lab), "-c", _FAR.format(shim=shim)]
    hit = [*interpreter(lab), "-c", _HIT.format(shim=shim, rooms=", ".join(sorted(HIT_ROOMS)))]
    work = lab.work("work")
    series = interleave(
        [lambda: lab.run(far, work), lambda: lab.run(hit, work)], min(size.small, 60)
    )
    added = 1000 * (median(series[0]) - median(series[1]))
    what = "loading the object-store path, over that of a local hit"
    return figures.largest("objects", what, [added], "ms", 40)


class _Bare:
    """GETs on one connection that stays, written to a file."""

    def __init__(self, far: Far, names: tuple[str, ...], into: Path, *, hashing: bool) -> None:
        self._asked = [far.link(name) for name in names]
        self._link = http.client.HTTPConnection(urlsplit(self._asked[0][0]).netloc)
        self._into = into
        self._buffer = bytearray(_CHUNK)
        self._hashing = hashing

    def __call__(self) -> float:
        began = time.perf_counter()
        for url, headers in self._asked:
            parts = urlsplit(url)
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            self._link.request("GET", path, headers=dict(headers))
            answer = self._link.getresponse()
            if answer.status != 200:
                raise LabError(f"the bare client was answered {answer.status}")
            self._pour(answer)
        return time.perf_counter() - began

    def _pour(self, answer: http.client.HTTPResponse) -> None:
        made, view = hashlib.sha256(), memoryview(self._buffer)
        with self._into.open("wb", buffering=0) as file:
            while count := answer.readinto(self._buffer):
                if self._hashing:
                    made.update(view[:count])
                file.write(view[:count])


def _fetch(opened: remote.Remote, entry: Entry, into: Path) -> None:
    record = bundles.fetch_record(opened, entry.key, str(into))
    if record is None:
        raise LabError("an entry that was published is absent")
    bundles.fetch_bundle(opened, record, str(into), lambda _count: None)
