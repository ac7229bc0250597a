"""The directory remote: what it makes, with which modes, and what it makes of each fault."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neffcache import remote
from neffcache.errors import RefusedError, RemoteError
from neffcache.remotes import file
from neffcache.remotes.file import FileRemote
from waiting import until

NAME = "neffcache/v1/ab/abc/object"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "remote"


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "source"
    path.write_bytes(b"content")
    return str(path)


def open_at(root: Path | str, query: str = "") -> FileRemote:
    return FileRemote(remote.parse(f"file://{root}{query}"), {})


def quiet(_count: int) -> None:
    return


def test_it_makes_its_last_component_only(tmp_path: Path, source: str) -> None:
    with pytest.raises(RemoteError, match=r"not-mounted is not there.*mount it"):
        open_at(tmp_path / "not-mounted" / "cache").store(NAME, source, quiet)
    assert not (tmp_path / "not-mounted").exists()
    open_at(tmp_path / "cache").store(NAME, source, quiet)
    assert (tmp_path / "cache" / NAME).read_bytes() == b"content"


def test_a_missing_directory_is_empty_and_a_missing_parent_a_fault(tmp_path: Path) -> None:
    into = str(tmp_path / "into")
    assert not open_at(tmp_path / "cache").fetch(NAME, into, quiet)
    with pytest.raises(RemoteError, match="not there"):
        open_at(tmp_path / "not-mounted" / "cache").fetch(NAME, into, quiet)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("mask", "files", "directories"), [(0o002, 0o664, 0o775), (0o77, 0o600, 0o700)]
)
def test_a_group_can_share_it_when_the_umask_says_so(
    root: Path, source: str, mask: int, files: int, directories: int
) -> None:
    before = os.umask(mask)
    try:
        open_at(root).store(NAME, source, quiet)
    finally:
        os.umask(before)
    for path in [root, *root.rglob("*")]:
        wanted = directories if path.is_dir() else files
        assert path.stat().st_mode & 0o777 == wanted, path


def test_nothing_unfinished_is_left(root: Path, source: str) -> None:
    open_at(root).store(NAME, source, quiet)
    assert not list((root / file.STAGING).iterdir())


def test_old_leftovers_of_others_go_and_fresh_ones_stay(root: Path, source: str) -> None:
    staging = root / file.STAGING
    staging.mkdir(parents=True)
    old, fresh = staging / ".neffcache-1-a", staging / ".neffcache-2-b"
    old.touch()
    fresh.touch()
    os.utime(old, (0, 0))
    open_at(root).store(NAME, source, quiet)
    assert list(staging.iterdir()) == [fresh]


def test_a_writer_killed_in_the_middle_publishes_nothing(root: Path, tmp_path: Path) -> None:
    code = (
        "import sys,time\nfrom neffcache import remote\n"
        "opened=remote.open_remote(remote.parse(sys.argv[1]),{})\n"
        f"opened.store({NAME!r},sys.argv[2],lambda n:(print(n,flush=True),sys.stdin.read()))"
    )
    big = tmp_path / "big"
    big.write_bytes(bytes(3 << 20))
    argv = [sys.executable, "-c", code, f"file://{root}", str(big)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    assert len(list((root / file.STAGING).iterdir())) == 1
    assert open_at(root).exists([NAME]) == set()
    assert open_at(root).store(NAME, str(big), quiet)
    assert (root / NAME).stat().st_size == 3 << 20


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_without_links_it_is_renamed_into_place(
    root: Path, source: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(_old: str, _new: str) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("posix.link", no_links)
    assert open_at(root).store(NAME, source, quiet)
    assert not open_at(root).store(NAME, source, quiet)
    assert (root / NAME).read_bytes() == b"content"
    assert not list((root / file.STAGING).iterdir())


def test_a_link_whose_answer_was_lost_counts_as_made(
    root: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def answered_late(old: str, new: str) -> None:
        real(old, new)
        raise FileExistsError(errno.EEXIST, "the retransmission finds it there")

    monkeypatch.setattr("posix.link", answered_late)
    assert open_at(root).store(NAME, source, quiet)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, RefusedError),
        (errno.EROFS, RefusedError),
        (errno.EPERM, RefusedError),
        (errno.ENOSPC, RemoteError),
        (errno.EDQUOT, RemoteError),
        (errno.EIO, RemoteError),
        (errno.ESTALE, RemoteError),
    ],
)
def test_which_faults_are_for_good(
    root: Path, source: str, number: int, kind: type[RemoteError], monkeypatch: pytest.MonkeyPatch
) -> None:
    root.mkdir()

    def fail(path: str, _mode: int) -> None:
        if Path(path) != root:
            raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("posix.mkdir", fail)
    with pytest.raises(RemoteError) as caught:
        open_at(root).store(NAME, source, quiet)
    assert type(caught.value) is kind
    assert os.strerror(number) in str(caught.value)


def test_a_full_disk_is_not_for_good(
    root: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("posix.fsync", full)
    with pytest.raises(RemoteError) as caught:
        open_at(root).store(NAME, source, quiet)
    assert not isinstance(caught.value, RefusedError)
    assert not list((root / file.STAGING).iterdir())


def test_a_file_in_place_of_the_directory(root: Path, source: str, tmp_path: Path) -> None:
    root.write_text("")
    with pytest.raises(RemoteError):
        open_at(root).fetch(NAME, str(tmp_path / "into"), quiet)
    with pytest.raises(RefusedError):
        open_at(root).store(NAME, source, quiet)


def test_odd_names_are_percent_encoded(tmp_path: Path, source: str) -> None:
    open_at(f"{tmp_path}/a%20b%2Cc").store(NAME, source, quiet)
    assert (tmp_path / "a b,c" / NAME).exists()


def test_many_processes_make_the_same_directories(root: Path, source: str) -> None:
    code = (
        "import sys\nfrom neffcache import remote\nsys.stdin.read()\n"
        "opened=remote.open_remote(remote.parse(sys.argv[1]),{})\n"
        f"opened.store({NAME!r}+sys.argv[3],sys.argv[2],lambda n:None)"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, f"file://{root}", source, str(number)],
            stdin=subprocess.PIPE,
        )
        for number in range(6)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    until(lambda: all(writer.poll() is not None for writer in writers))
    assert [writer.returncode for writer in writers] == [0] * 6
    assert len(list((root / NAME).parent.iterdir())) == 6
