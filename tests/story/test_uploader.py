"""The uploader as real processes: nothing lost, nothing twice, never with another job's secret."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import hung
from entries import has, key_of, put
from neffcache import backlog, locks, processes, queue
from neffcache.cache import bundles
from running import environ_of
from story.uploads import Uploads
from waiting import until

KEY = key_of("a")
SHIM = str(Path(processes.__file__).parent.parent)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Uploads]:
    made = Uploads(tmp_path)
    yield made
    made.end()


def test_what_is_queued_arrives(host: Uploads) -> None:
    host.start(host.enqueue("a", host.url("r1"), host.url("r2")))
    host.until_empty()
    assert has(host.root("r1"), KEY)
    assert has(host.root("r2"), KEY)
    assert host.dead() == []


def test_it_ends_when_nothing_comes(host: Uploads) -> None:
    host.start(host.enqueue("a", host.url("r")))
    host.until_empty()
    until(lambda: not host.uploaders())
    assert not list(Path(host.store.path).rglob("*.lock"))
    assert not list(Path(host.store.path).rglob(".neffcache-*"))


def test_many_entries_by_one_uploader(host: Uploads) -> None:
    words = [str(number) for number in range(70)]
    for word in words:
        host.start(host.enqueue(word, host.url("r")))
    until(lambda: len(host.uploaders()) == 1)  # those who came second have left
    host.until_empty()
    assert all(has(host.root("r"), key_of(word)) for word in words)


_ENQUEUE = f"""
import os, sys
sys.path.append({SHIM!r})
from neffcache import queue, remote
from neffcache.store.local import Store
store = Store(sys.argv[1])
sys.stdin.read()
markers = queue.enqueue(store, sys.argv[3], [remote.parse(sys.argv[2])], os.environb)
queue.start_uploaders(store, markers, os.environb)
"""


def test_sixteen_enqueuers_at_once(host: Uploads) -> None:
    keys = [key_of(str(number)) for number in range(16)]
    callers = []
    for key in keys:
        put(host.store, key, key.encode())
        argv = [sys.executable, "-c", _ENQUEUE, host.store.path, host.url("r"), key]
        callers.append(subprocess.Popen(argv, stdin=subprocess.PIPE))
    for caller in callers:
        assert caller.stdin is not None
        caller.stdin.close()
    assert [caller.wait(60) for caller in callers] == [0] * 16
    host.until_empty()
    assert all(has(host.root("r"), key) for key in keys)
    until(lambda: len(host.uploaders()) <= 1)


def test_a_caller_with_captured_pipes_gets_eof_while_it_runs(host: Uploads) -> None:
    marker = host.enqueue("a", f"file://{host.path}/not-mounted/r")[0]
    code = f"import os\nos.dup2(1, 77)\nos.set_inheritable(77, True)\n{_ENQUEUE}\nprint('done')"
    argv = [sys.executable, "-c", code, host.store.path, marker.destination.remote, KEY]
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
        env={**os.environ, "LD_PRELOAD": "", "NEFFCACHE_ACTIVE": "1"},
    )
    assert (done.stdout, done.stderr) == (b"done\n", b"")
    host.until_failed(marker)
    pid = host.uploaders()[0]
    fds = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert {fd for fd in fds if not fd.startswith(host.store.path)} <= {"/dev/null"}
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.getsid(pid) not in (os.getsid(0), pid)
    names = {pair.partition(b"=")[0] for pair in environ_of(pid)}
    assert names.isdisjoint({b"LD_PRELOAD", b"NEFFCACHE_ACTIVE"})
    assert b"neuronx-cc" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_refused_for_good_goes_to_the_dead_with_the_reason(host: Uploads) -> None:
    host.root("r").write_text("a file in place of the directory")
    host.start(host.enqueue("a", host.url("r")))
    host.until_empty()
    assert len(host.dead()) == 1
    url, reason = host.dead()[0]
    assert url == host.url("r")
    assert "Not a directory" in reason
    host.root("r").unlink()
    assert backlog.revive(host.store, host.environ) == 1
    assert backlog.flush(host.store, host.environ).left == []
    assert has(host.root("r"), KEY)


def test_an_entry_that_is_gone_is_not_waited_for(host: Uploads) -> None:
    markers = host.enqueue("a", host.url("r"))
    host.store.drop(KEY)
    host.start(markers)
    host.until_empty()
    assert host.dead() == [(host.url("r"), "no longer in the store")]


def test_a_damaged_entry_is_dropped_and_not_sent(host: Uploads) -> None:
    markers = host.enqueue("a", host.url("r"), data=bytes(5000))
    path = Path(host.store.entry_path(KEY))
    data = bytearray(path.read_bytes())
    data[-3000] ^= 1
    path.write_bytes(data)
    host.start(markers)
    host.until_empty()
    assert "digest" in host.dead()[0][1]
    assert not path.exists()
    assert not has(host.root("r"), KEY)


def test_an_outage_is_waited_out(host: Uploads) -> None:
    marker = host.enqueue("a", f"file://{host.path}/not-mounted/r")[0]
    host.start([marker])
    assert "not there" in host.until_failed(marker)
    (host.path / "not-mounted").mkdir()
    host.forget(marker)  # instead of waiting for half a minute
    host.until_empty()
    assert has(host.path / "not-mounted" / "r", KEY)


def test_one_entry_that_cannot_be_sent_does_not_stop_the_others(host: Uploads) -> None:
    bad = min(map(key_of, "abc"))
    loop = (host.root("r") / bundles.record_name(bad)).parent
    loop.parent.mkdir(parents=True)
    loop.symlink_to(loop.name)
    markers = [host.enqueue(word, host.url("r"))[0] for word in "abc"]
    host.start(markers)
    assert "symbolic links" in host.until_failed(markers[0])
    host.forget(markers[0])
    until(lambda: host.waiting() == {host.url("r"): [bad]})


def test_a_hung_remote_is_given_up_and_the_other_served(host: Uploads) -> None:
    problem = hung.why_not()
    if problem:
        pytest.skip(reason=f"no mount that hangs: {problem}")
    at = host.root("hung")
    at.mkdir()
    with hung.mount(at) as asked:
        markers = host.enqueue("a", f"file://{at}/r", host.url("r"))
        host.start(markers)
        assert asked.wait(30)
        until(lambda: has(host.root("r"), KEY))
        assert host.until_failed(markers[0]) == "silent for 3 s"
        assert list(host.waiting()) == [f"file://{at}/r"]
        # While the one that nothing can kill is still there, no second one is started.
        host.forget(markers[0])
        assert "still hangs" in host.until_failed(markers[0])
    host.forget(markers[0])
    until(lambda: f"file://{at}/r" not in host.waiting())
    assert has(at / "r", KEY)


def test_no_wake_up_is_lost(host: Uploads) -> None:
    """Queued while the uploader is about to let go of its lock: it looks once more."""
    host.start(host.enqueue("a", host.url("r")))
    host.until_empty()
    pid = host.uploaders()[0]
    os.kill(pid, signal.SIGSTOP)
    later = host.enqueue("b", host.url("r"))
    host.start(later)  # sees the lock held, starts nobody
    assert host.uploaders() == [pid]
    os.kill(pid, signal.SIGCONT)
    host.until_empty()
    assert has(host.root("r"), key_of("b"))


def test_it_looks_again_after_letting_go(host: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    from neffcache.sync import uploader

    rounds: list[list[str]] = []
    marker = host.enqueue("a", host.url("r"))[0]
    name = marker.destination.name

    def idle(work: uploader._Work) -> bool:
        rounds.append(queue.keys(host.store, name))
        assert queue.is_served(host.store, name)
        if len(rounds) == 1:  # somebody queues now, sees the lock held and starts nobody
            host.enqueue("b", host.url("r"))
        else:
            os.unlink(marker.path)
            os.unlink(marker.path.replace(KEY, key_of("b")))
        return work is not None

    monkeypatch.setattr(uploader._Work, "until_idle", idle)
    uploader.run(host.store, name, host.environ)
    assert [len(found) for found in rounds] == [1, 2]
    assert not queue.is_served(host.store, name)


def test_a_second_uploader_leaves(host: Uploads) -> None:
    from neffcache.sync import uploader

    marker = host.enqueue("a", host.url("r"))[0]
    lock = locks.try_lock(queue.lock_path(host.store, marker.destination.name))
    assert lock is not None
    uploader.run(host.store, marker.destination.name, host.environ)
    assert host.waiting()
    lock.release()


def test_a_store_that_goes_away_ends_it(host: Uploads) -> None:
    marker = host.enqueue("a", f"file://{host.path}/not-mounted/r")[0]
    host.start([marker])
    host.until_failed(marker)
    os.rename(host.store.path, f"{host.store.path}-gone")
    until(lambda: not host.uploaders())


def test_a_compile_can_wait_for_its_own_upload(host: Uploads) -> None:
    markers = host.enqueue("a", host.url("r"))
    host.start(markers)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(queue.wait_for, markers, 60).result(60) == []
    assert has(host.root("r"), KEY)
