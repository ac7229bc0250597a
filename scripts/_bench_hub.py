"""Bench: the Hub as a remote: requests counted, a large entry, a Hub that says nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import _bench_figures as figures
from _bench_fetch import Download
from _bench_figures import Figure, interleave
from _bench_hub_lab import REPO, TOKEN, Site, Size, Stream, site
from _bench_lab import MB, OUTPUT, Lab, LabError, need_space

# What a silent remote may cost the first compile: the setting remote_timeout's default.
DEADLINE = 5.0
# No answer of a silent Hub is given up in less than seconds, and no compile of a few ms is
# held up for longer than this by its neighbours: what lies above has waited for the Hub.
WAITED = 0.5
FULL = Size(rounds=9, large_mb=200, entries=100, compiles=100)
QUICK = Size(rounds=1, large_mb=20, entries=5, compiles=5)


def rows(lab: Lab, quick: bool) -> Iterator[Figure]:
    """Every figure of the Hub, one part after another."""
    size = QUICK if quick else FULL
    need_space(lab.root, 8 * size.large_mb * MB)
    for part in (looked_up, pushed, beside, cold, silent):
        with site(Lab(lab.work(part.__name__)), size) as place:
            yield from part(place)


def looked_up(place: Site) -> Iterator[Figure]:
    """Requests of whoever reads."""
    lab, neff = place.lab, place.lab.neff("small", 300_000)
    given = {**place.variables("reader", "ro"), "BENCH_NEFF": str(neff)}
    absent, known, first, second = [], [], [], []
    for number in range(3):
        graph = lab.graph("absent")
        absent.append(place.asked(place.compile, graph, given))
        shutil.rmtree(next((lab.root / "reader").glob("store-*/entries")))
        known.append(place.asked(place.compile, graph, given))
        there, _ = place.offer(f"there-{number}", neff)
        served = given | {"NEFFCACHE_REQUIRE_HIT": "1"}
        first.append(place.asked(place.compile, there, served))
        second.append(place.asked(place.compile, there, served))
    yield _count("a graph that the Hub lacks", absent, 1)
    yield _count("the same graph again", known, 0)
    yield _count("which of 1000 keys the Hub has", [place.asked(_exists, place, 1000)], 1)
    yield figures.largest("hub", "first hit", first, "requests", 2)
    yield _count("second hit", second, 0)


def pushed(place: Site) -> Iterator[Figure]:
    """Commits of whoever writes."""
    lab, neff, count = place.lab, place.lab.neff("push", 20_000), place.size.entries
    given = {**place.variables("writer", "wo"), "BENCH_NEFF": str(neff)}
    before = len(place.peer.commits(REPO))

    def push() -> None:
        for _ in range(count):
            place.compile(lab.graph("push"), given)
        command = [str(Path(sys.executable).with_name("neffcache")), "flush"]
        done = subprocess.run(
            command, env=lab.variables | given, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LabError(f"flush failed: {(done.stderr or done.stdout).strip()}")

    requests = place.asked(push)
    there = sum(path.endswith(".tar") for path in place.peer.paths(REPO))
    if there != count:
        raise LabError(f"{there} of {count} new entries arrived on the Hub")
    made = [float(len(place.peer.commits(REPO)) - before)]
    yield figures.exactly("hub", f"{count} new entries", made, "commits", 1)
    yield figures.counted("hub", f"{count} new entries pushed", requests, "requests")


def cold(place: Site) -> Iterator[Figure]:
    """A large entry that only the Hub has: by our helper, by http.client, by the whole shim."""
    lab, mb = place.lab, place.size.large_mb
    neff = lab.holed_neff("cold", mb * MB)
    graph, key = place.offer("cold", neff, seconds=mb / 50)
    given = {**place.variables("cold-reader", "ro"), "NEFFCACHE_REQUIRE_HIT": "1"}
    url = f"{place.url}?endpoint={place.peer.url}"
    helper = Download(lab, key, url, place.peer.environ(TOKEN), lab.root / "got")
    stream = Stream(place, key)

    def whole() -> float:
        shutil.rmtree(lab.root / "cold-reader", ignore_errors=True)
        return place.compile(graph, given)

    ours, floor, shim = interleave([helper, stream, whole], place.size.rounds, warm_up=1)
    if (lab.work("work") / OUTPUT).stat().st_size != neff.stat().st_size:
        raise LabError("the shim did not restore the large entry")
    what = f"{mb} MB entry from the Hub"
    against = "http.client with SHA-256"
    yield figures.ratio("hub", f"{what}, fetch helper / {against}", ours, floor, 1.5)
    yield figures.ratio("hub", f"{what}, whole shim call / {against}", shim, floor)
    peak = helper.peak()
    yield figures.largest("hub", f"peak memory of the fetch helper, {mb} MB entry", peak, "MB", 64)


def silent(place: Site) -> Iterator[Figure]:
    """What a Hub that takes requests and never answers costs the compiles of a host."""
    lab, neff = place.lab, place.lab.neff("silent", 300_000)
    given = {**place.variables("asking"), "BENCH_NEFF": str(neff)}
    alone = {name: text for name, text in given.items() if name != "NEFFCACHE_REMOTES"}
    alone["NEFFCACHE_DIR"] = str(lab.root / "alone")
    place.compile(lab.graph("silent"), alone)
    lab.hushed = True
    place.peer.fault(".", server=None, times=None, silence=True)
    first = place.compile(lab.graph("silent"), given)
    ours, others, bare = interleave(
        [
            lambda: place.compile(lab.graph("silent"), given),
            lambda: place.compile(lab.graph("silent"), alone),
            lambda: lab.run(lab.bare(), lab.work("work")),
        ],
        place.size.compiles,
        warm_up=0,
    )
    usual = median(others)
    what = "silent Hub: delay of"
    yield figures.largest("hub", f"{what} the first compile", [first - usual], "s", DEADLINE)
    added = [one - usual for one in ours]
    count = place.size.compiles
    yield figures.largest("hub", f"{what} each of the next {count}", added, "s", WAITED)
    more = figures.added("hub", ours, others, bare, 1)
    yield replace(more, what=f"{what} the next {count}, usual, in bare starts")


def beside(place: Site) -> Iterator[Figure]:
    """What the same work costs with optimum-neuron's proxy, where its environment was made."""
    from hub.clients import HOME
    from interop.theirs import Optimum

    python = HOME / "optimum" / "bin" / "python"
    if place.size is QUICK or not python.exists():
        print("bench: optimum-neuron is not measured: left out of --quick, or not installed here")
        return
    optimum = Optimum(python, place.lab.root / "optimum", place.peer.environ(TOKEN))
    lacked, there = place.lab.work("lacked"), place.lab.work("there")
    variables = {"CUSTOM_CACHE_REPO": REPO}

    def asked(command: str, root: Path, count: str) -> float:
        return place.asked(lambda: optimum(command, root, count, **variables))

    few, many = asked("look-up", lacked, "1"), asked("look-up", lacked, "11")
    yield _told("optimum-neuron: a graph that the Hub lacks", (many - few) / 10)
    (entry,) = optimum("look-up", lacked, "1", **variables)["places"]
    neff = place.lab.neff("theirs", 300_000).read_bytes()
    place.peer.commit(REPO, {f"{entry}/model.neff": neff, f"{entry}/model.done": b""})
    yield _told("optimum-neuron: first hit", asked("look-up", there, "1"))
    yield _told("optimum-neuron: the same in the next process", asked("look-up", there, "1"))


def _exists(place: Site, count: int) -> None:
    from neffcache import remote
    from neffcache.cache import bundles

    environ = {name.encode(): text.encode() for name, text in place.peer.environ(TOKEN).items()}
    names = [bundles.single_name(f"{number:064x}") for number in range(count)]
    if remote.open_remote(remote.parse(place.url), environ).exists(names):
        raise LabError("the Hub has keys that nobody made")


def _told(what: str, value: float) -> Figure:
    return figures.counted("hub", what, value, "requests")


def _count(what: str, values: list[float], target: float) -> Figure:
    return figures.exactly("hub", what, values, "requests", target)
