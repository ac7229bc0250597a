"""libneuronxla's cache is filled from the remotes before it compiles; else nothing is different."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from frameworks import PJRT
from hosts import CONV, TRAIN
from hub.peer import Peer
from lookups import KEY, REPO, Entry, Job, compiled, offer, repositories
from neffcache import planted
from neffcache.store.local import Store


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


def test_an_entry_is_told_to_be_a_remotes(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    job.compile()
    job.compile(key="1")
    place = job.framework.root
    store = Store(str(job.host.store))
    known = {name: planted.knows(store, str(place / name)) for name in job.entries}
    assert known.pop(entry.name)
    assert list(known.values()) == [False]
