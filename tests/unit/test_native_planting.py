"""Planting an entry: whole or not at all, never over anything, with the modes of its caller."""

from __future__ import annotations

import os
import posix
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from natives import ENTRY, VERSION, contents, tree, write
from neffcache import files, kernel
from neffcache.native import names, planting

FILES = contents()


def staged(root: Path) -> planting.Stage:
    stage = planting.Stage(str(root), VERSION)
    for name, data in FILES.items():
        Path(stage.file(name)).write_bytes(data)
    return stage


def at_entry(found: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{ENTRY}/{name}": data for name, data in found.items()}


@pytest.fixture(params=["kernel", "without"])
def any_rename(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rename that never replaces, and on a system that has none."""
    if request.param == "without":
        monkeypatch.setattr(kernel, "rename_new", lambda _old, _new: False)


@pytest.mark.usefixtures("any_rename")
def test_entry_appears_exactly_as_it_was_staged(tmp_path: Path) -> None:
    assert staged(tmp_path).plant(ENTRY)
    assert tree(tmp_path) == at_entry(FILES)


def test_stage_is_no_entry_and_no_version(tmp_path: Path) -> None:
    name = Path(staged(tmp_path).path).relative_to(tmp_path)
    assert not names.is_entry(str(name))
    assert not name.name.startswith(names.MODULE)
    assert name.parent.name == VERSION


@pytest.mark.usefixtures("any_rename")
@pytest.mark.parametrize("there", [{}, {"model.hlo_module.pb.lock": b""}, {"model.log": b"no"}])
def test_existing_directory_is_left_alone(tmp_path: Path, there: dict[str, bytes]) -> None:
    stage = staged(tmp_path)
    write(tmp_path, files=there)
    before = os.stat(tmp_path / ENTRY).st_ino
    assert not stage.plant(ENTRY)
    stage.discard()
    assert tree(tmp_path) == at_entry(there)
    assert os.stat(tmp_path / ENTRY).st_ino == before


@pytest.mark.usefixtures("any_rename")
@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b"x"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.with_name(path.name + ".lock").write_bytes(b""),
    ],
)
def test_anything_else_at_the_name_is_left_alone(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    stage = staged(tmp_path)
    make(tmp_path / ENTRY)
    before = sorted(os.listdir(tmp_path / VERSION))
    assert not stage.plant(ENTRY)
    assert sorted(os.listdir(tmp_path / VERSION)) == before


@pytest.mark.parametrize("there", [{}, {"model.hlo_module.pb.lock": b""}])
def test_directory_that_appears_in_the_last_moment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: dict[str, bytes]
) -> None:
    stage = staged(tmp_path)

    def late(_root: str, _entry: str) -> bool:
        write(tmp_path, files=there)
        return False

    monkeypatch.setattr(planting, "stands", late)
    assert not stage.plant(ENTRY)
    stage.discard()
    assert tree(tmp_path) == at_entry(there)


def test_without_the_kernel_whoever_takes_the_empty_directory_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = staged(tmp_path)
    plain_mkdir = os.mkdir

    def mkdir(path: str, mode: int) -> None:
        plain_mkdir(path, mode)
        (Path(path) / "model.hlo_module.pb.lock").touch()

    monkeypatch.setattr(kernel, "rename_new", lambda _old, _new: False)
    monkeypatch.setattr(posix, "mkdir", mkdir)
    assert not stage.plant(ENTRY)
    assert (tmp_path / ENTRY / "model.hlo_module.pb.lock").exists()
    assert not (tmp_path / ENTRY / names.DONE).exists()


def test_kernel_refuses_to_replace_an_empty_directory(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with pytest.raises(FileExistsError):
        kernel.rename_new(str(tmp_path / "old"), str(tmp_path / "new"))
    assert kernel.rename_new(str(tmp_path / "old"), str(tmp_path / "free"))


def test_error_of_the_kernel_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kernel.rename_new(str(tmp_path / "missing"), str(tmp_path / "new"))


@pytest.mark.parametrize(("umask", "file", "directory"), [(0o022, 0o644, 0o755), (7, 0o660, 0o770)])
def test_modes_are_those_of_the_umask(
    tmp_path: Path, umask: int, file: int, directory: int
) -> None:
    code = (
        "import os, sys; from neffcache.native import planting\n"
        "os.umask(int(sys.argv[3]))\n"
        "stage = planting.Stage(sys.argv[1], sys.argv[2].partition('/')[0])\n"
        "stage.file('model.done'); assert stage.plant(sys.argv[2])"
    )
    root = tmp_path / "made"
    subprocess.run([sys.executable, "-c", code, str(root), ENTRY, str(umask)], check=True)
    done = root / ENTRY / "model.done"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (done, done.parent, root)]
    assert modes == [file, directory, directory]


def test_discarded_stage_leaves_nothing(tmp_path: Path) -> None:
    staged(tmp_path).discard()
    assert os.listdir(tmp_path / VERSION) == []


def test_stage_of_a_killed_process_is_cleared_after_a_day(tmp_path: Path) -> None:
    old, young = staged(tmp_path), staged(tmp_path)
    os.utime(old.path, (0, 0))
    staged(tmp_path)
    assert not os.path.exists(old.path)
    assert os.path.exists(young.path)


def test_link_that_is_called_like_a_stage_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "precious", files={"kept": b"x"})
    (tmp_path / VERSION).mkdir()
    link = tmp_path / VERSION / ".neffcache-1-0123456789ab"
    link.symlink_to(tmp_path / "precious" / ENTRY)
    os.utime(link, (0, 0), follow_symlinks=False)
    staged(tmp_path).discard()
    assert (tmp_path / "precious" / ENTRY / "kept").exists()


def test_nobody_else_enters_a_stage(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    assert stat.S_IMODE(os.stat(stage.path).st_mode) == 0o700
    stage.discard()


def test_directory_put_in_the_place_of_a_stage_is_not_written_to(tmp_path: Path) -> None:
    stage = planting.Stage(str(tmp_path), VERSION)
    os.rename(stage.path, tmp_path / "moved away")
    os.mkdir(stage.path)
    Path(stage.file(names.NEFF)).write_bytes(b"x")
    assert os.listdir(stage.path) == []
    assert os.listdir(tmp_path / "moved away") == [names.NEFF]


def test_every_file_is_on_the_disk_before_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = staged(tmp_path)
    synced: list[str] = []

    def fsync(fd: int) -> None:
        assert not (tmp_path / ENTRY).exists() or not synced
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))

    monkeypatch.setattr(posix, "fsync", fsync)
    monkeypatch.setattr(files, "sync_directory", lambda _path: None)
    stage.plant(ENTRY)
    assert sorted(map(os.path.basename, synced)) == sorted(FILES)


def test_held_directory_is_filled_around_what_its_holder_put_there(tmp_path: Path) -> None:
    theirs = {"model.hlo_module.pb": b"mine", "model.hlo_module.pb.lock": b""}
    held = write(tmp_path, files=theirs)
    stage = staged(tmp_path)
    assert stage.fill(str(held))
    stage.discard()
    assert tree(tmp_path) == at_entry({**FILES, **theirs})


def test_held_directory_with_a_result_is_left_alone(tmp_path: Path) -> None:
    held = write(tmp_path, files={"model.neff": b"theirs"})
    assert not staged(tmp_path).fill(str(held))
    assert (held / "model.neff").read_bytes() == b"theirs"
    assert not (held / "model.done").exists()


def test_mark_of_a_whole_entry_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = write(tmp_path, files={"model.hlo_module.pb.lock": b""})
    stage = staged(tmp_path)
    order: list[str] = []
    plain = os.rename

    def rename(old: str, new: str) -> None:
        order.append(os.path.basename(new))
        plain(old, new)

    monkeypatch.setattr(posix, "rename", rename)
    assert stage.fill(str(held))
    assert order[-2:] == [names.NEFF, names.DONE]
