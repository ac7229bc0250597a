"""Unit: a bundle read back: the same bytes in place, or an error and nothing in place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from neffcache import files
from neffcache.entry import read
from neffcache.entry.index import Member
from neffcache.errors import EntryError
from unit import makers
from unit.makers import KEY, MANIFEST, OTHER_KEY

NEFF = makers.neff()
WRAPPED = b"before" + NEFF + b"behind"
FILES = {"neff": NEFF, "wrapped": WRAPPED, "log": b"a line\n"}

# Builds and restores a large entry; prints the most memory that it ever held, in KB.
LARGE = """
import os, sys
from pathlib import Path
from neffcache import files
from neffcache.entry import build, index, read, wrapped
folder, size = Path(sys.argv[1]), int(sys.argv[2])
fds = []
for name in ("neff", "wrapped"):
    fds.append(os.open(folder / name, os.O_RDWR | os.O_CREAT))
os.pwrite(fds[0], b"header", 0)
os.ftruncate(fds[0], size)
os.pwrite(fds[1], b"header", 0)
os.ftruncate(fds[1], size + 5)
head = index.Index("a" * 64, 1.0, (2, files.digest(b"{}")))
sources = [build.Source("neff", "output", fds[0], size)]
sources.append(build.Source("wrapped", "cwd", fds[1], size + 5))
sources[1].segments = wrapped.find(fds[1], size + 5, fds[0], size)
out = os.open(folder / "bundle", os.O_RDWR | os.O_CREAT)
build.write(out, head, b"{}", sources, lambda data: None)
bundle = read.open_bundle(str(folder / "bundle"), "a" * 64)
for member in bundle.index.members:
    read.restore(bundle, member, str(folder / "restored"))
