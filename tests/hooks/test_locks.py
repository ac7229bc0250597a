"""Locks and failure logs of libneuronxla's cache, met by real processes with the hooks on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import takers
from frameworks import XLA, Framework
from hosts import TRAIN, Host, finish
from neffcache import orphans
from neffcache.native import names, poison
from neffcache.store.local import Store
from running import end_all
from waiting import until

KEY = "1418137421344453867"
# Takes the lock of an entry as the library does, says so, and keeps it until its input ends.
HOLD = """
import sys
from libneuronxla.neuron_cc_cache import CacheUrl, create_compile_cache
entry = create_compile_cache(CacheUrl.get_cache_url()).lookup(sys.argv[1], ["--target=trn1"])
with entry:
    print("held", flush=True)
    sys.stdin.read()
"""
# The same; a forked child goes on when the parent is killed.
FORK = HOLD.replace(
    '    print("held"', "    child = __import__('os').fork()\n    if child: print(child"
)
# What the hook does before the library waits for a lock. Words: the lock.
BEFORE = """
import sys
from neffcache_hooks import importing, locks, world
locks.before(world.current().store, sys.argv[1])
"""


@pytest.fixture
def framework(host: Host) -> Iterator[Framework]:
    yield Framework(host, variables={"HF_HUB_OFFLINE": "1"})
    end_all(host.root)


def held(framework: Framework, script: str = HOLD, *before: str) -> subprocess.Popen[bytes]:
    """A process that has the lock."""
    process = subprocess.Popen(
        [*before, str(framework.python), "-c", script, KEY],
        env=framework.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    if not said and before:
        process.communicate()
        pytest.skip(reason="no namespace can be made here")
    assert said, "it took no lock"
    return process


def killed(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()  # before its input ends: a child of it is killed by then, too
    process.communicate()


def the_lock(framework: Framework) -> Path:
    [found] = framework.root.glob(f"*/*/*{names.LOCK}")
    return found


def failed(framework: Framework, log: bytes) -> Path:
    """An entry whose compile has failed: as the library leaves it, with another log."""
    process = held(framework)
    entry = the_lock(framework).parent
    process.communicate()
    (entry / names.LOG).write_bytes(log)
    return entry


def test_a_killed_holder_keeps_nobody_waiting(framework: Framework) -> None:
    killed(held(framework))
    lock = the_lock(framework)
    made = framework.answer(XLA, TRAIN, KEY)
    assert made["bytes"]
    assert not lock.exists()
    assert framework.host.notes().count("lock_cleared") == 1


def test_of_many_who_wait_for_a_dead_one_one_compiles(framework: Framework) -> None:
    killed(held(framework))
    waiting = [framework.start(XLA, TRAIN, KEY) for _ in range(4)]
    assert [finish(process).status for process in waiting] == [0] * 4
    assert framework.host.compiles == 1
    assert framework.host.notes().count("lock_cleared") == 1


def test_who_waits_already_goes_on_when_the_holder_dies(framework: Framework) -> None:
    holder = held(framework)
    waiter = framework.start(XLA, TRAIN, KEY)
    until(lambda: is_present(waiter.pid))
    killed(holder)
    assert finish(waiter).status == 0
    assert framework.host.notes().count("lock_cleared") == 1


def is_present(pid: int) -> bool:
    """Whether a process keeps a watcher running."""
    opened = Path(f"/proc/{pid}/fd")
    try:
        return any(os.readlink(fd).endswith("/present") for fd in opened.iterdir())
    except OSError:
        return False


def test_a_living_holder_is_never_disturbed(framework: Framework) -> None:
    holder = held(framework)
    lock = the_lock(framework)
    before = lock.stat().st_ino
    waiter = framework.start(XLA, TRAIN, KEY)
    assert framework.run(BEFORE, lock).status == 0
    assert (lock.stat().st_ino, waiter.poll()) == (before, None)
    holder.communicate()
    assert finish(waiter).status == 0
    assert "lock_cleared" not in framework.host.notes()


def test_a_stopped_holder_is_alive(framework: Framework) -> None:
    holder = held(framework)
    holder.send_signal(signal.SIGSTOP)
    try:
        assert framework.run(BEFORE, the_lock(framework)).status == 0
        assert the_lock(framework).exists()
    finally:
        killed(holder)


def test_a_holder_in_another_container_is_only_reported(framework: Framework) -> None:
    user = [] if os.geteuid() == 0 else ["--user", f"--map-user={os.geteuid()}"]
    inside = ["unshare", *user, "--pid", "--fork", "--mount-proc", "--kill-child"]
    killed(held(framework, HOLD, *inside))
    lock = the_lock(framework)
    assert framework.run(BEFORE, lock).status == 0
    assert "another container" in orphans.judge(Store(str(framework.host.store)), str(lock)).why


def test_a_lock_is_its_takers_and_not_his_childs(framework: Framework) -> None:
    parent = held(framework, FORK)
    lock = the_lock(framework)
    store = Store(str(framework.host.store))
    assert orphans.judge(store, str(lock)).alive
    parent.kill()  # the child goes on until its input ends
    until(lambda: not orphans.judge(store, str(lock)).alive)
    assert orphans.judge(store, str(lock)).dead
    parent.communicate()


def test_a_lock_that_is_let_go_leaves_no_word(framework: Framework) -> None:
    holder = held(framework)
    lock = the_lock(framework)
    holder.communicate()
    assert not lock.exists()
    takers.lock(lock.parents[2], str(lock.parent.relative_to(lock.parents[2])))
    assert framework.run(BEFORE, lock).status == 0
    assert lock.exists()


def test_an_old_lock_without_a_taker_is_spoken_of_once(framework: Framework) -> None:
    lock = takers.lock(framework.root)
    os.utime(lock, (1.0, 1.0))
    done = framework.run(f"{BEFORE}\nlocks.before(world.current().store, sys.argv[1])", lock)
    assert done.err.count(f"rm -f -- {lock}") == 1
    assert framework.host.notes().count("lock_unproven") == 1
    assert lock.exists()


def test_a_compile_that_was_killed_is_tried_again(framework: Framework) -> None:
    entry = failed(framework, b"status -9: ....\n")
    assert framework.answer(XLA, TRAIN, KEY)["bytes"]
    assert (entry / names.DONE).exists()
    assert not (entry / names.LOG).exists()
    assert framework.host.notes().count("failure_set_aside") == 1
    [kept] = (framework.host.store / "failures").iterdir()
    assert kept.read_bytes().endswith(b"status -9: ....\n")


@pytest.mark.parametrize(
    ("log", "variables"),
    [
        (b"status 70: [NCC_EVRF059] exceeds SBUF memory: out of memory\n", {}),
        (b"status -9: ....\n", {"NEFFCACHE_RETRY_FAILED": "0"}),
    ],
)
def test_another_failure_is_told_again(
    framework: Framework, log: bytes, variables: dict[str, str]
) -> None:
    entry = failed(framework, log)
    done = framework.run(XLA, TRAIN, KEY, variables=variables)
    assert (done.status, log.decode().strip() in done.err) == (1, True)
    assert (entry / names.LOG).read_bytes() == log
    assert framework.host.compiles == 0


def test_a_miss_of_a_host_that_must_not_compile_poisons_nothing(framework: Framework) -> None:
    never = {"NEFFCACHE_RETRY_FAILED": "0"}
    done = framework.run(XLA, TRAIN, KEY, variables={"NEFFCACHE_REQUIRE_HIT": "1", **never})
    assert done.status == 1
    [log] = framework.root.glob(f"*/*/{names.LOG}")
    assert poison.MARK in log.read_bytes()
    framework = Framework(framework.host, variables={**framework.variables, **never})
    assert framework.answer(XLA, TRAIN, KEY)["bytes"]
    assert not log.exists()
