"""What a remote lacks: remembered per commit, for a while, whatever the clock says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from entries import key_of, make_store
from neffcache import absences
from neffcache.store.local import Store

NAME = "0" * 32
HEAD, NEXT = "a" * 40, "b" * 40
KEY, OTHER = key_of("a"), key_of("b")
AGE = 60.0
NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The wall clock: the last number in the list."""
    times = [NOW]
    monkeypatch.setattr("time.time", lambda: times[-1])
    return times


def path(store: Store) -> Path:
    return Path(store.path, "absent", NAME)


def test_nothing_is_known_at_first(store: Store) -> None:
    assert not absences.knows(store, NAME, KEY, AGE)
    assert not Path(store.path, "absent").exists()


def test_what_was_learnt_is_known_of_that_key_and_remote_alone(store: Store) -> None:
    absences.learn(store, NAME, HEAD, KEY)
    assert absences.knows(store, NAME, KEY, AGE)
    assert not absences.knows(store, NAME, OTHER, AGE)
    assert not absences.knows(store, "1" * 32, KEY, AGE)


def test_it_is_forgotten_after_a_while(store: Store, clock: list[float]) -> None:
    absences.learn(store, NAME, HEAD, KEY)
    clock.append(NOW + AGE - 1)
    assert absences.knows(store, NAME, KEY, AGE)
    clock.append(NOW + AGE)
    assert not absences.knows(store, NAME, KEY, AGE)


def test_with_no_age_nothing_is_believed(store: Store) -> None:
    absences.learn(store, NAME, HEAD, KEY)
    assert not absences.knows(store, NAME, KEY, 0.0)


def test_while_the_commit_stays_all_that_it_lacks_stays_known(
    store: Store, clock: list[float]
) -> None:
    absences.learn(store, NAME, HEAD, KEY)
    clock.append(NOW + AGE - 1)
    absences.learn(store, NAME, HEAD, OTHER)
    clock.append(NOW + AGE + 1)
    assert absences.knows(store, NAME, KEY, AGE)
    assert absences.knows(store, NAME, OTHER, AGE)


def test_a_new_commit_may_have_what_the_old_one_lacked(store: Store) -> None:
    absences.learn(store, NAME, HEAD, KEY)
    absences.learn(store, NAME, NEXT, OTHER)
    assert not absences.knows(store, NAME, KEY, AGE)
    assert absences.knows(store, NAME, OTHER, AGE)


def test_a_clock_that_was_a_day_ahead(store: Store, clock: list[float]) -> None:
    absences.learn(store, NAME, HEAD, KEY)
    clock.append(NOW - 86400)
    assert not absences.knows(store, NAME, KEY, AGE)
    clock.append(NOW)  # nor does it come back when that day is over
    assert not absences.knows(store, NAME, KEY, AGE)


def test_a_clock_that_was_a_day_behind(store: Store, clock: list[float]) -> None:
    absences.learn(store, NAME, HEAD, KEY)
    clock.append(NOW + 86400)
    assert not absences.knows(store, NAME, KEY, AGE)


@pytest.mark.parametrize("head", ["", "no commit", "A" * 40])
def test_an_absence_without_a_commit_is_not_kept(store: Store, head: str) -> None:
    absences.learn(store, NAME, head, KEY)
    assert not absences.knows(store, NAME, KEY, AGE)


@pytest.mark.parametrize("cut", [0, 1, 30, -1])
def test_a_torn_file_is_dropped(store: Store, cut: int) -> None:
    absences.learn(store, NAME, HEAD, KEY)
    path(store).write_bytes(path(store).read_bytes()[:cut])
    assert not absences.knows(store, NAME, KEY, AGE)
    assert not path(store).exists()


def test_a_file_of_another_version_is_dropped(store: Store) -> None:
    absences.learn(store, NAME, HEAD, KEY)
    text = path(store).read_bytes().replace(b"absent 1", b"absent 2")
    path(store).write_bytes(text)
    assert not absences.knows(store, NAME, KEY, AGE)


def test_it_never_grows_without_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absences, "_MOST", 3)
    keys = [key_of(str(number)) for number in range(5)]
    for key in keys:
        absences.learn(store, NAME, HEAD, key)
    assert [absences.knows(store, NAME, key, AGE) for key in keys] == [False] * 2 + [True] * 3


def test_the_largest_file_can_be_read() -> None:
    known = absences._Known(HEAD, NOW, [key_of(str(number)) for number in range(absences._MOST)])
    assert len(absences._text(known)) < absences._LIMIT


def test_a_store_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    absences.learn(Store(str(tmp_path / "missing" / "store")), NAME, HEAD, KEY)
    (tmp_path / "file").touch()
    broken = Store(str(tmp_path / "file"))
    absences.learn(broken, NAME, HEAD, KEY)
    assert not absences.knows(broken, NAME, KEY, AGE)


def test_many_that_learn_at_once_leave_a_whole_file(store: Store) -> None:
    keys = [key_of(str(number)) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: absences.learn(store, NAME, HEAD, key), keys))
    assert any(absences.knows(store, NAME, key, AGE) for key in keys)
    assert not [name for name in path(store).parent.iterdir() if name.name.startswith(".")]
