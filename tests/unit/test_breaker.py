"""The breaker: one finds out, all know; it never shuts a remote out for ever."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from entries import make_store
from neffcache import breaker, locks
from neffcache.store.local import Store

NAME = "read-x"


class Clock:
    """The wall clock as the breaker sees it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        """Seconds since the epoch."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(breaker, "time", made)
    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def ask(store: Store | None) -> breaker.Permit:
    permit = breaker.ask(store, NAME)
    assert permit is not None
    return permit


def stamp(store: Store) -> breaker.Stamp:
    found = breaker.read(f"{store.path}/breakers/{NAME}")
    assert found is not None
    return found


def test_a_remote_that_never_failed_is_asked(store: Store) -> None:
    ask(store).succeed()
    assert not list(Path(store.path, "breakers").iterdir())


def test_after_a_failure_nobody_asks_for_a_while(store: Store, clock: Clock) -> None:
    made = ask(store).fail("no route")
    assert made is not None
    assert made.reason == "no route"
    clock.now += 29.9
    assert breaker.ask(store, NAME) is None


def test_pauses_double_up_to_ten_minutes(store: Store, clock: Clock) -> None:
    pauses = []
    for _ in range(8):
        ask(store).fail("down")
        found = stamp(store)
        pauses.append(found.until - found.since)
        clock.now = found.until
    for pause, wanted in zip(pauses, [30, 60, 120, 240, 480, 600, 600, 600], strict=True):
        assert wanted <= pause <= wanted * 1.25


@pytest.mark.parametrize(("stated", "kept"), [(2.0, 2.0), (2580.0, 2580.0), (1e9, 7200.0)])
def test_a_stated_pause_is_obeyed_up_to_two_hours(
    store: Store, clock: Clock, stated: float, kept: float
) -> None:
    ask(store).fail("429", stated)
    found = stamp(store)
    assert kept <= found.until - found.since <= kept + min(kept, breaker.MOST) * 0.25
    clock.now += kept - 0.1
    assert breaker.ask(store, NAME) is None
    clock.now = found.until
    ask(store).leave()


def test_a_stated_pause_is_obeyed_after_other_failures(store: Store, clock: Clock) -> None:
    ask(store).fail("down")
    clock.now = stamp(store).until
    ask(store).fail("429", 3000.0)
    assert stamp(store).until >= clock.now + 3000.0
    assert stamp(store).failures == 2


def test_one_that_states_a_second_for_ever_is_asked_less_and_less(
    store: Store, clock: Clock
) -> None:
    pauses = []
    for _ in range(3):
        ask(store).fail("429", 1.0)
        found = stamp(store)
        pauses.append(found.until - found.since)
        clock.now = found.until
    assert pauses[0] < 2
    assert pauses[1] >= 60
    assert pauses[2] >= 120


def test_of_two_that_failed_at_once_the_stated_pause_holds(store: Store, clock: Clock) -> None:
    first, second, third = (ask(store) for _ in range(3))
    assert first.fail("down") is not None
    assert second.fail("429", 3000.0) is None
    assert third.fail("429", 5.0) is None
    assert stamp(store).until >= clock.now + 3000.0


def test_an_outage_is_told_once(store: Store, clock: Clock) -> None:
    permits = [ask(store) for _ in range(16)]
    told = [permit.fail("down") for permit in permits]
    assert [bool(one) for one in told].count(True) == 1
    clock.now = stamp(store).until
    assert ask(store).fail("still down") is None


def test_one_probes_while_the_others_stay_away(store: Store, clock: Clock) -> None:
    ask(store).fail("down")
    clock.now = stamp(store).until
    prober = ask(store)
    assert breaker.ask(store, NAME) is None
    prober.succeed()
    assert not Path(store.path, "breakers", NAME).exists()
    ask(store).leave()


def test_a_prober_that_dies_leaves_its_place_to_another(store: Store, clock: Clock) -> None:
    ask(store).fail("down")
    clock.now = stamp(store).until
    path = f"{store.path}/breakers/{NAME}.probe"
    code = f"import os;from neffcache import locks;locks.try_lock({path!r});os.kill(os.getpid(),9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    ask(store).leave()


def test_a_fault_of_our_own_changes_nothing(store: Store, clock: Clock) -> None:
    ask(store).fail("down")
    clock.now = stamp(store).until
    before = stamp(store)
    ask(store).leave()
    assert stamp(store).until == before.until
    ask(store).leave()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-20],
        lambda _data: b"",
        lambda data: data.replace(b"failures 1", b"failures 9"),
        lambda _data: b"\xff" * 100,
        lambda _data: b"x" * 10_000,
    ],
)
def test_a_torn_stamp_counts_as_none(store: Store, spoil: Callable[[bytes], bytes]) -> None:
    ask(store).fail("down")
    path = Path(store.path, "breakers", NAME)
    path.write_bytes(spoil(path.read_bytes()))
    ask(store).leave()


@pytest.mark.parametrize("back", [3600, 86400 * 365])
def test_a_clock_put_back_does_not_shut_a_remote_out(
    store: Store, clock: Clock, back: float
) -> None:
    ask(store).fail("down")
    clock.now -= back
    ask(store).leave()


def test_a_clock_put_forward_ends_the_pause(store: Store, clock: Clock) -> None:
    ask(store).fail("down")
    clock.now += 86400
    ask(store).leave()


def test_a_pause_of_absurd_length_does_not_hold(store: Store, clock: Clock) -> None:
    far = breaker.Stamp(1, clock.now, clock.now + 1e7, "x")
    directory = Path(store.directory("breakers"))
    (directory / NAME).write_bytes(breaker._text(far))
    ask(store).leave()


def test_without_a_store_everyone_asks(tmp_path: Path) -> None:
    assert ask(None).fail("down") is not None
    blocked = tmp_path / "file"
    blocked.write_text("")
    unusable = Store(str(blocked / "store"))
    assert ask(unusable).fail("down") is not None
    ask(unusable).succeed()


def test_without_locks_the_pause_still_ends(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(store).fail("down")
    clock.now = stamp(store).until

    def no_locks(_path: str) -> None:
        raise locks.NoLocks("none")

    monkeypatch.setattr(locks, "try_lock", no_locks)
    ask(store).succeed()


def test_the_reason_is_one_line_of_bounded_length(store: Store) -> None:
    ask(store).fail("a\nb\0" + "x" * 5000)
    assert stamp(store).reason.startswith("a b")
    assert len(stamp(store).reason) <= 500
