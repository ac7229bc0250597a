"""Unit: paths, bounded reads, atomic writes, hashing."""

from __future__ import annotations

import hashlib
import os
import posix
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neffcache import files


@pytest.fixture
def umask() -> Iterator[None]:
    """A umask that takes away what the usual one leaves."""
    before = os.umask(0o027)
    yield
    os.umask(before)


@given(st.binary())
def test_any_bytes_survive_decode_and_encode(data: bytes) -> None:
    assert files.encode(files.decode(data)) == data


@pytest.mark.parametrize(
    ("directory", "name", "joined"),
    [
        ("/a", "b", "/a/b"),
        ("/a/", "b", "/a/b"),
        ("/", "b", "/b"),
        ("/a", "/b/c", "/b/c"),
        ("/a", "../b", "/a/../b"),
        ("", "b", "/b"),
    ],
)
def test_join(directory: str, name: str, joined: str) -> None:
    assert files.join(directory, name) == joined


@pytest.mark.parametrize(
    ("path", "parent", "name"),
    [("/a/b", "/a", "b"), ("/b", "/", "b"), ("b", ".", "b"), ("a/b", "a", "b"), ("/a/", "/a", "")],
)
def test_parent_and_basename(path: str, parent: str, name: str) -> None:
    assert (files.parent(path), files.basename(path)) == (parent, name)


@pytest.mark.parametrize("size", [0, 1, files.SMALL - 1, files.SMALL, files.SMALL + 1])
def test_either_hash_is_sha256(size: int) -> None:
    made = files.new_hash(size)
    made.update(b"x" * size)
    assert made.hexdigest() == hashlib.sha256(b"x" * size).hexdigest()
    assert files.digest(b"x" * size) == made.hexdigest()


def test_read_takes_exactly_the_limit_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert files.read(str(path), 100) == b"x" * 100
    with pytest.raises(OSError, match="larger than 99"):
        files.read(str(path), 99)


def test_read_of_several_chunks_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    data = os.urandom(files.CHUNK * 2 + 17)
    path.write_bytes(data)
    assert files.read(str(path), len(data)) == data


def test_opening_a_fifo_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    posix.close(files.open_read(str(tmp_path / "fifo")))


def test_append_to_a_fifo_without_reader_fails_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="fifo"):
        files.append(str(tmp_path / "fifo"), b"x")


def test_append_makes_and_extends(tmp_path: Path) -> None:
    path = tmp_path / "log"
    files.append(str(path), b"one\n")
    files.append(str(path), b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_opened_descriptors_are_not_inherited(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    made = [files.open_read(str(path)), files.temporary(str(path))[0]]
    inherited = [os.get_inheritable(fd) for fd in made]
    for fd in made:
        posix.close(fd)
    assert inherited == [False, False]


def test_write_all_goes_on_when_the_kernel_takes_less(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []

    def write(_fd: int, data: memoryview) -> int:
        taken.append(bytes(data[:3]))
        return len(taken[-1])

    monkeypatch.setattr(posix, "write", write)
    files.write_all(-1, b"0123456789")
    assert b"".join(taken) == b"0123456789"


def test_a_temporary_file_lies_beside_its_target_and_names_its_maker(tmp_path: Path) -> None:
    fd, name = files.temporary(str(tmp_path / "target"))
    posix.close(fd)
    assert os.path.dirname(name) == str(tmp_path)
    assert os.path.basename(name).startswith(f".neffcache-{os.getpid()}-")


@pytest.mark.usefixtures("umask")
def test_a_temporary_file_respects_the_umask(tmp_path: Path) -> None:
    fd, name = files.temporary(str(tmp_path / "target"), 0o666)
    posix.close(fd)
    assert os.stat(name).st_mode & 0o777 == 0o640


def test_publish_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a longer old text")
    files.publish(str(path), b"new", sync=True)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_publish_gives_readers_another_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        files.publish(str(path), b"new")
        assert reader.read() == b"old"


def test_publish_leaves_nothing_when_the_rename_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        files.publish(str(tmp_path / "taken"), b"new")
    assert os.listdir(tmp_path) == ["taken"]


@pytest.mark.parametrize("fault", [OSError(28, "disk full"), KeyboardInterrupt()])
def test_publish_leaves_the_old_file_when_the_write_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write(_fd: int, _data: memoryview) -> int:
        raise fault

    monkeypatch.setattr(posix, "write", write)
    with pytest.raises(type(fault)):
        files.publish(str(path), b"new")
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"


def test_discard_of_what_is_not_there_is_fine(tmp_path: Path) -> None:
    files.discard(str(tmp_path / "none" / "file"))
    files.discard(str(tmp_path))
    assert tmp_path.is_dir()


def test_make_directories_makes_what_is_missing_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c"
    files.make_directories(str(path))
    files.make_directories(str(path))
    assert [p.stat().st_mode & 0o777 for p in (path, path.parent)] == [0o700, 0o700]


def test_make_directories_where_nothing_can_be_made_fails() -> None:
    with pytest.raises(FileNotFoundError):
        files.make_directories("/proc/nowhere/a")


def test_make_directories_below_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        files.make_directories(str(tmp_path / "file" / "a" / "b"))


def test_state_tells_any_change_of_a_file(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"one")
    link.symlink_to(path)
    first = files.state(str(path))
    assert files.state(str(link)) == first
    files.publish(str(path), b"two")
    assert files.state(str(path)) not in (first, None)
    path.unlink()
    assert files.state(str(link)) is None


def test_kinds_of_files_are_told_apart(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"")
    link.symlink_to(path)
    modes = [os.lstat(p).st_mode for p in (path, tmp_path, link, "/dev/null")]
    assert [files.is_regular(mode) for mode in modes] == [True, False, False, False]
    assert [files.is_directory(mode) for mode in modes] == [False, True, False, False]
    assert [files.is_link(mode) for mode in modes] == [False, False, True, False]


def test_a_digest_is_sixty_four_small_hex_digits() -> None:
    good = files.digest(b"x")
    assert files.is_digest(good)
    for text in ("", good[1:], good + "0", good.upper(), "g" + good[1:]):
        assert not files.is_digest(text)
