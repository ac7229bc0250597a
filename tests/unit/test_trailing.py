"""A digest made behind a writer: of what stands there in the end, whatever the writer does."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from neffcache.cache.trailing import Trailing
from waiting import until

DATA = os.urandom((20 << 20) + 77)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.touch()
    return made


def quiet() -> None:
    return


def right(data: bytes) -> tuple[int, str]:
    return len(data), hashlib.sha256(data).hexdigest()


def follow(made: Trailing, path: Path, data: bytes, step: int, at: int = 0) -> None:
    """Write the rest of a file piece by piece, and say so."""
    with path.open("r+b", buffering=0) as out:
        out.seek(at)
        while at < len(data):
            at += out.write(data[at : at + step])
            made.arrived(at)


def threads() -> int:
    return threading.active_count()


@pytest.mark.parametrize("size", [0, 1, 5000, (8 << 20) - 1, 8 << 20, len(DATA)])
@pytest.mark.parametrize("step", [100_000, 1 << 20, 64 << 20])
def test_it_is_the_digest_of_the_file(path: Path, size: int, step: int) -> None:
    made = Trailing(str(path), size)
    follow(made, path, DATA[:size], step)
    assert made.finish(quiet) == right(DATA[:size])


def test_nothing_is_read_that_may_still_change(path: Path) -> None:
    """Ranges come in any order: behind the first gap stands what is no part of it yet."""
    path.write_bytes(DATA[: 9 << 20] + bytes(len(DATA) - (9 << 20)))
    made = Trailing(str(path), len(DATA))
    made.arrived(9 << 20)
    behind = made._behind
    assert behind is not None
    until(lambda: behind._at >= 9 << 20)
    follow(made, path, DATA, 1 << 20, at=9 << 20)
    assert made.finish(quiet) == right(DATA)


def test_most_is_hashed_when_the_last_byte_arrives(path: Path) -> None:
    path.write_bytes(DATA)
    made = Trailing(str(path), len(DATA))
    made.arrived(len(DATA) - 1)
    behind = made._behind
    assert behind is not None
    until(lambda: behind._at == len(DATA) - 1)
    assert made.finish(quiet) == right(DATA)


def test_a_small_file_needs_no_thread(path: Path) -> None:
    before = threads()
    path.write_bytes(DATA[: 1 << 20])
    made = Trailing(str(path), 1 << 20)
    made.arrived(1 << 20)
    assert threads() == before
    assert made.finish(quiet) == right(DATA[: 1 << 20])


def test_a_writer_that_begins_again_is_followed_again(path: Path) -> None:
    path.write_bytes(bytes(12 << 20))
    made = Trailing(str(path), len(DATA))
    made.arrived(12 << 20)
    made.arrived(0)
    follow(made, path, DATA, 1 << 20)
    assert made.finish(quiet) == right(DATA)


def test_another_file_in_its_place_is_read_as_a_whole(path: Path) -> None:
    path.write_bytes(bytes(len(DATA)))
    made = Trailing(str(path), len(DATA))
    made.arrived(len(DATA))
    other = path.with_name("other")
    other.write_bytes(DATA)
    other.rename(path)
    assert made.finish(quiet) == right(DATA)


@pytest.mark.parametrize("told", [len(DATA) // 2, len(DATA) * 2])
def test_what_the_writer_says_of_the_size_is_not_believed(path: Path, told: int) -> None:
    path.write_bytes(DATA)
    made = Trailing(str(path), len(DATA))
    made.arrived(told)
    assert made.finish(quiet) == right(DATA)


def test_what_came_after_the_end_was_seen_is_read(path: Path) -> None:
    path.write_bytes(DATA[: 9 << 20])
    made = Trailing(str(path), len(DATA))
    made.arrived(len(DATA))  # not true yet
    behind = made._behind
    assert behind is not None
    until(lambda: not behind._thread.is_alive())
    follow(made, path, DATA, 1 << 20, at=9 << 20)
    assert made.finish(quiet) == right(DATA)


def test_whoever_waits_may_give_up(path: Path) -> None:
    before = threads()
    path.write_bytes(DATA)
    made = Trailing(str(path), len(DATA))
    made.arrived(len(DATA))

    def enough() -> None:
        raise TimeoutError("enough")

    behind = made._behind
    assert behind is not None
    behind._thread.is_alive = lambda: True  # type: ignore[method-assign]  # so that it is asked
    with pytest.raises(TimeoutError, match="enough"):
        made.finish(enough)
    assert threads() == before


def test_given_up_in_the_middle_it_leaves_no_thread_and_no_file(path: Path) -> None:
    before, opened = threads(), len(os.listdir("/proc/self/fd"))
    path.write_bytes(DATA)
    made = Trailing(str(path), len(DATA))
    made.arrived(len(DATA))
    made.stop()
    made.stop()
    assert (threads(), len(os.listdir("/proc/self/fd"))) == (before, opened)


def test_a_file_that_cannot_be_read_is_a_local_fault(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> int:
        raise OSError(5, "Input/output error")

    path.write_bytes(DATA)
    monkeypatch.setattr("posix.preadv", broken)
    made = Trailing(str(path), len(DATA))
    made.arrived(len(DATA))
    with pytest.raises(OSError, match="Input/output error"):
        made.finish(quiet)


def test_a_file_that_is_gone_is_a_local_fault(path: Path) -> None:
    path.unlink()
    made = Trailing(str(path), len(DATA))
    with pytest.raises(FileNotFoundError):
        made.arrived(1)
