"""Reading remotes: a download that its helper gave up is noted, and closes no remote."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from entries import key_of, make_store, settings
from neffcache import journal, processes, remote
from neffcache.cache import Reader


def test_a_slow_download_is_noted_and_the_remote_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = [sys.executable, "-c", "print('slow 40 s more for 3 s of compiling')"]
    monkeypatch.setattr(processes, "python", lambda *_words: slow)
    store = make_store(tmp_path / "store")
    for _ in range(2):
        record = journal.Record()
        reader = Reader(store, settings(remote_timeout="20"), {}, record, str(tmp_path))
        assert reader.fetch(key_of("a"), remote.specs((f"file://{tmp_path}/remote",))) is None
        detail = f"file://{tmp_path}/remote: 40 s more for 3 s of compiling"
        assert record.notes == [["remote_slow", detail]]
        assert reader.outages == []
