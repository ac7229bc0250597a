"""The watcher as jobs see it: which one, being present, roots, requests, what is said of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from entries import make_store
from house import budget
from neffcache import config, files, locks, watched, watching
from neffcache.store.local import Store
from neffcache.sync import roots
from neffcache.watching import Watch

HUB, DIRECTORY = "hf://alice/cache", "file:///mnt/cache"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def _watch(store: Store, remotes: str = HUB, **variables: str) -> Watch:
    environ = {"NEFFCACHE_CONFIG": "/dev/null", "NEFFCACHE_REMOTES": remotes, **variables}
    made = {name.encode(): value.encode() for name, value in environ.items()}
    return watching.of(store, config.load(made), made)


def test_what_makes_another_watch(store: Store) -> None:
    one = _watch(store, HF_TOKEN="one")
    assert one.directory == _watch(store, HF_TOKEN="one", NEURON_CC_FLAGS="-O1").directory
    others = [
        _watch(store, HF_TOKEN="two"),
        _watch(store, DIRECTORY, HF_TOKEN="one"),
        _watch(store, "", HF_TOKEN="one"),
        _watch(store, HF_TOKEN="one", NEFFCACHE_UPLOAD="off"),
    ]
    assert len({one.directory, *(other.directory for other in others)}) == 5


def test_what_was_seen_to_is_known_whatever_the_host_and_the_mode(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = _watch(store)
    monkeypatch.setattr("posix.uname", lambda: os.uname_result(("", "other", "", "", "")))
    other = _watch(store, NEFFCACHE_UPLOAD="off")
    assert one.directory != other.directory
    assert one.known == other.known != _watch(store, DIRECTORY).known


def test_native_entries_go_where_the_layout_takes_them(store: Store) -> None:
    made = _watch(store, f"{HUB} {DIRECTORY} hf://alice/b?layout=bundle hf://alice/c?mode=ro")
    assert [one.remote.partition("?")[0] for one in made.destinations] == [
        HUB, DIRECTORY, "hf://alice/b",
    ]  # fmt: skip
    assert [one.remote.partition("?")[0] for one in made.natives] == [HUB]


def test_readonly_settings_send_nowhere(store: Store) -> None:
    made = _watch(store, NEFFCACHE_READONLY="1")
    assert made.destinations == made.natives == []


def test_asking_for_a_watch_makes_nothing(store: Store) -> None:
    made = _watch(store)
    assert not watching.is_served(made)
    assert not os.path.exists(made.directory)


def test_being_present_and_not(store: Store) -> None:
    made = _watch(store)
    assert not watching.is_attended(made)
    watching.join(made)
    watching.join(made)
    assert watching.is_attended(made)
    watching.leave(made)
    assert not watching.is_attended(made)


def test_a_watcher_that_looks_keeps_nobody_from_joining(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _watch(store)
    refused = [None, None]
    share = locks.share
    monkeypatch.setattr(locks, "share", lambda path: refused.pop() if refused else share(path))
    watching.join(made)
    try:
        assert watching.is_attended(made)
    finally:
        watching.leave(made)


def test_without_locks_joining_is_no_error_and_a_beat_tells_who_serves(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _watch(store)
    Path(made.directory).mkdir(parents=True)
    Path(made.directory, watching.LOCK).touch()

    def flock(*_args: object) -> bool:
        raise locks.NoLocks("not here")

    monkeypatch.setattr(locks, "_flock", flock)
    watching.join(made)
    assert not watching.is_served(made)
    said = Path(made.directory, watching.STATE)
    said.touch()
    assert watching.is_served(made)
    os.utime(said, (time.time() - 1000,) * 2)
    assert not watching.is_served(made)


def test_a_save_touches_one_file(store: Store) -> None:
    made = _watch(store)
    watching.join(made)
    try:
        path = Path(made.directory, watching.SAVE)
        assert path.stat().st_mtime_ns == 0
        before = sorted(os.listdir(made.directory))
        watching.ask_save(made)
        assert path.stat().st_mtime > 1e9
        assert sorted(os.listdir(made.directory)) == before
    finally:
        watching.leave(made)


def test_a_save_never_fails(store: Store) -> None:
    watching.ask_save(_watch(store))
    made = _watch(store)
    Path(made.directory).mkdir(parents=True)
    watching.ask_save(made)
    assert Path(made.directory, watching.SAVE).exists()


def test_an_exit_is_done_when_it_or_a_later_one_is_answered(store: Store) -> None:
    made = _watch(store)
    first = watching.ask_exit(made)
    assert not watching.exit_done(made, first)
    second = watching.ask_exit(made)
    assert second > first
    Path(made.directory, watching.ANSWER).write_text(repr(first))
    assert watching.exit_done(made, first)
    assert not watching.exit_done(made, second)
    Path(made.directory, watching.ANSWER).write_text(repr(second))
    assert watching.exit_done(made, first)


def test_an_answer_from_before_a_restart_is_none(store: Store) -> None:
    made = _watch(store)
    Path(made.directory).mkdir(parents=True)
    Path(made.directory, watching.ANSWER).write_text("1e12")
    assert not watching.exit_done(made, watching.ask_exit(made))


@pytest.mark.parametrize("root", ["s3://bucket/x", "relative/path", "", "/with\0zero"])
def test_what_is_no_directory_here_is_no_root(store: Store, root: str) -> None:
    made = _watch(store)
    watching.add_root(made, root, watching.NATIVE)
    assert roots.asked(made.directory) == []


@pytest.mark.parametrize("root", ["/a b/c.d", "/ä\udcff%41\t\n", "/"])
def test_a_root_is_read_as_it_was_named(store: Store, root: str) -> None:
    made = _watch(store)
    watching.add_root(made, root, watching.NATIVE)
    watching.add_root(made, root + "/", watching.NATIVE)
    watching.add_root(made, root, watching.NEFFS)
    assert sorted(roots.asked(made.directory)) == [(root, "native"), (root, "neffs")]


def test_roots_that_nobody_asks_for_any_more_are_forgotten(store: Store) -> None:
    made = _watch(store)
    for root in ("/a", "/b"):
        watching.add_root(made, root, watching.NATIVE)
    for path in Path(made.directory, watching.ROOTS).iterdir():
        os.utime(path, (time.time() - 30 * 86400,) * 2)
    watching.add_root(made, "/b", watching.NATIVE)
    assert roots.asked(made.directory) == [("/b", "native")]
    assert len(list(Path(made.directory, watching.ROOTS).iterdir())) == 1


def test_a_damaged_root_is_passed_over(store: Store) -> None:
    made = _watch(store)
    watching.add_root(made, "/a", watching.NATIVE)
    Path(made.directory, watching.ROOTS, "x").write_bytes(b"\xff\n\n")
    assert roots.asked(made.directory) == [("/a", "native")]


def test_where_a_job_may_leave_neffs() -> None:
    environ = {
        b"NEFFCACHE_CONFIG": b"/dev/null",
        b"NEFFCACHE_WATCH": b"/further",
        b"NEURON_CC_FLAGS": b"--cache_dir=relative -O1",
        b"TORCH_NEURONX_NEFF_CACHE_DIR": b"torch",
        b"HOME": b"/home/me",
    }
    found = watching.roots(config.load(environ), environ, "/work dir")
    assert found == [
        ("/work dir/relative", "native"),
        ("/further", "native"),
        ("/further", "neffs"),
        ("/work dir/torch", "neffs"),
        ("/home/me/.cache/vllm/neuron/compile_cache", "neffs"),
    ]
    environ = {b"NEURON_COMPILE_CACHE_URL": b"s3://x/y", b"VLLM_CACHE_ROOT": b"/vllm"}
    found = watching.roots(config.fallback({}), environ, "/")
    assert found == [("/vllm/neuron/compile_cache", "neffs")]


def _say(store: Store, name: str, **counts: int) -> Path:
    directory = Path(store.path, watching.TOP, files.digest(name.encode())[:32])
    directory.mkdir(parents=True)
    state = watched.State()
    for count, value in counts.items():
        setattr(state, count, value)
    state.roots = [("native", "inotify", f"/{name} \udcff")]
    state.problems = [f"{name} is\nwrong"]
    (directory / watching.STATE).write_bytes(state.text())
    return directory


def test_what_watchers_say_is_added_up(store: Store) -> None:
    _say(store, "a", noticed=3, queued=2, past=1)
    _say(store, "b", noticed=10)
    found = watching.state(store)
    assert (found.noticed, found.queued, found.past, found.running) == (13, 2, 1, 0)
    assert sorted(found.roots) == [
        ("native", "inotify", "/a \udcff"), ("native", "inotify", "/b \udcff"),
    ]  # fmt: skip
    assert sorted(found.problems) == ["a is wrong", "b is wrong"]


def test_problems_are_those_of_the_watchers_that_run(store: Store) -> None:
    _say(store, "a", noticed=1)
    running = _say(store, "b", noticed=1)
    lock = locks.try_lock(str(running / watching.LOCK))
    assert lock is not None
    try:
        found = watching.state(store)
    finally:
        lock.release()
    assert (found.noticed, found.running, found.problems) == (2, 1, ["b is wrong"])


@pytest.mark.parametrize("data", [b"", b"neffcache-watch 1\nnoticed 7\n", b"\xff" * 100])
def test_a_damaged_state_says_nothing(store: Store, data: bytes) -> None:
    directory = _say(store, "a", noticed=3)
    (directory / watching.STATE).write_bytes(data)
    assert watching.state(store).noticed == 0


def test_importing_it_costs_next_to_nothing() -> None:
    code = "import sys; before = set(sys.modules); import neffcache.watching; "
    code += "print(*sorted(set(sys.modules) - before))"
    package = Path(watching.__file__).parent.parent
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.append({str(package)!r}); {code}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = set(done.stdout.split())
    assert "neffcache.watching" in found
    assert found & (budget.BANNED - {"fcntl"}) == set()
