"""Unit: a bundle's index: read back as written, and refused when one character is another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache import files
from neffcache.entry import index
from neffcache.entry.index import Index, Member, Segment
from neffcache.errors import EntryError
from unit.makers import KEY, OTHER_KEY

DIGEST = "ab" * 32
NEFF_LINE = f"neff 100 {DIGEST} output 100 own:0:100"
REPLACEMENTS = b"0a9 \n\r:\0\xff"
sizes = st.integers(0, 1 << 40)
hexes = st.text("0123456789abcdef", min_size=64, max_size=64)


def _sealed(*lines: str) -> bytes:
    """An index of these lines whose own digest is right: whoever can write can do that."""
    body = "".join(f"{line}\n" for line in lines).encode()
    return body + f"end {files.digest(body)}\n".encode()


def _with(*members: str) -> bytes:
    return _sealed(index.FIRST_LINE, f"key {KEY}", "seconds 1.5", f"manifest 12 {DIGEST}", *members)


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    """Any index that a bundle may have."""
    seconds = draw(st.floats(0, 1e6))
    made = Index(draw(hexes), seconds, (draw(st.integers(0, 1 << 20)), draw(hexes)))
    neff_size = draw(st.integers(1, 1 << 40))
    made.members.append(Member(index.NEFF, neff_size, draw(hexes), index.AT_OUTPUT))
    if draw(st.booleans()):
        made.members.append(_wrapped(draw, neff_size))
    if draw(st.booleans()):
        made.members.append(Member(index.LOG, draw(sizes), draw(hexes), index.IN_LOG))
    return made


def _wrapped(draw: st.DrawFn, neff_size: int) -> Member:
    segments, own_end = [], 0
    for own in draw(st.lists(st.booleans(), min_size=1, max_size=5)):
        start = own_end if own else draw(st.integers(0, neff_size))
        size = draw(st.integers(0, 1 << 30)) if own else draw(st.integers(0, neff_size - start))
        segments.append(Segment(own, start, size))
        own_end += size if own else 0
    total = min(sum(segment.size for segment in segments), 1 << 40)
    if total < sum(segment.size for segment in segments):
        segments = [Segment(True, 0, total)]
    place = draw(st.sampled_from(index.PLACES[index.WRAPPED]))
    made = Member(index.WRAPPED, total, draw(hexes), place)
    made.compose(segments)
    return made


@given(indexes())
def test_an_index_is_read_back_as_written(made: Index) -> None:
    text = made.text()
    made.place(len(text))
    again = index.parse(text, made.key)
    assert again.text() == text
    assert (again.end, again.manifest_offset) == (made.end, made.manifest_offset)
    assert [m.offset for m in again.members] == [m.offset for m in made.members]
    assert [m.stored for m in again.members] == [m.stored for m in made.members]


@given(indexes(), hexes)
def test_an_index_is_only_for_its_own_key(made: Index, other: str) -> None:
    if other != made.key:
        with pytest.raises(EntryError, match="another key"):
            index.parse(made.text(), other)


def _sample() -> bytes:
    wrapped = f"wrapped 130 {DIGEST} both 30 own:0:10,neff:0:100,own:10:20"
    return _with(NEFF_LINE, wrapped, f"log 7 {DIGEST} log 7 own:0:7")


def _is_refused(text: bytes) -> bool:
    try:
        index.parse(text, KEY)
    except EntryError:
        return True
    return False


def test_the_sample_is_right() -> None:
    assert [m.role for m in index.parse(_sample(), KEY).members] == ["neff", "wrapped", "log"]


@pytest.mark.parametrize("char", REPLACEMENTS)
def test_no_character_may_be_another(char: int) -> None:
    text = _sample()
    for at, old in enumerate(text):
        if char != old:
            changed = text[:at] + bytes((char,)) + text[at + 1 :]
            assert _is_refused(changed), f"position {at}"


def test_no_character_may_be_missing_or_double() -> None:
    text = _sample()
    for at in range(len(text)):
        assert _is_refused(text[:at] + text[at + 1 :]), f"position {at}"
        assert _is_refused(text[:at] + text[at : at + 1] * 2 + text[at + 1 :]), f"position {at}"


def test_no_part_of_an_index_is_an_index() -> None:
    text = _sample()
    assert [at for at in range(len(text)) if not _is_refused(text[:at])] == []


@given(st.binary(max_size=300))
def test_noise_is_refused(text: bytes) -> None:
    assert _is_refused(text)


@given(st.binary(max_size=300))
def test_sealed_noise_is_refused(body: bytes) -> None:
    assert _is_refused(body + f"end {files.digest(body)}\n".encode())


def test_another_keys_index_is_refused() -> None:
    with pytest.raises(EntryError, match="another key"):
        index.parse(_sample(), OTHER_KEY)


@pytest.mark.parametrize(
    "members",
    [
        (),
        (f"log 7 {DIGEST} log 7 own:0:7",),
        (NEFF_LINE, NEFF_LINE),
        (NEFF_LINE, f"../evil 7 {DIGEST} output 7 own:0:7"),
        (NEFF_LINE, f"wrapped 7 {DIGEST} output 7 own:0:7"),
        (NEFF_LINE, f"log 7 {DIGEST} cwd 7 own:0:7"),
        (f"neff 100 {DIGEST} cwd 100 own:0:100",),
        (f"neff 101 {DIGEST} output 100 own:0:100",),
        (f"neff 100 {DIGEST} output 99 own:0:100",),
        (f"neff 100 {DIGEST} output 100 own:1:100",),
        (f"neff 100 {DIGEST} output 100 own:0:60,own:61:40",),
        (f"neff 100 {DIGEST} output 0 neff:0:100",),
        (f"neff 100 {DIGEST[:-1]} output 100 own:0:100",),
        (f"neff 100 {DIGEST[:-1]}G output 100 own:0:100",),
        (f"neff -1 {DIGEST} output 100 own:0:100",),
        (f"neff {1 << 41} {DIGEST} output {1 << 41} own:0:{1 << 41}",),
        (f"neff 1_0 {DIGEST} output 10 own:0:10",),
        (f"neff 100 {DIGEST} output 100 own:0:100 more",),
        (f"neff 100 {DIGEST} output 100",),
        (NEFF_LINE, f"wrapped 100 {DIGEST} cwd 0 neff:1:100"),
        (NEFF_LINE, f"wrapped 101 {DIGEST} cwd 0 neff:0:101"),
        (NEFF_LINE, f"wrapped 100 {DIGEST} cwd 0 log:0:100"),
        (NEFF_LINE, f"wrapped 65 {DIGEST} cwd 0 " + ",".join(["neff:0:1"] * 65)),
        (NEFF_LINE, ""),
    ],
)
def test_a_sealed_index_that_makes_no_sense_is_refused(members: tuple[str, ...]) -> None:
    assert _is_refused(_with(*members))


@pytest.mark.parametrize(
    "lines",
    [
        ("neffcache-entry 2", f"key {KEY}", "seconds 1", f"manifest 1 {DIGEST}", NEFF_LINE),
        (index.FIRST_LINE, f"key {KEY}", f"manifest 1 {DIGEST}", "seconds 1", NEFF_LINE),
        (index.FIRST_LINE, f"key {KEY}", "seconds x", f"manifest 1 {DIGEST}", NEFF_LINE),
        (index.FIRST_LINE, f"key {KEY}", "seconds 1", f"manifest {2 << 20} {DIGEST}", NEFF_LINE),
        (index.FIRST_LINE, f"key {KEY}", "seconds 1", "manifest 1", NEFF_LINE),
        (index.FIRST_LINE, f"key {KEY}"),
    ],
)
def test_a_sealed_head_that_makes_no_sense_is_refused(lines: tuple[str, ...]) -> None:
    assert _is_refused(_sealed(*lines))


def test_sixty_four_segments_are_enough() -> None:
    runs = ",".join(["neff:0:1"] * 64)
    text = _with(NEFF_LINE, f"wrapped 64 {DIGEST} cwd 0 {runs}")
    assert len(index.parse(text, KEY).members[1].segments) == 64


@given(st.integers(0, 1 << 50))
def test_padding_fills_whole_blocks(size: int) -> None:
    assert 0 <= index.padded(size) - size < index.BLOCK
    assert index.padded(size) % index.BLOCK == 0


def test_a_member_is_found_by_its_role() -> None:
    made = index.parse(_with(NEFF_LINE), KEY)
    found = made.member(index.NEFF)
    assert found is not None
    assert found.size == 100
    assert made.member(index.LOG) is None
