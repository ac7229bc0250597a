"""Who took a lock: written in place, struck out in time, never another process's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import entries
import takers
from neffcache import holders
from neffcache.store.local import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return entries.make_store(tmp_path / "store")


def identities(store: Store) -> list[tuple[int, int, int]]:
    return sorted((one.device, one.inode, one.changed) for one in holders.claims(store))


def identity(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return (found.st_dev, found.st_ino, found.st_ctime_ns)


def own_file(store: Store) -> Path:
    [found] = Path(store.path, "holders").iterdir()
    return found


def run(script: str, *words: str | Path) -> list[object]:
    """What a script prints as JSON."""
    command = [sys.executable, "-c", f"import json, os, sys\n{script}", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert isinstance(made, list)
    return made


def test_a_taker_is_named_with_its_lock(store: Store, tmp_path: Path) -> None:
    lock = takers.lock(tmp_path)
    holders.note(store, str(lock))
    [claim] = holders.claims(store)
    here = takers.this_process()
    assert (claim.process.pid, claim.process.start) == (here.pid, here.start)
    assert (claim.process.pids, claim.process.clock) == (here.pids, here.clock)
    assert claim.process.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (claim.device, claim.inode, claim.changed) == identity(lock)


def test_the_file_is_the_documented_one(store: Store, tmp_path: Path) -> None:
    lock = takers.lock(tmp_path)
    holders.note(store, str(lock))
    written = own_file(store).read_bytes()
    assert written == takers.say(store, takers.this_process(), lock).read_bytes()


def test_a_lock_that_is_let_go_is_struck_out(store: Store, tmp_path: Path) -> None:
    first, second = takers.lock(tmp_path / "a"), takers.lock(tmp_path / "b")
    for lock in (first, second):
        holders.note(store, str(lock))
    holders.forget(store, str(first))
    assert identities(store) == [identity(second)]


def test_a_line_is_used_again(store: Store, tmp_path: Path) -> None:
    locks = [takers.lock(tmp_path / name) for name in "abc"]
    for _ in range(50):
        for lock in locks:
            holders.note(store, str(lock))
        for lock in locks:
            holders.forget(store, str(lock))
    assert identities(store) == []
    assert own_file(store).stat().st_size == takers.HEAD + 3 * takers.LINE


def test_a_forked_child_holds_nothing_of_its_parents(store: Store, tmp_path: Path) -> None:
    script = """
from neffcache import holders
from neffcache.store.local import Store
store, one, two = Store(sys.argv[1]), sys.argv[2], sys.argv[3]
holders.note(store, one)
child = os.fork()
if not child:
    holders.forget(store, one)
    holders.note(store, two)
    os._exit(0)
os.waitpid(child, 0)
print(json.dumps(sorted((c.inode, c.process.pid == child) for c in holders.claims(store))))
"""
    one, two = takers.lock(tmp_path / "a"), takers.lock(tmp_path / "b")
    found = run(script, store.path, one, two)
    assert found == sorted([[one.stat().st_ino, False], [two.stat().st_ino, True]])


def test_a_daemon_that_closed_our_descriptor_loses_nothing_of_its_own(
    store: Store, tmp_path: Path
) -> None:
    first, second = takers.lock(tmp_path / "a"), takers.lock(tmp_path / "b")
    holders.note(store, str(first))
    ours = os.fsencode(own_file(store))
    [fd] = [int(name) for name in os.listdir("/proc/self/fd") if _leads_to(name, ours)]
    theirs = os.open(tmp_path / "theirs", os.O_RDWR | os.O_CREAT)
    os.dup2(theirs, fd)
    try:
        holders.note(store, str(second))
    finally:
        os.close(theirs)
        os.close(fd)
    assert (tmp_path / "theirs").read_bytes() == b""
    assert identity(second) in identities(store)


def test_what_stays_open_takes_no_place_of_a_standard_stream(store: Store, tmp_path: Path) -> None:
    script = f"""
