"""Stores that cannot be used, or not fully: each compile goes on, and says once why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.making import NOBODY, PlainUser, comes_from, mounted, remount, write_graph
from hosts import Done, Host


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Some graph."""
    return write_graph(tmp_path / "graph.mlir", "stored")


@pytest.fixture
def log(host: Host) -> Path:
    """The log, for hosts whose store takes no journal."""
    path = host.root / "log"
    host.variables["NEFFCACHE_LOG"] = str(path)
    return path


def _logged(log: Path) -> list[str]:
    return [line.split('"outcome":"')[1].split('"')[0] for line in log.read_text().splitlines()]


def _compile(host: Host, cwd: Path, graph: Path, **variables: str) -> Done:
    """A compile that must end well, whatever is wrong with the store."""
    done = host.compile(cwd, graph, variables=variables)
    assert done.status == 0, done.err
    assert comes_from(cwd / "out.neff", graph)
    return done


def _assert_unusable(host: Host, tmp_path: Path, graph: Path, log: Path) -> str:
    """Compiles all the same; one line says what is wrong and what to do about it."""
    done = _compile(host, tmp_path / "work", graph)
    assert _logged(log) == ["store_unusable"]
    assert host.compiles == 1
    (line,) = [line for line in done.err.splitlines() if line.startswith("neffcache: ")]
    assert "NEFFCACHE_DIR" in line or "chmod" in line
    return line


@pytest.fixture
def small(host: Host) -> Iterator[Path]:
    """A store on a disk of its own, of 16 MB."""
    with mounted(host.root / "cache", "size=16m,mode=0777") as disk:
        yield disk


def test_full_disk_costs_only_the_entry(
    host: Host, tmp_path: Path, graph: Path, log: Path, small: Path
) -> None:
    _compile(host, tmp_path / "first", write_graph(tmp_path / "first.mlir", "first"))
    (entry,) = host.entries()
    entry.unlink()
    with pytest.raises(OSError, match="No space"):
        (small / "ballast").write_bytes(bytes(20 << 20))
    _compile(host, tmp_path / "work", graph)
    assert _logged(log) == ["compiled", "compiled_store_failed"]
    assert host.entries() == []
    assert list(host.store.rglob(".neffcache-*")) == []


def test_disk_that_fills_up_while_an_entry_is_written(
    host: Host, tmp_path: Path, graph: Path, log: Path
) -> None:
    """Said to have room, then ENOSPC: by inodes, of which there are enough for a file or two."""
    with mounted(host.root / "cache", "size=16m,nr_inodes=8,mode=0777"):
        _compile(host, tmp_path / "work", graph)
        assert _logged(log)[0] in ("compiled_store_failed", "store_unusable")
        assert host.entries() == []


def test_nothing_is_stored_on_a_disk_with_less_than_a_twentieth_free(
    host: Host, tmp_path: Path, graph: Path, small: Path
) -> None:
    (small / "ballast").write_bytes(bytes(16_200_000))
    _compile(host, tmp_path / "work", graph)
    assert host.outcomes() == ["compiled_store_failed"]
    (small / "ballast").unlink()
    _compile(host, tmp_path / "work", graph)
    assert host.outcomes()[-1] == "compiled"


def test_entries_make_room_when_the_disk_runs_short(
    host: Host, tmp_path: Path, graph: Path, small: Path
) -> None:
    """Room is made by dropping entries before an entry is refused."""
    big = write_graph(tmp_path / "big.mlir", "big")
    _compile(host, tmp_path / "big", big, SDKSTANDIN_NEFF_MB="3", NEFFCACHE_MAX_SIZE="1G")
    (small / "ballast").write_bytes(bytes(12_900_000))
    _compile(host, tmp_path / "work", graph, NEFFCACHE_MAX_SIZE="1G")
    assert host.outcomes() == ["compiled", "compiled"]
    assert len(host.entries()) == 1


def test_readonly_store_still_answers(
    host: Host, tmp_path: Path, graph: Path, log: Path, small: Path
) -> None:
    _compile(host, tmp_path / "one", graph)
    remount(small, "ro")
    other = write_graph(tmp_path / "other.mlir", "other")
    _compile(host, tmp_path / "two", graph)
    _compile(host, tmp_path / "three", other)
    assert _logged(log) == ["compiled", "hit_local", "compiled_store_failed"]


def test_readonly_disk_without_a_store_is_no_store(
    host: Host, tmp_path: Path, graph: Path, log: Path, small: Path
) -> None:
    remount(small, "ro")
    _assert_unusable(host, tmp_path, graph, log)


@pytest.mark.parametrize("place", ["store", "above"])
def test_file_in_the_stores_place(
    host: Host, tmp_path: Path, graph: Path, log: Path, place: str
) -> None:
    path = host.store if place == "store" else host.store.parent
    path.parent.mkdir(exist_ok=True)
    path.write_text("not a directory")
    _assert_unusable(host, tmp_path, graph, log)
    assert path.read_text() == "not a directory"


