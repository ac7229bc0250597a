"""A bundle whose head is checked as it arrives, and the rest as far as no restore does it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from entries import key_of, neff
from hub.peer import Peer
from hubs import REPO, bundle, opened, put
from neffcache.cache import bundles
from neffcache.cache.following import Follower
from neffcache.entry import build, read
from neffcache.entry import index as layout
from neffcache.entry.index import BLOCK, Index
from neffcache.errors import EntryError

KEY, OTHER = key_of("a"), key_of("b")
DATA = os.urandom((2 << 20) + 77)
WHOLE = bundle(KEY, DATA)


def follow(tmp_path: Path, data: bytes, step: int = 65536, key: str = KEY) -> Index:
    """Write a file piece by piece and have it followed to its end."""
    path = tmp_path / "bundle"
    path.touch()
    follower = Follower(str(path), key)
    try:
        with path.open("wb", buffering=0) as out:
            for at in range(0, len(data), step):
                out.write(data[at : at + step])
                follower.arrived(min(at + step, len(data)))
        return follower.finish()
    finally:
        follower.close()


def _with_log(tmp_path: Path) -> bytes:
    """A bundle whose log is one line."""
    manifest = b"{}"
    head = layout.Index(KEY, 1.0, (len(manifest), hashlib.sha256(manifest).hexdigest()))
    for name, data in (("neff", DATA), ("log", b"a line\n")):
        (tmp_path / name).write_bytes(data)
    with (
        (tmp_path / "with-log").open("w+b") as out,
        (tmp_path / "neff").open("rb") as neff_file,
        (tmp_path / "log").open("rb") as log,
    ):
        sources = [
            build.Source(layout.NEFF, layout.AT_OUTPUT, neff_file.fileno(), len(DATA)),
            build.Source(layout.LOG, layout.IN_LOG, log.fileno(), 7),
        ]
        build.write(out.fileno(), head, manifest, sources, lambda _piece: None)
    return (tmp_path / "with-log").read_bytes()


def _other(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("step", [100, 511, 65536, 1 << 22])
def test_a_whole_bundle_passes_in_any_steps(tmp_path: Path, step: int) -> None:
    data = WHOLE if step > 1000 else bundle(KEY, DATA[:20_000])
    index = follow(tmp_path, data, step)
    assert (index.key, index.end) == (KEY, len(data))


def test_the_index_is_there_as_soon_as_it_has_arrived(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    path.write_bytes(WHOLE[: 8 * BLOCK])
    follower = Follower(str(path), KEY)
    try:
        ends = []
        for count in (BLOCK - 1, 8 * BLOCK):
            follower.arrived(count)
            ends.append(follower.index.end if follower.index else 0)
        assert ends == [0, len(WHOLE)]
    finally:
        follower.close()


@pytest.mark.parametrize("at", [600, 3 * BLOCK])
def test_one_other_byte_of_the_index_or_the_manifest_is_damage(tmp_path: Path, at: int) -> None:
    with pytest.raises(EntryError):
        follow(tmp_path, _other(WHOLE, at))


def test_one_other_byte_of_the_log_is_damage(tmp_path: Path) -> None:
    """A restore adds the log's lines to a file: nothing could take them back."""
    data = _with_log(tmp_path)
    follow(tmp_path, data)
    with pytest.raises(EntryError, match="the digest of log"):
        follow(tmp_path, _other(data, data.index(b"a line")))


@pytest.mark.parametrize("at", [len(WHOLE) // 2, len(WHOLE) - 2 * BLOCK - 600])
def test_one_other_byte_of_the_neff_is_left_to_its_restore(tmp_path: Path, at: int) -> None:
    data = _other(WHOLE, at)
    follow(tmp_path, data)
    (tmp_path / "damaged").write_bytes(data)
    bundle = read.open_bundle(str(tmp_path / "damaged"), KEY)
    try:
        with pytest.raises(EntryError, match="the digest of neff"):
            read.restore(bundle, bundle.index.members[0], str(tmp_path / "out.neff"))
    finally:
        bundle.close()
    assert not (tmp_path / "out.neff").exists()


@pytest.mark.parametrize("size", [0, 100, BLOCK, 3 * BLOCK, len(WHOLE) // 2, len(WHOLE) - 3000])
def test_a_part_is_no_bundle(tmp_path: Path, size: int) -> None:
    with pytest.raises(EntryError):
        follow(tmp_path, WHOLE[:size])


def test_more_than_the_index_says_is_refused_while_it_comes(tmp_path: Path) -> None:
    with pytest.raises(EntryError, match="more than the"):
        follow(tmp_path, WHOLE + bytes(1 << 20))


def test_what_is_no_bundle_is_given_up_after_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    path.write_bytes(b"<html>" * 200)
    follower = Follower(str(path), KEY)
    try:
        with pytest.raises(EntryError, match="not a bundle"):
            follower.arrived(BLOCK)
    finally:
        follower.close()


def test_a_bundle_of_another_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EntryError, match="another key"):
        follow(tmp_path, WHOLE, key=OTHER)


def test_a_bundle_from_the_hub_is_checked_and_whole(hub: Peer, tmp_path: Path) -> None:
    hub.create(REPO)
    put(hub, KEY, DATA, seconds=12.0)
    seen: list[tuple[int, Index | None]] = []
    into = tmp_path / "into"
    into.touch()
    remote = opened(hub)
    assert bundles.fetch_single(remote, KEY, str(into), lambda *now: seen.append(now))
    made = read.open_bundle(str(into), KEY)
    assert neff(made) == DATA
    made.close()
    assert seen[-1][0] == len(WHOLE)
    known = [index for _count, index in seen if index is not None]
    assert {(index.end, index.seconds) for index in known} == {(len(WHOLE), 12.0)}


def test_absent_on_the_hub_is_false(hub: Peer, tmp_path: Path) -> None:
    hub.create(REPO)
    (tmp_path / "into").touch()
    assert not bundles.fetch_single(
        opened(hub), KEY, str(tmp_path / "into"), lambda _count, _index: None
    )


@pytest.mark.parametrize(
    "data", [b"not a bundle" * 100, bundle(OTHER, b"x"), WHOLE[:-600], WHOLE[:400], b""]
)
def test_what_a_repository_holds_under_a_keys_name_is_never_believed(
    hub: Peer, tmp_path: Path, data: bytes
) -> None:
    hub.create(REPO)
    hub.commit(REPO, {bundles.single_name(KEY): data})
    (tmp_path / "into").touch()
    with pytest.raises(EntryError):
        bundles.fetch_single(opened(hub), KEY, str(tmp_path / "into"), lambda _count, _index: None)
