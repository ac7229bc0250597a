"""Story: what a far remote had goes to the nearer ones that ask for it, behind the hit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import mounts
from entries import has
from hosts import TRAIN, Host
from running import end_all
from waiting import until


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Path]:
    """A directory with a remote `far` that holds the graph TRAIN, and places for others."""
    maker = host(tmp_path, "maker", f"file://{tmp_path}/far")
    assert maker.compile(tmp_path / "made", TRAIN).status == 0
    assert maker.neffcache("flush", "--timeout", "60").status == 0
    yield tmp_path
    end_all(tmp_path)


def host(path: Path, name: str, *remotes: str, **variables: str) -> Host:
    return Host(
        path / name,
        {"SDKSTANDIN_FAKE": "1", "NEFFCACHE_REMOTES": " ".join(remotes), **variables},
    )


def asked(made: Host, **variables: str) -> None:
    """Have a host asked for the graph; it must come from the far remote."""
    done = made.compile(made.root / "work", TRAIN, variables=variables)
    assert (done.status, done.out, done.err) == (0, "Compiler status PASS\n", "")
    assert (made.outcomes(), made.compiles) == (["hit_remote"], 0)


def key(made: Host) -> str:
    return str(made.journal()[-1]["key"])


def backfilled(made: Host) -> list[str]:
    """The remotes for which the last call queued what it was served."""
    notes = made.journal()[-1].get("notes", [])
    assert isinstance(notes, list)
    return [note[1] for note in notes if note[0] == "backfilled"]


def test_a_far_hit_comes_to_the_nearer_remote_whole(chain: Path) -> None:
    made = host(chain, "a", f"file://{chain}/near?backfill=1", f"file://{chain}/far")
    asked(made)
    assert backfilled(made) == [f"file://{chain}/near"]
    until(lambda: has(chain / "near", key(made)))
    other = host(chain, "b", f"file://{chain}/near")
    asked(other)


def test_unless_it_asks_for_it_a_nearer_remote_gets_nothing(chain: Path) -> None:
    made = host(chain, "a", f"file://{chain}/near", f"file://{chain}/far")
    asked(made)
    assert made.notes() == ["remote_absent"]
    assert not (made.store / "queue").exists()
    assert not (chain / "near").exists()


def test_only_those_before_the_one_that_answered_get_it(chain: Path) -> None:
    remotes = [
        f"file://{chain}/first?backfill=1&mode=wo",
        f"file://{chain}/second?backfill=1",
        f"file://{chain}/third?backfill=1&mode=ro",
        f"file://{chain}/far?backfill=1",
        f"file://{chain}/last?backfill=1",
    ]
    made = host(chain, "a", *remotes)
    asked(made)
    wanted = [chain / "first", chain / "second"]
    assert backfilled(made) == [f"file://{place}" for place in wanted]
    until(lambda: all(has(place, key(made)) for place in wanted))
    assert not any((chain / name).exists() for name in ("third", "last"))


def test_a_local_hit_queues_nothing(chain: Path) -> None:
    made = host(chain, "a", f"file://{chain}/far")
    asked(made)
    named = f"file://{chain}/near?backfill=1 file://{chain}/far"
    done = made.compile(made.root / "work", TRAIN, variables={"NEFFCACHE_REMOTES": named})
    assert (done.status, made.outcomes()) == (0, ["hit_remote", "hit_local"])
    assert "backfilled" not in made.notes()


def test_a_nearer_remote_that_is_down_waits_in_a_queue_of_its_own(chain: Path) -> None:
    away = chain / "not-mounted"
    made = host(
        chain, "a", f"file://{away}/r?backfill=1", f"file://{chain}/near?backfill=1",
        f"file://{chain}/far",
    )  # fmt: skip
    done = made.compile(made.root / "work", TRAIN)
    assert (done.status, made.outcomes()) == (0, ["hit_remote"])
    assert backfilled(made) == [f"file://{away}/r", f"file://{chain}/near"]
    until(lambda: has(chain / "near", key(made)))
    away.mkdir()
    assert made.neffcache("flush", "--timeout", "60").status == 0
    assert has(away / "r", key(made))


def test_nothing_is_kept_nor_queued_by_one_that_only_reads(chain: Path) -> None:
    made = host(chain, "a", f"file://{chain}/near?backfill=1", f"file://{chain}/far")
    asked(made, NEFFCACHE_READONLY="1")
    assert made.notes() == ["remote_absent"]
    assert not (made.store / "queue").exists()


def test_with_uploads_off_it_waits_for_a_flush(chain: Path) -> None:
    made = host(
        chain, "a", f"file://{chain}/near?backfill=1", f"file://{chain}/far", NEFFCACHE_UPLOAD="off"
    )
    asked(made)
    assert backfilled(made) == [f"file://{chain}/near"]
    assert made.neffcache("stats").out.count("nobody is sending it now") == 1
    assert made.neffcache("flush", "--timeout", "60").status == 0
    assert has(chain / "near", key(made))


def test_what_the_local_store_could_not_take_is_served_and_said(chain: Path) -> None:
    """There is nothing to send it from, then."""
    made = host(chain, "a", f"file://{chain}/near?backfill=1", f"file://{chain}/far")
    assert made.cc(chain, "list-operators").status == 0  # makes the store
    (made.store / "entries").write_text("in the way\n")
    done = made.compile(made.root / "work", TRAIN)
    assert (done.status, made.outcomes()[-1]) == (0, "hit_remote")
    assert "queue_failed" in made.notes()
    assert "backfilled" not in made.notes()


def test_a_queue_that_cannot_be_written_is_no_fault_of_the_hit(chain: Path) -> None:
    made = host(chain, "a", f"file://{chain}/near?backfill=1", f"file://{chain}/far")
    assert made.cc(chain, "list-operators").status == 0
    (made.store / "queue").write_text("in the way\n")
    done = made.compile(made.root / "work", TRAIN)
    assert (done.status, made.outcomes()[-1]) == (0, "hit_remote")
    assert made.notes() == ["remote_absent", "queue_failed"]


def test_what_is_damaged_goes_nowhere(chain: Path) -> None:
    (bundle,) = (chain / "far").glob("neffcache/v1/*/*/*.tar")
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    made = host(chain, "a", f"file://{chain}/near?backfill=1&mode=ro", f"file://{chain}/far")
    assert made.compile(made.root / "work", TRAIN).status == 0
    assert (made.outcomes(), made.compiles) == (["compiled"], 1)
    assert "backfilled" not in made.notes()


def test_stats_counts_it_and_explain_says_it(chain: Path) -> None:
    made = host(chain, "a", f"file://{chain}/near?backfill=1", f"file://{chain}/far")
    asked(made)
    said = "what a remote had was queued for a nearer one"
    assert said in made.neffcache("stats").out
    assert said in made.neffcache("explain").out


def test_a_nearer_remote_on_a_read_only_disk_gets_it_refused_for_good(chain: Path) -> None:
    (chain / "near").mkdir()
    made = host(chain, "a", f"file://{chain}/near?backfill=1", f"file://{chain}/far")
    with mounts.read_only(chain / "near"):
        asked(made)
        until(lambda: list(made.store.glob(f"dead/*/{key(made)}")))
    (grave,) = made.store.glob(f"dead/*/{key(made)}")
    assert "Read-only" in grave.read_text()