(line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(line.split()[1])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A bundle of all roles."""
    makers.write_bundle(tmp_path / "bundle", FILES)
    return tmp_path / "bundle"


@pytest.fixture
def umask() -> Iterator[None]:
    """A umask that takes away what the usual one leaves."""
    before = os.umask(0o026)
    yield
    os.umask(before)


def _restore(path: Path, target: Path, role: str = "neff") -> None:
    with makers.opened(path) as bundle:
        read.restore(bundle, _member(bundle, role), str(target))


def _member(bundle: read.Bundle, role: str) -> Member:
    found = bundle.index.member(role)
    assert found is not None
    return found


@pytest.mark.parametrize("role", FILES)
def test_a_file_comes_back_as_it_was(path: Path, tmp_path: Path, role: str) -> None:
    _restore(path, tmp_path / "target", role)
    assert (tmp_path / "target").read_bytes() == FILES[role]


@pytest.mark.parametrize("size", [1, 511, 512, 513, files.CHUNK, 2 * files.CHUNK + 1])
def test_a_file_of_any_size_comes_back(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    makers.write_bundle(tmp_path / "bundle", {"neff": data, "log": b""})
    _restore(tmp_path / "bundle", tmp_path / "neff")
    _restore(tmp_path / "bundle", tmp_path / "log", "log")
    assert (tmp_path / "neff").read_bytes() == data
    assert (tmp_path / "log").read_bytes() == b""


def test_the_manifest_comes_back(path: Path) -> None:
    with makers.opened(path) as bundle:
        assert read.manifest(bundle) == MANIFEST
        assert bundle.index.seconds == 1.5


@pytest.mark.usefixtures("umask")
def test_a_new_file_has_the_callers_umask(path: Path, tmp_path: Path) -> None:
    _restore(path, tmp_path / "target")
    assert (tmp_path / "target").stat().st_mode & 0o7777 == 0o640


def test_an_existing_file_keeps_its_permissions(path: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "target").chmod(0o751)
    _restore(path, tmp_path / "target")
    assert (tmp_path / "target").stat().st_mode & 0o7777 == 0o751
    assert (tmp_path / "target").read_bytes() == NEFF


def test_another_name_of_the_old_file_is_not_written_through(path: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    os.link(tmp_path / "target", tmp_path / "other")
    _restore(path, tmp_path / "target")
    assert (tmp_path / "other").read_bytes() == b"old"


def test_writing_to_what_was_restored_leaves_the_bundle_alone(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    _restore(path, tmp_path / "target")
    (tmp_path / "target").write_bytes(b"overwritten")
    assert path.read_bytes() == before


def test_a_target_that_cannot_be_written_leaves_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        _restore(path, tmp_path / "taken")
    assert sorted(os.listdir(tmp_path)) == ["bundle", "taken"]


def test_a_bundle_of_another_key_is_refused(path: Path) -> None:
    before = makers.open_files()
    with pytest.raises(EntryError, match="another key"):
        read.open_bundle(str(path), OTHER_KEY)
    assert makers.open_files() == before


def _damage(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.parametrize("role", ["neff", "wrapped"])
def test_a_flipped_byte_in_a_file_is_never_put_in_place(
    path: Path, tmp_path: Path, role: str
) -> None:
    with makers.opened(path) as bundle:
        at = _member(bundle, role).offset
    _damage(path, at + 2, b"\xaa")
    (tmp_path / "target").write_bytes(b"old")
    with pytest.raises(EntryError, match="digest"):
        _restore(path, tmp_path / "target", role)
    assert (tmp_path / "target").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["bundle", "target"]


def test_a_flipped_byte_in_the_neff_is_seen_in_what_repeats_it(path: Path, tmp_path: Path) -> None:
    with makers.opened(path) as bundle:
        at = _member(bundle, "neff").offset
    _damage(path, at, b"\xaa")
    with pytest.raises(EntryError, match="wrapped"):
        _restore(path, tmp_path / "target", "wrapped")


def test_a_flipped_byte_in_the_manifest_is_seen(path: Path) -> None:
    with makers.opened(path) as bundle:
        at = bundle.index.manifest_offset
    _damage(path, at, b"[")
    with makers.opened(path) as bundle, pytest.raises(EntryError, match="manifest"):
        read.verify(bundle)


def test_no_flipped_byte_anywhere_gives_other_content(path: Path) -> None:
    """Every byte of the bundle in turn: an error, or one that no reader looks at."""
    whole = path.read_bytes()
    for at in range(len(whole)):
        _damage(path, at, bytes((whole[at] ^ 0x55,)))
        try:
            with makers.opened(path) as bundle:
                read.verify(bundle)
                assert bundle.index.text() == whole[512 : 512 + len(bundle.index.text())]
        except EntryError:
            pass
        else:
            assert _is_slack(whole, at), f"position {at}"
        _damage(path, at, whole[at : at + 1])


def _is_slack(whole: bytes, at: int) -> bool:
    """Whether a byte belongs to a tar header, whose names and modes are not used, or to padding."""
    block = at // 512 * 512
    return b"ustar" in whole[block : block + 512] or whole[at] == 0


def test_no_part_of_a_bundle_is_a_bundle(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    part = tmp_path / "part"
    for size in range(0, len(whole), 7):
        part.write_bytes(whole[:size])
        with pytest.raises(EntryError):
            read.open_bundle(str(part), KEY)


def test_a_bundle_with_something_behind_it_is_refused(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(EntryError, match="bytes instead of"):
        read.open_bundle(str(path), KEY)


def test_a_bundle_that_is_cut_while_it_is_read_is_seen(path: Path, tmp_path: Path) -> None:
    with makers.opened(path) as bundle:
        os.truncate(path, _member(bundle, "neff").offset + 10)
        with pytest.raises(EntryError, match="truncated"):
            read.restore(bundle, _member(bundle, "neff"), str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("size", [b"99999999999", b"00000000000", b"-0000000001", b"abcdefghijk"])
def test_an_index_of_an_impossible_size_is_refused(path: Path, size: bytes) -> None:
    _damage(path, 124, size + b"\0")
    with pytest.raises(EntryError, match="not a bundle"):
        read.open_bundle(str(path), KEY)


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 2000, bytes(10240)])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)
    with pytest.raises(EntryError):
        read.open_bundle(str(tmp_path / "b"), KEY)


def test_a_fifo_or_directory_is_no_bundle(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", "."):
        with pytest.raises(EntryError, match="not a regular file"):
            read.open_bundle(str(tmp_path / name), KEY)


def test_a_missing_bundle_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read.open_bundle(str(tmp_path / "none"), KEY)


def test_memory_does_not_grow_with_the_neff(tmp_path: Path) -> None:
    """The most that was ever held, for a NEFF of 1 MB and one of 128 MB."""
    held = []
    for size in (1 << 20, 128 << 20):
        folder = tmp_path / str(size)
        folder.mkdir()
        held.append(int(makers.run(LARGE, str(folder), str(size))))
    assert held[1] < held[0] + (16 << 10)
