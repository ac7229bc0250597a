"""Unit: finding a NEFF's bytes inside wrapped_neff.hlo."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache import files
from neffcache.entry import wrapped
from unit import makers

NEFF = makers.neff(content=b"some content " * 200, packed=False)
CHUNK = 2048


def _fd(data: bytes) -> int:
    fd = os.memfd_create("part")
    os.write(fd, data)
    return fd


def _find(outer: bytes, neff: bytes) -> list[tuple[bool, int, int]] | None:
    """The runs as plain tuples."""
    fds = (_fd(outer), _fd(neff))
    try:
        found = wrapped.find(fds[0], len(outer), fds[1], len(neff))
    finally:
        for fd in fds:
            os.close(fd)
    return None if found is None else [(s.own, s.start, s.size) for s in found]


def _joined(outer: bytes, neff: bytes, runs: list[tuple[bool, int, int]]) -> bytes:
    return b"".join((outer if own else neff)[start : start + size] for own, start, size in runs)


@pytest.mark.parametrize(
    ("before", "behind", "runs"),
    [
        (b"", b"", [(False, 0, len(NEFF))]),
        (b"abc", b"", [(True, 0, 3), (False, 0, len(NEFF))]),
        (b"", b"xyz", [(False, 0, len(NEFF)), (True, len(NEFF), 3)]),
        (b"a", b"z", [(True, 0, 1), (False, 0, len(NEFF)), (True, len(NEFF) + 1, 1)]),
    ],
)
def test_the_runs_of_a_wrapped_neff(
    before: bytes, behind: bytes, runs: list[tuple[bool, int, int]]
) -> None:
    assert _find(before + NEFF + behind, NEFF) == runs


@pytest.mark.parametrize("at", range(CHUNK - 1030, CHUNK + 3, 7))
def test_a_neff_across_a_chunk_border_is_found(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    monkeypatch.setattr(files, "CHUNK", CHUNK)
    found = _find(b"-" * at + NEFF + b"-", NEFF)
    assert found == [(True, 0, at), (False, 0, len(NEFF)), (True, at + len(NEFF), 1)]


@pytest.mark.parametrize("shift", [-1025, -1024, -1023, -512, -1, 0, 1])
def test_a_neff_across_a_real_chunk_border_is_found(shift: int) -> None:
    at = files.CHUNK + shift
    found = _find(b"-" * at + NEFF, NEFF)
    assert found == [(True, 0, at), (False, 0, len(NEFF))]


@pytest.mark.parametrize("at", [0, 1023, 1024, 2000, len(NEFF) - 1])
def test_a_neff_with_one_other_byte_is_not_found(at: int) -> None:
    changed = bytearray(NEFF)
    changed[at] ^= 1
    assert _find(b"abc" + bytes(changed) + b"xyz", NEFF) is None


def test_the_header_alone_is_not_the_neff() -> None:
    assert _find(b"abc" + NEFF[:1024] + b"x" * len(NEFF), NEFF) is None


def test_a_neff_that_is_cut_off_is_not_found() -> None:
    assert _find(b"abc" + NEFF[:-1], NEFF) is None


def test_another_compiles_neff_is_not_found() -> None:
    other = makers.neff(content=b"some content " * 200, packed=False, uuid=b"v" * 16)
    assert _find(b"abc" + other, NEFF) is None


@pytest.mark.parametrize(
    ("outer", "neff"), [(b"", NEFF), (b"abc", NEFF), (b"abc", b""), (b"", b"")]
)
def test_nothing_is_not_found(outer: bytes, neff: bytes) -> None:
    assert _find(outer, neff) is None


@given(st.binary(max_size=40), st.binary(min_size=2, max_size=8), st.binary(max_size=40))
def test_what_is_found_is_the_file_itself(before: bytes, neff: bytes, behind: bytes) -> None:
    outer = before + neff + behind
    found = _find(outer, neff)
    assert found is not None
    assert _joined(outer, neff, found) == outer
    assert (False, 0, len(neff)) in found


@given(st.binary(max_size=40), st.binary(min_size=2, max_size=8))
def test_what_is_not_there_is_not_found(outer: bytes, neff: bytes) -> None:
    found = _find(outer, neff)
    assert (found is not None) == (neff in outer)
