"""Every permission (none, read, write, both) on every level (store, near, far), also for real."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from hosts import Host
from running import end_all
from story import chains
from story.chains import HELD, MODES, NAMES, Chain, Entry

# What the local store may do → the settings that have it so.
STORE = {
    "none": {"NEFFCACHE_DISABLE": "1"},
    "read": {"NEFFCACHE_READONLY": "1"},
    "write": {"NEFFCACHE_RECACHE": "1"},
    "both": {},
}
REAL = [("file", "s3"), ("s3", "oci"), ("az", "gs")]


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Entry]:
    return chains.compiled(tmp_path_factory.mktemp("maker"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_all(tmp_path)


def reads(may: str) -> bool:
    return may in ("read", "both")


def writes(may: str) -> bool:
    return may in ("write", "both")


def expected(held: str, store: str, may: dict[str, str]) -> tuple[str, str]:
    """(outcome of a call for a graph held so, the remote that answers it)."""
    if store == "none":
        return "disabled", ""
    if store != "write":  # that compiles anew whoever has it
        for name in NAMES:
            if held in (name, "both") and reads(may[name]):
                return "hit_remote", name
    return ("compiled" if writes(store) else "compiled_readonly"), ""


def has_in_the_end(held: str, store: str, may: dict[str, str]) -> list[str]:
    """The remotes that hold it once everything was sent."""
    compiled = expected(held, store, may)[0] == "compiled"
    return [name for name in NAMES if held in (name, "both") or (compiled and writes(may[name]))]


def told(made: Host) -> tuple[str, str]:
    record = made.journal()[-1]
    return str(record["outcome"]), str(record.get("remote", "")).partition("?")[0]


def check(chain: Chain, path: Path, store: str, may: dict[str, str]) -> None:
    """One host with these rights asks for every graph, and sends what it compiled."""
    made = chain.host(path / "host", **may)
    named = {name: place.url.partition("?")[0] for name, place in chain.places.items()}
    for held, graph in HELD.items():
        done = made.compile(path / held, graph, variables=STORE[store])
        assert (done.status, (path / held / "out.neff").exists()) == (0, True), done.err
        outcome, answered = expected(held, store, may)
        assert told(made) == (outcome, named.get(answered, "")), held
    assert made.neffcache("flush", "--timeout", "60").status == 0
    assert list(made.store.glob("dead/*/*")) == []
    for held in HELD:
        assert chain.holding(held) == has_in_the_end(held, store, may), held


@pytest.mark.parametrize(("near", "far"), list(product(MODES, MODES)))
def test_rights_on_two_directories(
    place: Path, entries: dict[str, Entry], near: str, far: str
) -> None:
    check(Chain(place, ("file", "file"), entries), place, "both", {"near": near, "far": far})


@pytest.mark.parametrize(("store", "remotes"), list(product(("none", "read", "write"), MODES)))
def test_rights_on_the_store(
    place: Path, entries: dict[str, Entry], store: str, remotes: str
) -> None:
    may = {"near": remotes, "far": remotes}
    check(Chain(place, ("file", "file"), entries), place, store, may)


@pytest.mark.parametrize(("near", "far"), list(product(("read", "write", "both"), repeat=2)))
def test_rights_on_a_bucket_and_a_registry(
    place: Path, entries: dict[str, Entry], near: str, far: str
) -> None:
    check(Chain(place, ("s3", "oci"), entries), place, "both", {"near": near, "far": far})


@pytest.mark.parametrize(
    "kinds", [("file", "s3"), ("oci", "az"), ("az", "gs"), ("gs", "file")], ids="-".join
)
@pytest.mark.parametrize(("near", "far"), [("both", "read"), ("write", "both")])
def test_rights_on_other_kinds(
    place: Path, entries: dict[str, Entry], kinds: tuple[str, str], near: str, far: str
) -> None:
    check(Chain(place, kinds, entries), place, "both", {"near": near, "far": far})


@pytest.mark.parametrize("kinds", REAL, ids="-".join)
def test_what_a_far_remote_had_comes_to_the_nearer(
    place: Path, entries: dict[str, Entry], kinds: tuple[str, str]
) -> None:
    chain = Chain(place, kinds, entries)
    made = chain.host(place / "host", near="both", far="read")
    near, far = (one.named(MODES["both"]) for one in chain.places.values())
    made.variables["NEFFCACHE_REMOTES"] = f"{near}&backfill=1 {far}"
    assert made.compile(place / "w", HELD["far"]).status == 0
    assert (made.outcomes(), made.notes()) == (["hit_remote"], ["remote_absent", "backfilled"])
    assert made.neffcache("flush", "--timeout", "60").status == 0
    assert chain.holding("far") == ["near", "far"]
    assert chain.holding("near") == ["near"]
