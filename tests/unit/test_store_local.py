"""Unit: the local store: where it lies, whom it trusts, what it gives back."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from neffcache.errors import EntryError, StoreError
from neffcache.store import local
from neffcache.store.local import Store
from unit import makers
from unit.makers import KEY, OTHER_KEY

NOBODY = 65534


@pytest.fixture
def umask() -> Iterator[None]:
    """A umask that takes away what the owner needs."""
    before = os.umask(0o777)
    yield
    os.umask(before)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A fresh store."""
    return local.open_store(makers.settings(dir=str(tmp_path)))


def _put(store: Store, key: str = KEY, *, inside: str = KEY) -> Path:
    path = Path(store.entry_path(key))
    path.parent.mkdir(parents=True, exist_ok=True)
    makers.write_bundle(path, {"neff": makers.neff()}, key=inside)
    return path


def _refusal(directory: Path) -> StoreError:
    with pytest.raises(StoreError) as caught:
        local.open_store(makers.settings(dir=str(directory)))
    return caught.value


def test_where_the_store_lies() -> None:
    user = os.geteuid()
    assert local.location(makers.settings()) == f"/var/tmp/neffcache-{user}"
    assert local.location(makers.settings(dir="/mnt/x")) == f"/mnt/x/store-{user}"


@pytest.mark.parametrize(
    "mode",
    [0o777, 0o1777, 0o755, 0o2775, 0o700],
    ids=["emptyDir", "tmp", "hostPath", "fsGroup", "own"],
)
def test_the_store_is_ours_alone_on_any_volume(tmp_path: Path, mode: int) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(mode)
    store = local.open_store(makers.settings(dir=str(volume)))
    assert stat.S_IMODE(os.stat(store.path).st_mode) & 0o777 == 0o700
    assert stat.S_IMODE(volume.stat().st_mode) == mode
    assert local.open_store(makers.settings(dir=str(volume))).path == store.path


@pytest.mark.usefixtures("umask")
def test_an_odd_umask_does_not_lock_the_owner_out(tmp_path: Path) -> None:
    store = local.open_store(makers.settings(dir=str(tmp_path)))
    assert os.stat(store.path).st_mode & 0o777 == 0o700


def test_missing_directories_above_are_made(tmp_path: Path) -> None:
    store = local.open_store(makers.settings(dir=str(tmp_path / "a" / "b")))
    assert os.path.isdir(store.path)


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o720, 0o770, 0o777])
def test_a_store_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / f"store-{os.geteuid()}"
    path.mkdir()
    path.chmod(mode)
    error = _refusal(tmp_path)
    assert f"mode {mode:o}" in error.what
    assert f"chmod 700 {path}" in error.remedy


def test_a_store_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"store-{os.geteuid()}"
    path.mkdir(0o700)
    try:
        os.chown(path, NOBODY, NOBODY)
    except PermissionError:
        pytest.skip(reason="only root can give a directory away")
    assert f"uid {NOBODY}" in _refusal(tmp_path).what


def test_a_link_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / f"store-{os.geteuid()}").symlink_to("real")
    assert "not a directory" in _refusal(tmp_path).what


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / f"store-{os.geteuid()}").write_bytes(b"")
    assert "not a directory" in _refusal(tmp_path).what


def test_a_store_below_a_file_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    error = _refusal(tmp_path / "file")
    assert "cannot be used" in error.what
    assert "NEFFCACHE_DIR" in error.remedy


def test_an_entry_comes_back(store: Store) -> None:
    _put(store)
    bundle = store.get(KEY)
    assert bundle is not None
    assert bundle.index.key == KEY
    bundle.close()


def test_what_is_not_stored_is_none(store: Store) -> None:
    assert store.get(KEY) is None


def test_an_entry_that_is_read_counts_as_used(store: Store) -> None:
    path = _put(store)
    os.utime(path, ns=(1, 1))
    bundle = store.get(KEY)
    assert bundle is not None
    bundle.close()
    assert path.stat().st_mtime_ns > 1


def test_another_keys_file_is_never_served_and_dropped(store: Store) -> None:
    path = _put(store, KEY, inside=OTHER_KEY)
    with pytest.raises(EntryError, match="another key"):
        store.get(KEY)
    assert not path.exists()
    assert store.get(KEY) is None


@pytest.mark.parametrize("size", [0, 100, 600, 2000])
def test_a_half_written_entry_is_dropped(store: Store, size: int) -> None:
    path = _put(store)
    os.truncate(path, size)
    with pytest.raises(EntryError):
        store.get(KEY)
    assert not path.exists()


def test_drop_of_what_is_not_there_is_fine(store: Store) -> None:
    store.drop(KEY)
    assert store.get(KEY) is None


def test_its_directories_are_ours_alone(store: Store) -> None:
    path = store.directory("locks")
    assert path == f"{store.path}/locks"
    assert os.stat(path).st_mode & 0o777 == 0o700
    assert store.directory("locks") == path
