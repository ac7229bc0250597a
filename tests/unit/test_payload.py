"""Unit: a NEFF's payload: what one compile decides counts, what only time decides does not."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache import payload
from neffcache.neff import Check
from unit import makers

Member = tuple[str, bytes]
MEMBERS: tuple[Member, ...] = (
    ("neff.json", b'{"version": "2.0"}'),
    ("sg00/def.json", b"{}"),
    ("sg00/code.bin", bytes(range(256)) * 40),
    ("empty", b""),
)
PROGRAM = b'{"optimized_hlo_sha256": "%b", "version": "2.0"}'
LONG = "a-long-name/" * 15
Adjust = Callable[[tarfile.TarInfo], None]


def _archive(
    members: Sequence[Member] = MEMBERS,
    adjust: Adjust = lambda _info: None,
    form: int = tarfile.USTAR_FORMAT,
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            adjust(info)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _neff(body: bytes, *, packed: int | None = None, **fields: tuple[int, bytes]) -> bytes:
    """A NEFF; `packed` is the time in its gzip head."""
    data = body if packed is None else gzip.compress(body, mtime=packed)
    head = bytearray(makers.header(len(data)))
    for at, value in fields.values():
        head[at : at + len(value)] = value
    return bytes(head) + data


def _payload(data: bytes, *cuts: int) -> str:
    check = Check(len(data))
    borders = [0, *sorted(cuts), len(data)]
    for at, start in enumerate(borders[:-1]):
        check.feed(data[start : borders[at + 1]])
    assert check.finish() == ""
    return check.payload()


BASE = _payload(_neff(_archive()))


def _with(name: str, data: bytes) -> tuple[Member, ...]:
    return tuple((n, data if n == name else old) for n, old in MEMBERS)


def test_the_payload_is_the_documented_digest() -> None:
    """Made here once more, by other means."""
    import hashlib

    head = bytearray(_neff(_archive())[:1024])
    for at, size in ((0x010, 8), (0x0AC, 32), (0x0CC, 16), (0x0DC, 256)):
        head[at : at + size] = bytes(size)
    made = hashlib.sha256(b"neffcache-payload 1\n" + head)
    for name, data in sorted(MEMBERS):
        digest = hashlib.sha256(data).hexdigest()
        made.update(f"{digest} {len(data)} 30 {name.encode().hex()}  00\n".encode())
    assert made.hexdigest() == BASE


def _dated(info: tarfile.TarInfo) -> None:
    info.mtime = 1_700_000_000.25


def _owned(info: tarfile.TarInfo) -> None:
    info.uid, info.gid, info.uname, info.gname, info.mode = 7, 8, "me", "us", 0o600


SAME = {
    "packed": _neff(_archive(), packed=0),
    "packed later": _neff(_archive(), packed=1_700_000_000),
    "uuid": _neff(_archive(), uuid=(0x0CC, b"u" * 16)),
    "hash": _neff(_archive(), hash=(0x0AC, b"h" * 32)),
    "name": _neff(_archive(), name=(0x0DC, b"another label")),
    "times": _neff(_archive(adjust=_dated)),
    "owners and modes": _neff(_archive(adjust=_owned)),
    "times to the nanosecond": _neff(_archive(adjust=_dated, form=tarfile.PAX_FORMAT)),
    "order": _neff(_archive(MEMBERS[::-1])),
    "leading ./": _neff(_archive([(f"./{name}", data) for name, data in MEMBERS])),
    "bytes behind": _neff(_archive()) + b"behind",
}


@pytest.mark.parametrize("how", [name for name in SAME if "nanosecond" not in name])
def test_what_differs_between_equal_compiles_changes_nothing(how: str) -> None:
    assert _payload(SAME[how]) == BASE


def test_finer_times_change_nothing_either() -> None:
    """They stand in extended headers, which a member without any has not."""

    def later(info: tarfile.TarInfo) -> None:
        info.mtime = 1_800_000_000.75

    one = _payload(SAME["times to the nanosecond"])
    assert _payload(_neff(_archive(adjust=later, form=tarfile.PAX_FORMAT))) == one


def _linked(target: str) -> Adjust:
    def adjust(info: tarfile.TarInfo) -> None:
        if info.name == "empty":
            info.type, info.linkname = tarfile.SYMTYPE, target

    return adjust


OTHER = {
    "content": _neff(_archive(_with("sg00/code.bin", bytes(10240)))),
    "one bit": _neff(_archive(_with("sg00/def.json", b"{]"))),
    "an empty member": _neff(_archive(_with("empty", b"x"))),
    "a member less": _neff(_archive(MEMBERS[:-1])),
    "a member more": _neff(_archive((*MEMBERS, ("more", b"")))),
    "a name": _neff(_archive((*MEMBERS[:-1], ("Empty", b"")))),
    "swapped contents": _neff(
        _archive((*MEMBERS[:1], ("sg00/def.json", MEMBERS[2][1]), ("sg00/code.bin", b"{}")))
    ),
    "a link": _neff(_archive(adjust=_linked("one"))),
    "another link": _neff(_archive(adjust=_linked("two"))),
    "cores": _neff(_archive(), lnc=(0x228, struct.pack("<I", 2))),
    "feature bits": _neff(_archive(), bits=(0x220, b"\1")),
    "version": _neff(_archive(), version=(0x028, b"2.22")),
}


def test_every_decision_of_a_compile_counts() -> None:
    found = {how: _payload(data) for how, data in OTHER.items()}
    assert len({BASE, *found.values()}) == 1 + len(OTHER), found


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_count_to_their_end(form: int) -> None:
    made = [
        _payload(_neff(_archive((*MEMBERS, (LONG[:150] + end, b"x")), form=form)))
        for end in ("/a", "/a", "/b")
    ]
    assert made[0] == made[1] != made[2]


def test_the_last_of_equal_names_is_another_one_than_the_first() -> None:
    one = (*MEMBERS, ("twice", b"1"), ("twice", b"2"))
    two = (*MEMBERS, ("twice", b"2"), ("twice", b"1"))
    assert _payload(_neff(_archive(one))) != _payload(_neff(_archive(two)))


@pytest.mark.parametrize("packed", [None, 0])
@given(cuts=st.lists(st.integers(0, 14000), max_size=8))
def test_the_sizes_of_the_pieces_change_nothing(packed: int | None, cuts: list[int]) -> None:
    data = _neff(_archive(), packed=packed)
    assert _payload(data, *(min(cut, len(data)) for cut in cuts)) == BASE


def _stating(digest: bytes, code: bytes = b"", more: bytes = b"") -> str:
    members = (("neff.json", PROGRAM % digest + more), ("sg00/code.bin", code))
    return _payload(_neff(_archive(members)))


def test_a_compiler_that_states_its_program_is_compared_by_that() -> None:
    one, two = b"1" * 64, b"2" * 64
    assert _stating(one, b"code") == _stating(one, b"never the same code")
    assert _stating(one, b"code") != _stating(two, b"code")


@pytest.mark.parametrize("digest", [b"", b"1" * 63, b"1" * 65, b"A" * 64, b"x" * 64])
def test_what_is_no_digest_states_nothing(digest: bytes) -> None:
    assert _stating(digest, b"one") != _stating(digest, b"two")


def test_two_statements_state_nothing() -> None:
    more = PROGRAM % (b"1" * 64)
    assert _stating(b"1" * 64, b"one", more) != _stating(b"1" * 64, b"two", more)


def test_a_large_description_is_not_held() -> None:
    more = b" " * (payload._MOST_TEXT + 1)
    one, two = (_stating(b"1" * 64, code, more) for code in (b"one", b"two"))
    assert payload.UNKNOWN not in (one, two)
    assert one != two


def test_too_many_members_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "_MOST_MEMBERS", 3)
    assert _payload(_neff(_archive())) == payload.UNKNOWN
    assert _payload(_neff(_archive(MEMBERS[:3]))) != payload.UNKNOWN


def test_an_extended_header_too_large_to_hold_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(payload, "_MOST_TEXT", 100)
    members = (*MEMBERS, (LONG, b"x"))
    assert _payload(_neff(_archive(members, form=tarfile.GNU_FORMAT))) == payload.UNKNOWN


@pytest.mark.parametrize("data", [b"", b"short", makers.header(0)])
def test_what_is_no_neff_has_none(data: bytes) -> None:
    check = Check(len(data))
    check.feed(data)
    assert check.finish()
    assert check.payload() == payload.UNKNOWN


@given(st.binary(max_size=60))
def test_no_extended_header_is_too_odd(text: bytes) -> None:
    kept = payload._without_times(text)
    assert len(kept) <= len(text)
