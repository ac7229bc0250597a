"""Unit: whether a NEFF is complete, however it is fed."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache.neff import Check
from unit import makers

PACKED = makers.neff(content=bytes(range(256)) * 3)
PLAIN = makers.neff(content=bytes(range(256)) * 3, packed=False)
BODY = makers.tar({"neff.json": b"{}" * 700, "data": b"\0" * 5000})
# Bytes of a gzip member's head that say nothing about its content: time, speed, system.
GZIP_IDLE = range(1024 + 4, 1024 + 10)


def _check(data: bytes, size: int | None = None) -> str:
    return _check_pieces([data], len(data) if size is None else size)


def _check_pieces(pieces: Iterable[bytes], size: int) -> str:
    check = Check(size)
    for piece in pieces:
        check.feed(piece)
    return check.finish()


def _with_body(body: bytes) -> bytes:
    return makers.header(len(body)) + body


@pytest.mark.parametrize("data", [PACKED, PLAIN])
def test_a_complete_neff_has_no_problem(data: bytes) -> None:
    assert _check(data) == ""


@pytest.mark.parametrize("name", ["neff.json", "kelf-0.json", "sg00/def.json", "./neff.json"])
def test_one_landmark_is_enough(name: str) -> None:
    assert _check(_with_body(makers.tar({"other": b"x", name: b"{}"}))) == ""


@pytest.mark.parametrize("names", [(), ("other",), ("x/neff.json",), ("neff.json.bak",)])
def test_without_a_landmark_it_is_no_neff(names: tuple[str, ...]) -> None:
    body = makers.tar(dict.fromkeys(names, b"{}"))
    assert "no neff.json" in _check(_with_body(body))


# Each field of the documented header: where it stands, its size, whether it decides.
FIELDS = [
    ("pkg_version", 0x000, 8, False),
    ("header_size", 0x008, 8, True),
    ("data_size", 0x010, 8, True),
    ("version_major", 0x018, 8, False),
    ("version_minor", 0x020, 8, False),
    ("build_version", 0x028, 128, False),
    ("num_tpb", 0x0A8, 4, False),
    ("hash", 0x0AC, 32, False),
    ("uuid", 0x0CC, 16, False),
    ("name", 0x0DC, 256, False),
    ("requested_tpb_count", 0x1DC, 4, False),
    ("tpb_per_node", 0x1E0, 64, False),
    ("feature_bits", 0x220, 8, False),
    ("lnc_size", 0x228, 4, False),
    ("padding", 0x22C, 0x400 - 0x22C, False),
]


@pytest.mark.parametrize(("name", "at", "size", "decides"), FIELDS)
def test_each_field_of_the_header(name: str, at: int, size: int, decides: bool) -> None:
    data = bytearray(PACKED)
    data[at : at + size] = b"\xff" * size
    assert bool(_check(bytes(data))) is decides, name


@pytest.mark.parametrize("header_size", [0, 512, 1023, 1025, 1 << 40])
def test_another_header_size_is_a_problem(header_size: int) -> None:
    data = bytearray(PACKED)
    struct.pack_into("<Q", data, 8, header_size)
    assert "header size" in _check(bytes(data))


@pytest.mark.parametrize("change", [1, 1 << 20, 1 << 63])
def test_more_data_than_the_file_holds_is_a_problem(change: int) -> None:
    data = bytearray(PACKED)
    struct.pack_into("<Q", data, 16, len(PACKED) - 1024 + change)
    assert "bytes of data in a file" in _check(bytes(data))


def test_no_data_is_a_problem() -> None:
    assert "0 bytes of data" in _check(makers.header(0) + b"x")


@pytest.mark.parametrize("change", [1, 9, 100])
def test_less_data_than_the_archive_needs_is_a_problem(change: int) -> None:
    data = bytearray(PACKED)
    struct.pack_into("<Q", data, 16, len(PACKED) - 1024 - change)
    assert "ends early" in _check(bytes(data))


def test_bytes_behind_the_data_are_allowed() -> None:
    assert _check(PACKED + b"behind") == ""


@pytest.mark.parametrize("whole", [PACKED, PLAIN])
def test_a_neff_cut_off_anywhere_is_found(whole: bytes) -> None:
    """At every length, whether the size was taken before or after the cut."""
    for length in range(len(whole)):
        assert _check(whole[:length]), f"length {length}"
        assert _check(whole[:length], len(whole)), f"length {length}"


def test_a_plain_archive_cut_off_inside_a_member_is_found() -> None:
    """Even when the header was written for what is there."""
    body = PLAIN[1024:]
    last = body.rindex(b"ustar") // 512 * 512 + 512  # the content of the last member
    assert [n for n in range(1, last + 1) if n % 512 and not _check(_with_body(body[:n]))] == []


def test_any_flipped_byte_of_the_packed_data_is_found() -> None:
    for at in range(1024, len(PACKED)):
        data = bytearray(PACKED)
        data[at] ^= 0xFF
        assert bool(_check(bytes(data))) is (at not in GZIP_IDLE), f"position {at}"


def test_a_damaged_member_header_is_found() -> None:
    for at in range(148):  # up to the checksum
        data = bytearray(PLAIN)
        data[1024 + at] ^= 0x01
        assert "damaged" in _check(bytes(data)), f"position {at}"


@pytest.mark.parametrize("cuts", [(100,), (1, 2), (512, 1024, 1536)])
def test_several_gzip_members_are_one_archive(cuts: tuple[int, ...]) -> None:
    borders = [0, *cuts, len(BODY)]
    members = [gzip.compress(BODY[start:end]) for start, end in pairwise(borders)]
    assert _check(_with_body(b"".join(members))) == ""
    assert _check(_with_body(b"".join(members[:-1]))) != ""
    assert "ends early" in _check(_with_body(b"".join(members)[:-1]))


def test_zeros_behind_the_packed_data_are_allowed_and_noise_is_not() -> None:
    packed = gzip.compress(BODY)
    assert _check(_with_body(packed + bytes(700))) == ""
    assert _check(_with_body(packed + b"noise")) != ""


def test_an_archive_without_end_blocks_is_complete() -> None:
    body = makers.tar({"neff.json": b"x" * 512})
    assert _check(_with_body(body[:1024])) == ""


def test_nothing_is_not_a_neff() -> None:
    assert _check(b"") == "only 0 bytes"


def test_a_huge_member_size_is_not_believed() -> None:
    body = bytearray(makers.tar({"neff.json": b"{}"}))
    body[124:136] = b"\x80" + (1 << 60).to_bytes(11, "big")
    body[148:156] = b" " * 8
    body[148:156] = f"{sum(body[:512]):06o}\0 ".encode()
    assert "inside a member" in _check(_with_body(bytes(body)))


_SAMPLES = [
    PACKED,
    PLAIN,
    PACKED[:-1],
    PLAIN[:-700],
    PACKED[:1500] + b"\0" + PACKED[1501:],
    _with_body(gzip.compress(BODY[:600]) + gzip.compress(BODY[600:])),
    _with_body(gzip.compress(BODY) + bytes(600) + gzip.compress(BODY)),
    _with_body(b"\x1f" + PLAIN[1025:]),
    _with_body(gzip.compress(b"no archive" * 100)),
    b"short",
]


@given(st.sampled_from(_SAMPLES), st.data())
def test_the_sizes_of_the_pieces_change_nothing(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=12)))
    borders = [0, *cuts, len(data)]
    pieces = [data[start:end] for start, end in pairwise(borders)]
    assert _check_pieces(pieces, len(data)) == _check(data)


@pytest.mark.parametrize("data", _SAMPLES)
def test_fed_byte_by_byte_the_answer_is_the_same(data: bytes) -> None:
    assert _check_pieces((data[at : at + 1] for at in range(len(data))), len(data)) == _check(data)


@given(st.binary(max_size=3000))
def test_noise_behind_a_right_header_is_no_neff(body: bytes) -> None:
    assert _check(_with_body(body)) != ""


def test_a_bomb_is_unpacked_in_bounded_memory() -> None:
    """A little that unpacks to 128 MB: the walk never holds more than a piece of it."""
    held = int(makers.run(BOMB))
    assert held < 64 << 10


BOMB = """
import struct, zlib
from neffcache.neff import Check
packer = zlib.compressobj(1, zlib.DEFLATED, 31)
zeros = bytes(1 << 20)
body = packer.compress(b"x" * 512) + b"".join(packer.compress(zeros) for _ in range(128))
body += packer.flush()
data = struct.pack("<QQQ", 2, 1024, len(body)).ljust(1024, b"\\0") + body
check = Check(len(data))
check.feed(data)
check.finish()
(line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(line.split()[1])
"""
