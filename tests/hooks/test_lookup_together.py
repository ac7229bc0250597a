"""Look-ups at once: in processes, threads, forks; and what a job does with its own children."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.peer import Peer
from lookups import KEY, Entry, Job, compiled, offer, repositories


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """An entry that some other host made."""
    return compiled(tmp_path_factory.mktemp("origin"))


@pytest.fixture
def job(tmp_path: Path, hub: Peer) -> Job:
    repositories(hub)
    return Job(tmp_path / "host", hub)


def _downloads(hub: Peer) -> int:
    return sum("model.neff" in request.path for request in hub.requests("hub"))


def test_of_four_processes_one_asks_and_all_find(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    job.hub.fault("model.neff", delay=0.5)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _number: job.compile(), range(4)))
    assert [one.status for one in done] == [0] * 4, done
    assert len({one.out for one in done}) == 1
    assert (_downloads(job.hub), len(job.asked), job.hits, job.host.compiles) == (1, 1, 1, 0)


def test_threads_of_one_process_ask_for_themselves(job: Job, entry: Entry) -> None:
    version = entry.name.partition("/")[0]
    flags = entry.name.rpartition("+")[2]
    for key in range(4):
        offer(job.hub, Entry(f"{version}/MODULE_{key}+{flags}", entry.files))
    script = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    print(json.dumps(sorted(set(pool.map(look, map(str, range(8)))))))
"""
    job.run(script)
    assert (job.hits, len(job.asked), job.host.compiles) == (4, 8, 1)
    assert len(job.entries) == 8
    assert not [name for files in job.entries.values() for name in files if "lock" in name]


def test_a_forked_worker_asks_as_its_parent_does(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    script = """
look("1")
child = os.fork()
if child == 0:
    look(sys.argv[2])
    os._exit(0)
print(json.dumps(os.waitpid(child, 0)[1]))
"""
    assert job.run(script, KEY) == 0
    assert (job.hits, job.host.compiles) == (1, 1)


def test_a_spawned_worker_asks_too(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    worker = Path(job.framework.packages, "worker.py")
    worker.write_text(
        "from libneuronxla import libncc\n"
        "def work(path, key):\n"
        "    return len(libncc.neuron_xla_compile(open(path, 'rb').read(), [], cache_key=key))\n"
    )
    script = """
import multiprocessing, worker
with multiprocessing.get_context("spawn").Pool(1) as pool:
    print(json.dumps(pool.apply(worker.work, (sys.argv[1], sys.argv[2]))))
"""
    assert job.run(script, KEY) == len(entry.neff)
    assert job.hits == 1


def test_children_of_the_job_keep_their_statuses(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    script = """
import subprocess
before = subprocess.Popen(["/bin/sh", "-c", "read line; exit 7"], stdin=subprocess.PIPE)
ended = subprocess.Popen(["/bin/sh", "-c", "exit 8"])
os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
look(sys.argv[2])
before.communicate(b"go on\\n")
print(json.dumps([before.returncode, ended.wait()]))
"""
    assert job.run(script, KEY) == [7, 8]
    assert job.hits == 1


@pytest.mark.parametrize("how", ["reaps", "ignores"])
def test_a_job_that_looks_after_all_children_itself(job: Job, entry: Entry, how: str) -> None:
    offer(job.hub, entry)
    script = """
import signal
reaped = []
def reap(*_signal):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        reaped.append(status)
handler = reap if sys.argv[3] == "reaps" else signal.SIG_IGN
signal.signal(signal.SIGCHLD, handler)
look(sys.argv[2])
print(json.dumps([signal.getsignal(signal.SIGCHLD) is handler, any(reaped)]))
"""
    assert job.run(script, KEY, how) == [True, False]
    assert (job.hits, job.host.compiles) == (1, 0)


def test_no_child_and_no_descriptor_stays(job: Job, entry: Entry) -> None:
    offer(job.hub, entry)
    script = """
look("1")
before = sorted(os.listdir("/proc/self/fd"))
look(sys.argv[2])
try:
    left = os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    left = None
print(json.dumps([left, sorted(os.listdir("/proc/self/fd")) == before]))
"""
    assert job.run(script, KEY) == [None, True]
    assert job.hits == 1
