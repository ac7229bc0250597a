"""Faults in the middle of large entries, which come in parts: all of one entry, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entries import key_of, make_store, settings, write_bundle
from faults.far import Far, Made, encoded, leaks
from neffcache import journal, remote
from neffcache.cache import Reader
from neffcache.cache.reading import Fetched

SIZE = (40 << 20) + 11
KEY = key_of("large")


class Download:
    """One look-up of a large entry, and what was noted."""

    def __init__(self, path: Path, far: Far) -> None:
        self.far, self.path = far, path
        write_bundle(path / "bundle", KEY, os.urandom(SIZE))
        self.made = Made(KEY, (path / "bundle").read_bytes(), b"")
        far.offer(self.made)
        far.proxy.clear()
        self.store = make_store(path / "store")
        self.record = journal.Record()

    def run(self) -> Fetched | None:
        """What a compile would be given."""
        config, environ = settings(remote_timeout="3"), encoded(self.far.environ)
        spare = self.path / "spare"
        spare.mkdir()
        # The helper is told its patience by the environment.
        environ |= {b"NEFFCACHE_REMOTE_TIMEOUT": b"3", b"NEFFCACHE_CONFIG": b"/dev/null"}
        reader = Reader(self.store, config, environ, self.record, str(spare))
        return reader.fetch(KEY, [remote.parse(self.far.url)])

    def is_whole(self) -> bool:
        """Whether all of it comes, and stands in the store."""
        found = self.run()
        if found is None:
            return False
        found.close()
        assert Path(self.store.entry_path(KEY)).read_bytes() == self.made.tar
        return True

    def noted(self) -> str:
        """Nothing came: nothing is left of it, and this is why."""
        assert self.run() is None
        places = (self.path / "spare", *(Path(self.store.path, one) for one in ("tmp", "entries")))
        assert [one for place in places for one in place.rglob("*") if one.is_file()] == []
        assert leaks(self.path, self.far) == []
        (note,) = self.record.notes
        assert isinstance(note, list)
        assert str(note[1]).startswith(self.far.shown)
        return str(note[0])


@pytest.fixture
def download(tmp_path: Path, far: Far) -> Download:
    return Download(tmp_path, far)


def test_parts_that_break_off_are_gone_on_with(download: Download) -> None:
    download.far.fault("bundle", times=3, cut=3 << 20)
    assert download.is_whole()


def test_parts_that_break_off_again_and_again_end_it(download: Download) -> None:
    download.far.fault("bundle", cut=0)
    assert download.noted() == "remote_failed"


@pytest.mark.parametrize("skip", [0, 2])
def test_a_part_with_a_wrong_byte(download: Download, skip: int) -> None:
    if download.far.is_registry and skip:
        skip = 0  # it comes in one stream
    download.far.fault("bundle", times=1, skip=skip, flip=5 << 20)
    assert download.noted() == "remote_damaged"


def test_a_part_that_stays_out(download: Download) -> None:
    """While the others come, and nothing more behind them."""
    if download.far.is_registry:  # which gets it in one stream, and asks for the rest of that
        download.far.fault("bundle", times=1, cut=1 << 20, silence=True)
        download.far.fault("bundle", cut=0, silence=True)
    download.far.fault("bundle", skip=2, cut=1 << 20, silence=True)
    assert download.noted() == "remote_failed"


def _replaced(far: Far) -> None:
    (name,) = (one for one in far.server.names(far.bucket) if one.endswith(".tar"))
    far.server.write(far.bucket, name, os.urandom(SIZE))


def _removed(far: Far) -> None:
    far.lose_bundle()


@pytest.mark.parametrize("far", ["s3", "az"], indirect=True)
@pytest.mark.parametrize("what", [_replaced, _removed])
def test_an_object_that_changes_between_its_parts(
    download: Download, what: Callable[[Far], Any]
) -> None:
    download.far.fault("bundle", times=1, skip=2, before=lambda: what(download.far))
    assert download.noted() in ("remote_failed", "remote_damaged")
