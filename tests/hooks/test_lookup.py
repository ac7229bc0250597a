"""libneuronxla's cache is filled from the remotes before it compiles; else nothing is different."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from frameworks import PJRT
from hosts import CONV, TRAIN
from hub.peer import Peer
from lookups import KEY, REPO, Entry, Job, compiled, offer, repositories

_LOCK = "model.hlo_module.pb.lock"


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """An entry that some other host made."""
    return compiled(tmp_path_factory.mktemp("origin"))


@pytest.fixture
def job(tmp_path: Path, hub: Peer) -> Job:
    repositories(hub)
    return Job(tmp_path / "host", hub)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_entry_that_a_remote_has_is_never_compiled(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    done = job.compile()
    assert done.status == 0, done.err
    assert _digest(entry.neff) in done.out
    assert job.host.compiles == 0
    assert job.entries == {entry.name: entry.files}
    assert job.host.outcomes() == ["hit_native"]


def test_the_line_of_a_hit_says_by_whom_and_from_where(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    job.compile()
    (line,) = job.asked
    assert (line["door"], line["entry"], line["remote"]) == ("hook", entry.name, f"hf://{REPO}")
    assert line["bytes"] == len(entry.neff)


def test_what_pjrt_asks_for_is_found_too(job: Job, tmp_path: Path) -> None:
    theirs = compiled(tmp_path / "pjrt", script=PJRT)
    offer(job.hub, theirs)
    done = job.framework.run(PJRT, TRAIN, KEY)
    assert done.status == 0, done.err
    assert (job.host.compiles, job.hits) == (0, 1)
    assert job.entries == {theirs.name: theirs.files}


def test_what_nobody_has_is_compiled_as_ever(job: Job, entry: Entry) -> None:
    done = job.compile()
    assert done.status == 0, done.err
    assert job.host.compiles == 1
    assert job.notes == ["native_absent", "native_absent"]
    assert job.host.outcomes() == ["compiled"]
    assert set(job.entries[entry.name]) == set(entry.files)


def test_what_is_there_is_not_asked_for(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    job.compile()
    job.hub.clear()
    before = job.host.journal()
    assert _digest(entry.neff) in job.compile().out
    assert job.hub.requests() == []
    assert job.host.journal() == before


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


def test_graphs_that_wait_in_the_cache_are_asked_for(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    done = job.compile(NEURON_EXTRACT_GRAPHS_ONLY="1")
    assert done.status == 0, done.err
    assert job.asked == []
    parallel = "import sys\nfrom libneuronxla.neuron_parallel_compile import main\nsys.exit(main())"
    done = job.framework.run(parallel, "/bin/true")
    assert '"there": 1' in done.out, done.err
    assert (job.host.compiles, job.hits) == (0, 1)
    assert job.entries == {entry.name: entry.files}


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


def test_the_training_process_loads_no_client_and_no_network(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    script = """
before = set(sys.modules)
look(KEY)
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(names & {"huggingface_hub", "socket", "ssl", "http", "httpx", "requests"})))
"""
    assert job.run(script.replace("KEY", repr(KEY))) == []
    assert job.hits == 1


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


def test_a_module_that_is_loaded_anew_asks_once(job: Job) -> None:
    script = """
import importlib, libneuronxla.entries, libneuronxla.compile_cache, neffcache_hooks
neffcache_hooks.enable()
for _ in range(2):
    importlib.reload(libneuronxla.entries)
    importlib.reload(libneuronxla.compile_cache)
    importlib.reload(libneuronxla.neuron_cc_cache)
    importlib.reload(libncc)
look("1")
print("null")
"""
    job.run(script)
    assert len(job.asked) == 1


def test_a_root_that_changes_at_run_time_is_filled_and_watched(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    other = job.host.root / "another-cache"
    script = f"""
import neffcache_hooks.world
look("1")
os.environ["NEURON_COMPILE_CACHE_URL"] = {str(other)!r}
look({KEY!r})
print("null")
"""
    job.run(script)
    assert (other / entry.name / "model.neff").read_bytes() == entry.neff
    told = b"".join(path.read_bytes() for path in job.host.store.glob("watch/*/roots/*"))
    assert str(other).encode() in told
    assert str(job.framework.root).encode() in told


def test_a_trusted_repository_serves_graphs_that_name_files(job: Job, entry: Entry) -> None:
    bad = {"model.hlo_module.pb": b"no graph at all"}
    offer(job.hub, Entry(entry.name, {**entry.files, **bad}))
    assert job.compile().status == 0
    assert (job.host.compiles, job.hits) == (1, 0)
    assert job.notes[0] == "native_refused"
    other = Job(job.host.root.parent / "other", job.hub, NEFFCACHE_HUB_TRUSTED=REPO)
    assert other.compile().status == 0
    assert (other.host.compiles, other.hits) == (0, 1)


def test_entry_points_that_pass_by_the_cache_ask_nothing(job: Job) -> None:
    script = """
code = open(sys.argv[1], "rb").read()
libncc.neuron_xla_compile(code, [], cache_key="1", use_cache=False)
print("null")
"""
    job.run(script)
    assert job.asked == []


def test_another_graph_is_another_entry(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    done = job.framework.run(PJRT, CONV, "77")
    assert done.status == 0, done.err
    assert (job.hits, job.host.compiles) == (0, 1)


def test_stats_and_explain_know_the_lines(job: Job, entry: Entry) -> None:
    job.compile(key="1")
    offer(job.hub, entry)
    job.compile()
    stats = job.host.neffcache("stats")
    assert "libneuronxla's cache that a remote had" in stats.out
    assert "a remote does not have the entry of libneuronxla's cache" in stats.out
    explained = job.host.neffcache("explain")
    assert "hit_native" in explained.out
    assert f"hf://{REPO}" in explained.out