def test_link_in_the_stores_place_is_not_followed(
    host: Host, tmp_path: Path, graph: Path, log: Path
) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    host.store.parent.mkdir()
    host.store.symlink_to(tmp_path / "elsewhere")
    _assert_unusable(host, tmp_path, graph, log)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_store_of_another_user_is_not_used(
    host: Host, tmp_path: Path, graph: Path, log: Path
) -> None:
    """He could have put anything in it."""
    host.store.mkdir(parents=True, mode=0o700)
    os.chown(host.store, NOBODY, NOBODY)
    assert f"belongs to uid {NOBODY}" in _assert_unusable(host, tmp_path, graph, log)
    assert list(host.store.iterdir()) == []


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o701, 0o755])
def test_store_that_others_may_enter_is_not_used(
    host: Host, tmp_path: Path, graph: Path, log: Path, mode: int
) -> None:
    host.store.mkdir(parents=True)
    host.store.chmod(mode)
    assert f"mode {mode:o}" in _assert_unusable(host, tmp_path, graph, log)
    assert list(host.store.iterdir()) == []


# name → mode, and the group it belongs to, of which the caller is a member.
VOLUMES = {"emptyDir": (0o777, 0), "fsGroup": (0o2775, 2000), "like /tmp": (0o1777, 0)}


@pytest.mark.parametrize("kind", VOLUMES)
def test_volume_where_the_caller_may_write(
    plain_user: PlainUser, tmp_path: Path, graph: Path, kind: str
) -> None:
    """What counts is the store's own directory, never the mount above it."""
    mode, group = VOLUMES[kind]
    volume = plain_user.store.parent
    volume.mkdir()
    os.chown(volume, NOBODY, group)
    volume.chmod(mode)
    plain_user.groups = str(group)
    for _ in range(2):
        _compile(plain_user, tmp_path / "work", graph)
    assert plain_user.outcomes() == ["compiled", "hit_local"]
    assert plain_user.store.stat().st_mode & 0o777 == 0o700


def test_volume_where_only_its_owner_may_write(
    plain_user: PlainUser, tmp_path: Path, graph: Path
) -> None:
    """A hostPath of root's as an ordinary user sees it."""
    log = tmp_path / "log"
    plain_user.variables["NEFFCACHE_LOG"] = str(log)
    volume = plain_user.store.parent
    volume.mkdir(mode=0o755)
    os.chown(volume, NOBODY, NOBODY)
    _assert_unusable(plain_user, tmp_path, graph, log)


@pytest.mark.parametrize("umask", ["0777", "0", "0277"])
def test_any_umask_gives_a_closed_store_that_works(
    plain_user: PlainUser, tmp_path: Path, graph: Path, umask: str
) -> None:
    plain_user.store.parent.mkdir()
    plain_user.count_file.touch()
    plain_user.umask = umask
    plain_user.compile(tmp_path / "work", graph)
    plain_user.umask = "022"
    for _ in range(2):
        _compile(plain_user, tmp_path / "plain", graph)
    assert plain_user.outcomes()[-1] == "hit_local"
    assert plain_user.store.stat().st_mode & 0o777 == 0o700
    assert [path for path in plain_user.store.rglob("*") if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("umask", ["022", "027", "0"])
def test_outputs_of_a_hit_have_the_mode_the_compiler_gives(
    plain_user: PlainUser, tmp_path: Path, graph: Path, umask: str
) -> None:
    plain_user.umask = umask
    modes = []
    for name in ("one", "two"):
        _compile(plain_user, tmp_path / name, graph)
        modes.append((tmp_path / name / "out.neff").stat().st_mode)
    assert modes[0] == modes[1]
    assert plain_user.outcomes() == ["compiled", "hit_local"]


@pytest.mark.parametrize("home", ["\0unset", "", "/nonexistent"])
def test_home_that_is_gone_changes_nothing(
    host: Host, tmp_path: Path, graph: Path, home: str
) -> None:
    for _ in range(2):
        _compile(host, tmp_path / "work", graph, HOME=home)
    assert host.outcomes() == ["compiled", "hit_local"]


@pytest.mark.parametrize("kind", ["file", "pipe", "directory"])
def test_journal_that_cannot_be_written_changes_nothing(
    host: Host, tmp_path: Path, graph: Path, log: Path, kind: str
) -> None:
    _compile(host, tmp_path / "work", graph)
    folder = host.store / "journal"
    (folder / "journal.log").unlink()
    if kind == "file":
        folder.rmdir()
        folder.write_text("in the way")
    elif kind == "pipe":
        os.mkfifo(folder / "journal.log")
    else:
        (folder / "journal.log").mkdir()
    _compile(host, tmp_path / "work", graph)
    assert _logged(log) == ["compiled", "hit_local"]


@pytest.mark.parametrize("content", [b"", b"junk\xff\n" * 9, b"9" * 60])
@pytest.mark.parametrize("which", ["usage", "compilers", "journal/totals.json"])
def test_damaged_notes_of_the_store_change_nothing(
    host: Host, tmp_path: Path, graph: Path, which: str, content: bytes
) -> None:
    _compile(host, tmp_path / "work", graph)
    path = host.store / which
    if which == "compilers":
        (path,) = path.iterdir()
    path.write_bytes(content)
    _compile(host, tmp_path / "work", graph)
    _compile(host, tmp_path / "work", write_graph(tmp_path / "other.mlir", "other"))
    assert host.outcomes() == ["compiled", "hit_local", "compiled"]
