"""The watcher and what others do in the very moment that it looks, or goes."""

from __future__ import annotations

from pathlib import Path

import pytest

import natives
from entries import make_store
from neffcache import config, files, watching
from neffcache.native import opening
from neffcache.store.local import Store
from neffcache.sync import noticing, watcher


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def test_an_entry_that_is_locked_in_the_very_moment_is_for_later(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = natives.ENTRY
    natives.write(tmp_path / "root", entry)
    watch = watching.of(store, config.load({}), {})
    found = noticing.Noticing(watch, noticing.Allowance())
    real = opening.open_entry

    def as_somebody_looks_it_up(root: str, name: str) -> object:
        lock = Path(root, name, "model.hlo_module.pb.lock")
        lock.touch()
        try:
            return real(root, name)
        finally:
            lock.unlink()

    with monkeypatch.context() as patched:
        patched.setattr(opening, "open_entry", as_somebody_looks_it_up)
        assert found._judge(str(tmp_path / "root"), entry) == noticing._LATER
    assert not found.refused
    assert found._judge(str(tmp_path / "root"), entry) == noticing._NEW


def test_a_job_that_comes_while_a_watcher_goes_is_watched(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {b"NEFFCACHE_CONFIG": b"/dev/null"}
    watch = watching.of(store, config.load(environ), environ)
    files.make_directories(watch.directory)
    turns: list[bool] = []

    class Going:
        """Finds nobody; then, at the last moment, somebody comes and sees it running."""

        def __init__(self, *_args: object) -> None:
            turns.append(watching.is_served(watch))

        def until_alone(self) -> None:
            """The one who came goes the second time."""
            (watching.join if len(turns) == 1 else watching.leave)(watch)

    monkeypatch.setattr(watcher, "_Watcher", Going)
    watcher.run(store, files.basename(watch.directory), environ)
    assert turns == [True, True]


def test_an_exit_is_answered_when_all_is_done_and_not_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {b"NEFFCACHE_CONFIG": b"/dev/null"}
    watch = watching.of(store, config.load(environ), environ)
    asked = watching.ask_exit(watch)
    answered: list[bool] = []

    class Looking:
        """What it is asked to do, the one who asked does not take for done."""

        problem = ""

        def __init__(self, *_args: object) -> None:
            pass

        def finish(self) -> None:
            """Look at everything, queue it, start uploaders."""
            answered.append(watching.exit_done(watch, asked))

        publish = finish

    monkeypatch.setattr(watcher, "Attention", Looking)
    watcher._Watcher(watch, environ, None)._answer_exit()
    assert answered == [False, False]
    assert watching.exit_done(watch, asked)
