"""Bundles on a remote: published in steps that may be killed, believed only if whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from entries import has, key_of, neff, publish, write_bundle
from neffcache import remote
from neffcache.cache import bundles
from neffcache.entry import read
from neffcache.errors import EntryError, RemoteError
from neffcache.remotes.file import FileRemote

KEY, OTHER = key_of("a"), key_of("b")
DATA = os.urandom(300_000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "remote"


@pytest.fixture
def opened(root: Path) -> FileRemote:
    return FileRemote(remote.parse(f"file://{root}"), {})


def quiet() -> None:
    return


def fetch(opened: FileRemote, into: Path, key: str = KEY) -> bool:
    record = bundles.fetch_record(opened, key, str(into))
    if record is None:
        return False
    bundles.fetch_bundle(opened, record, str(into), lambda _count: None)
    return True


def test_names_are_the_documented_ones() -> None:
    assert bundles.record_name(KEY) == f"neffcache/v1/{KEY[:2]}/{KEY}/entry"
    assert bundles.tar_name(KEY, OTHER) == f"neffcache/v1/{KEY[:2]}/{KEY}/{OTHER}.tar"


def test_the_record_is_the_documented_one(root: Path) -> None:
    publish(root, KEY, DATA)
    data = (root / bundles.record_name(KEY)).read_bytes()
    lines = data.split(b"\n", 5)
    tar = next((root / bundles.record_name(KEY)).parent.glob("*.tar"))
    digest = hashlib.sha256(tar.read_bytes()).hexdigest()
    assert tar.name == f"{digest}.tar"
    assert lines[0] == b"neffcache-record 1"
    assert lines[1] == f"key {KEY}".encode()
    assert lines[2] == f"bundle {tar.stat().st_size} {digest}".encode()
    index_size = int(lines[3].removeprefix(b"index "))
    manifest_size = int(lines[4].removeprefix(b"manifest "))
    body, _, end = data.rpartition(b"end ")
    assert lines[5][:index_size] == read_index(tar)
    assert len(body) == len(data) - len(lines[5]) + index_size + manifest_size
    assert end == hashlib.sha256(body).hexdigest().encode() + b"\n"


def read_index(tar: Path) -> bytes:
    head = tar.read_bytes()[:66_000]
    return head[512 : 512 + int(head[124:135], 8)]


def test_a_published_entry_comes_back(root: Path, opened: FileRemote, tmp_path: Path) -> None:
    publish(root, KEY, DATA)
    into = tmp_path / "into"
    assert fetch(opened, into)
    bundle = read.open_bundle(str(into), KEY)
    assert neff(bundle) == DATA
    bundle.close()


def test_the_bundle_of_another_key_is_not_believed_whatever_the_record_says(
    root: Path, opened: FileRemote, tmp_path: Path
) -> None:
    """A record with a digest of a whole bundle, but of the other key's."""
    publish(root, KEY, DATA)
    other = tmp_path / "other.tar"
    write_bundle(other, OTHER, DATA)
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    record = bundles.fetch_record(opened, KEY, str(tmp_path / "into"))
    assert record is not None
    record.digest, record.size = digest, other.stat().st_size
    (root / bundles.tar_name(KEY, digest)).write_bytes(other.read_bytes())
    with pytest.raises(EntryError):
        bundles.fetch_bundle(opened, record, str(tmp_path / "into"), lambda _count: None)


def test_a_manifest_that_was_damaged_before_it_was_sent_is_not_believed(
    root: Path, opened: FileRemote, tmp_path: Path
) -> None:
    """No restore looks at it: whoever fetches it does."""
    publish(root, KEY, DATA)
    record = bundles.fetch_record(opened, KEY, str(tmp_path / "into"))
    assert record is not None
    (path,) = (root / bundles.record_name(KEY)).parent.glob("*.tar")
    data = bytearray(path.read_bytes())
    data[record.index.manifest_offset] ^= 1
    record.digest = hashlib.sha256(data).hexdigest()
    (root / bundles.tar_name(KEY, record.digest)).write_bytes(data)
    with pytest.raises(EntryError, match="manifest"):
        bundles.fetch_bundle(opened, record, str(tmp_path / "into"), lambda _count: None)


def test_absent_is_absent(opened: FileRemote, tmp_path: Path) -> None:
    assert not fetch(opened, tmp_path / "into")


def test_what_is_there_is_not_sent_again(root: Path, opened: FileRemote, tmp_path: Path) -> None:
    publish(root, KEY, DATA)
    tar = tmp_path / "again.tar"
    write_bundle(tar, KEY, b"other bytes")
    assert not bundles.publish(opened, KEY, str(tar), str(tmp_path / "spare"), quiet)
    assert len(list((root / bundles.record_name(KEY)).parent.iterdir())) == 2