from neffcache import holders, locks
from neffcache.store.local import Store
for fd in range(3):
    os.close(fd)
holders.note(Store({store.path!r}), sys.argv[1])
shared = locks.share(sys.argv[2])
low = [fd for fd in range(3) if os.path.exists(f"/proc/self/fd/{{fd}}")]
with open(sys.argv[3], "w") as out:
    out.write(json.dumps([low, shared > 2, locks.is_free(sys.argv[2])]))
os._exit(0)
"""
    lock, told = takers.lock(tmp_path / "a"), tmp_path / "told"
    words = [str(one) for one in (lock, tmp_path / "present", told)]
    command = [sys.executable, "-c", f"import json, os, sys\n{script}", *words]
    subprocess.run(command, check=True, timeout=60)
    assert json.loads(told.read_text()) == [[], True, False]
    assert identity(lock) in identities(store)


def _leads_to(name: str, path: bytes) -> bool:
    try:
        return os.readlink(b"/proc/self/fd/" + name.encode()) == path
    except OSError:
        return False


def test_a_file_that_somebody_removed_is_made_again(store: Store, tmp_path: Path) -> None:
    first, second = takers.lock(tmp_path / "a"), takers.lock(tmp_path / "b")
    holders.note(store, str(first))
    own_file(store).unlink()
    holders.note(store, str(second))
    assert identities(store) == sorted([identity(first), identity(second)])


def test_a_place_has_one_name_however_its_root_is_spelled(tmp_path: Path) -> None:
    lock = takers.lock(tmp_path)
    relative = str(lock.relative_to(tmp_path))
    assert holders.name_of(relative) == holders.name_of(str(lock))
    assert holders.name_of(str(lock)) != holders.name_of(str(lock.with_name("other.lock")))


@pytest.mark.parametrize("place", [30, takers.HEAD + 20])
def test_a_damaged_file_says_nothing(store: Store, tmp_path: Path, place: int) -> None:
    lock = takers.lock(tmp_path)
    made = takers.say(store, takers.this_process(), lock)
    data = bytearray(made.read_bytes())
    data[place] ^= 1
    made.write_bytes(data)
    assert holders.claims(store) == []


def test_a_line_that_is_half_written_says_nothing(store: Store, tmp_path: Path) -> None:
    made = takers.say(store, takers.this_process(), takers.lock(tmp_path))
    made.write_bytes(made.read_bytes()[: takers.HEAD + 40])
    assert holders.claims(store) == []


def test_what_the_dead_left_is_cleared_when_it_holds_nothing(store: Store, tmp_path: Path) -> None:
    dead = takers.ended()
    empty = takers.say(store, dead)
    holding = takers.say(store, dead, takers.lock(tmp_path / "a"))
    living = takers.say(store, takers.of(os.getppid()))
    elsewhere = takers.say(store, dead.but(pids="1"))
    holders.note(store, str(takers.lock(tmp_path / "b")))
    found = [path.exists() for path in (empty, holding, living, elsewhere)]
    assert found == [False, True, True, True]


def test_nothing_can_be_told_below_the_proc_of_another_namespace() -> None:
    script = "from neffcache import holders; print(holders.here())"
    inside = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]
    done = subprocess.run(
        [*inside, sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(reason="no namespace can be made here")
    assert done.stdout == "None\n"


@pytest.mark.parametrize("gone_before", ["store", "lock"])
def test_a_note_never_raises(store: Store, tmp_path: Path, gone_before: str) -> None:
    lock = takers.lock(tmp_path)
    if gone_before == "lock":
        lock.unlink()
    else:
        os.rmdir(store.path)
        Path(store.path).write_text("no directory")
    holders.note(store, str(lock))
    holders.note(store, f"{lock}\0")
    holders.forget(store, str(lock))
    assert holders.claims(store) == []
