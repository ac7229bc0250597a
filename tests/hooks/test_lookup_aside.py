"""Where the look-up stands aside: releases, settings, places and locks that are not for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.peer import Peer
from lookups import KEY, Entry, Job, compiled, offer, repositories

_LOCK = "model.hlo_module.pb.lock"


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """An entry that some other host made."""
    return compiled(tmp_path_factory.mktemp("origin"))


@pytest.fixture
def job(tmp_path: Path, hub: Peer) -> Job:
    repositories(hub)
    return Job(tmp_path / "host", hub)


@pytest.mark.parametrize("generation", ["2.1", "2.2", "next"])
def test_every_release_whose_entries_are_whole_is_served(
    job: Job, tmp_path: Path, generation: str
) -> None:
    entry = compiled(tmp_path / "origin", generation)
    offer(job.hub, entry)
    done = job.compile(SDKSTANDIN_LIBNEURONXLA=generation)
    assert done.status == 0, done.err
    assert (job.host.compiles, job.hits) == (0, 1)
    assert job.entries == {entry.name: entry.files}


def test_an_entry_that_never_says_it_is_whole_is_compiled(job: Job, tmp_path: Path) -> None:
    entry = compiled(tmp_path / "origin", "2.0")
    offer(job.hub, entry)
    done = job.compile(SDKSTANDIN_LIBNEURONXLA="2.0")
    assert done.status == 0, done.err
    assert (job.host.compiles, job.hits) == (1, 0)


def test_a_library_of_another_shape_is_left_alone_with_one_reason(job: Job) -> None:
    script = """
import neffcache_hooks
look("1")
rows = [row for row in neffcache_hooks.status() if row[1] == "stands aside"]
print(json.dumps(rows))
"""
    rows = job.run(script, SDKSTANDIN_LIBNEURONXLA="alien")
    assert [row[0] for row in rows] == ["libneuronxla.alien_cache.create_compile_cache"]
    assert "another shape" in rows[0][2]
    assert (job.host.compiles, job.asked) == (1, [])


@pytest.mark.parametrize(
    "variables",
    [
        {"NEURON_EXTRACT_GRAPHS_ONLY": "1"},
        {"NEURON_CC_FLAGS": "--no_cache"},
        {"NEFFCACHE_DISABLE": "1"},
        {"NEFFCACHE_RECACHE": "1"},
        {"NEFFCACHE_HOOKS": "0"},
        {"NEFFCACHE_ACTIVE": "/usr/bin/neuronx-cc"},
    ],
)
def test_nothing_is_asked_where_nothing_is_wanted(
    job: Job, entry: Entry, variables: dict[str, str]
) -> None:
    offer(job.hub, entry)
    done = job.compile(**variables)
    assert done.status == 0 or "EXTRACT" in str(variables), done.err
    assert job.asked == []
    paths = [request.path for request in job.hub.requests()]
    assert not [path for path in paths if "MODULE_" in path]


def test_a_failure_that_stays_is_not_asked_for(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    place = job.framework.root / entry.name
    place.mkdir(parents=True)
    (place / "model.log").write_text("[NCC_EVRF059] this graph is beyond us")
    done = job.compile()
    assert "this graph is beyond us" in done.err
    assert job.asked == []


def test_a_bucket_is_left_to_the_library(job: Job) -> None:
    script = """
from neffcache_hooks import held
class Entry:
    neff_path = "s3://bucket/neuronxcc-2/MODULE_1+2/model.neff"
    hlo_path = "s3://bucket/neuronxcc-2/MODULE_1+2/model.hlo_module.pb"
print(json.dumps(held.of(Entry()) is None))
"""
    assert job.run(script) is True


@pytest.mark.parametrize("lost", ["model.neff", "elsewhere/model.neff", "MODULE_1/model.neff"])
def test_a_place_that_is_none_of_an_entry_is_left_alone(job: Job, lost: str) -> None:
    script = f"""
from neffcache_hooks import held
class Entry:
    neff_path = hlo_path = "/somewhere/" + {lost!r}
print(json.dumps(held.of(Entry()) is None))
"""
    assert job.run(script) is True


def test_a_relative_root_is_the_same_as_an_absolute_one(job: Job) -> None:
    script = """
from neffcache_hooks import held
class Entry:
    neff_path = "cache/neuronxcc-2/MODULE_1+2/model.neff"
    hlo_path = "cache/neuronxcc-2/MODULE_1+2/model.hlo_module.pb"
found = held.of(Entry())
print(json.dumps([found.root == os.path.abspath("cache"), found.name, found.lock]))
"""
    same, name, lock = job.run(script)
    assert (same, name) == (True, "neuronxcc-2/MODULE_1+2")
    assert lock.endswith(f"cache/neuronxcc-2/MODULE_1+2/{_LOCK}")


def test_disabled_hooks_ask_nothing(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    script = """
import neffcache_hooks
from libneuronxla.entries import CompileCacheEntry
neffcache_hooks.disable()
look("1")
print(json.dumps([name for name in ("__enter__", "__exit__")
                  if hasattr(getattr(CompileCacheEntry, name), "__wrapped__")]))
"""
    assert job.run(script) == []
    assert job.asked == []


def test_entry_points_that_pass_by_the_cache_ask_nothing(job: Job) -> None:
    script = """
code = open(sys.argv[1], "rb").read()
libncc.neuron_xla_compile(code, [], cache_key="1", use_cache=False)
print("null")
"""
    job.run(script)
    assert job.asked == []


def test_an_entry_that_says_it_is_held_but_has_no_lock_is_left_alone(
    job: Job, entry: Entry
) -> None:
    offer(job.hub, entry)
    script = """
from libneuronxla.compile_cache import CompileCacheFs
def acquire(self, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return True
CompileCacheFs.hlo_acquire_lock = acquire
look(sys.argv[2])
print("null")
"""
    job.run(script, KEY)
    assert (job.asked, job.host.compiles) == ([], 1)