def test_of_two_hosts_at_once_one_record_wins(opened: FileRemote, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.tar" for number in range(8)]
    for number, path in enumerate(paths):
        write_bundle(path, KEY, bytes([number]) * 100_000)
    with ThreadPoolExecutor(8) as pool:
        won = list(
            pool.map(
                lambda path: bundles.publish(opened, KEY, str(path), f"{path}.spare", quiet), paths
            )
        )
    assert won.count(True) == 1
    into = tmp_path / "into"
    assert fetch(opened, into)
    assert into.read_bytes() == paths[won.index(True)].read_bytes()


class Killed(Exception):
    """Stands for the end of the process."""


class Stopping(FileRemote):
    """A remote whose user is killed when a name is about to be written."""

    def __init__(self, root: Path, at: str) -> None:
        super().__init__(remote.parse(f"file://{root}"), {})
        self._at = at

    def store(self, name: str, path: str, progress: Callable[[int], None]) -> bool:
        if name.endswith(self._at):
            raise Killed
        return super().store(name, path, progress)


@pytest.mark.parametrize("at", [".tar", "entry"])
def test_killed_between_two_steps_it_is_finished_by_the_next(
    root: Path, opened: FileRemote, tmp_path: Path, at: str
) -> None:
    tar, spare = tmp_path / "a.tar", str(tmp_path / "spare")
    write_bundle(tar, KEY, DATA)
    with pytest.raises(Killed):
        bundles.publish(Stopping(root, at), KEY, str(tar), spare, quiet)
    assert not fetch(opened, tmp_path / "into")
    assert bundles.publish(opened, KEY, str(tar), spare, quiet)
    assert has(root, KEY)
    assert len(list((root / bundles.record_name(KEY)).parent.iterdir())) == 2


def test_a_damaged_bundle_is_not_published(root: Path, opened: FileRemote, tmp_path: Path) -> None:
    tar = tmp_path / "a.tar"
    write_bundle(tar, KEY, DATA)
    data = bytearray(tar.read_bytes())
    data[-2000] ^= 1
    tar.write_bytes(data)
    with pytest.raises(EntryError):
        bundles.publish(opened, KEY, str(tar), str(tmp_path / "spare"), quiet)
    assert not list(root.rglob("*.tar"))


def _flip(at: int) -> Callable[[bytes], bytes]:
    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return flip


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _data: b"",
    "truncated": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "first byte": _flip(0),
    "a middle byte": _flip(400),
    "last byte": _flip(-1),
    "zeros": lambda data: bytes(len(data)),
    "a bomb": lambda data: data + bytes(4 << 20),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("which", ["entry", "*.tar"])
def test_damage_is_seen(
    root: Path, opened: FileRemote, tmp_path: Path, which: str, spoil: Callable[[bytes], bytes]
) -> None:
    publish(root, KEY, DATA)
    path = next((root / bundles.record_name(KEY)).parent.glob(which))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(EntryError):
        fetch(opened, tmp_path / "into")


@pytest.mark.parametrize("which", ["entry", "*.tar"])
def test_another_keys_file_swapped_in_is_seen(
    root: Path, opened: FileRemote, tmp_path: Path, which: str
) -> None:
    publish(root, KEY, DATA)
    publish(root, OTHER, DATA)
    mine = next((root / bundles.record_name(KEY)).parent.glob(which))
    theirs = next((root / bundles.record_name(OTHER)).parent.glob(which))
    mine.write_bytes(theirs.read_bytes())
    with pytest.raises(EntryError):
        fetch(opened, tmp_path / "into")


def test_a_whole_foreign_entry_under_our_name_is_seen(
    root: Path, opened: FileRemote, tmp_path: Path
) -> None:
    publish(root, OTHER, DATA)
    there = (root / bundles.record_name(OTHER)).parent
    here = (root / bundles.record_name(KEY)).parent
    here.parent.mkdir(parents=True, exist_ok=True)
    there.rename(here)
    with pytest.raises(EntryError, match="another key"):
        fetch(opened, tmp_path / "into")


def test_a_record_without_its_bundle_is_seen(
    root: Path, opened: FileRemote, tmp_path: Path
) -> None:
    publish(root, KEY, DATA)
    next(root.rglob("*.tar")).unlink()
    with pytest.raises(EntryError, match="its bundle does not"):
        fetch(opened, tmp_path / "into")


def test_a_download_larger_than_announced_is_cut_off(
    root: Path, opened: FileRemote, tmp_path: Path
) -> None:
    publish(root, KEY, DATA)
    with open(next(root.rglob("*.tar")), "r+b") as file:
        file.truncate(1 << 33)
    with pytest.raises(EntryError, match="more than"):
        fetch(opened, tmp_path / "into")
    assert (tmp_path / "into").stat().st_size < 8 << 20


def test_something_else_in_place_of_an_object(
    root: Path, opened: FileRemote, tmp_path: Path
) -> None:
    path = root / bundles.record_name(KEY)
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with pytest.raises(RemoteError, match="not a regular file"):
        fetch(opened, tmp_path / "into")
