"""Reading remotes: in order, each failure told and cheap, and a hit kept when it can be."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import hung
import mounts
from entries import key_of, make_store, neff, publish, settings
from neffcache import journal, processes, remote
from neffcache.cache import Reader, bundles, helper
from neffcache.options import Config
from neffcache.store.local import Store
from running import working_for
from waiting import until

KEY, OTHER = key_of("a"), key_of("b")
DATA = b"neff" * 1000
QUICK = settings(remote_timeout="20")


class Asked:
    """A reader with what it leaves behind."""

    def __init__(
        self,
        store: Store | None,
        tmp_path: Path,
        config: Config = QUICK,
        environ: dict[bytes, bytes] | None = None,
    ) -> None:
        self.record = journal.Record()
        self.spare = tmp_path / "spare"
        self.spare.mkdir(exist_ok=True)
        self.reader = Reader(store, config, environ or {}, self.record, str(self.spare))

    def fetch(self, *urls: str, key: str = KEY) -> bytes | None:
        """The NEFF of a key, or None."""
        found = self.reader.fetch(key, remote.specs(urls))
        if found is None:
            return None
        try:
            return neff(found.bundle)
        finally:
            found.close()

    @property
    def notes(self) -> list[str]:
        """The ids of the notes."""
        return [str(note[0]) for note in self.record.notes if isinstance(note, list)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


@pytest.fixture
def url(tmp_path: Path) -> str:
    publish(tmp_path / "remote", KEY, DATA)
    return f"file://{tmp_path}/remote"


def leftovers(*places: Path | str) -> list[Path]:
    return [path for place in places for path in Path(place).rglob(".neffcache*")]


def test_a_hit_is_served_and_kept(store: Store, url: str, tmp_path: Path) -> None:
    asked = Asked(store, tmp_path)
    assert asked.fetch(url) == DATA
    assert asked.notes == []
    bundle = store.get(KEY)
    assert bundle is not None
    assert neff(bundle) == DATA
    bundle.close()
    assert not leftovers(store.path, asked.spare)
    assert processes.reap_abandoned() == 0


def test_an_absent_key_is_noted(store: Store, url: str, tmp_path: Path) -> None:
    asked = Asked(store, tmp_path)
    assert asked.fetch(url, key=OTHER) is None
    assert asked.record.notes == [["remote_absent", url]]
    assert not leftovers(store.path, asked.spare)


def test_remotes_are_asked_in_order(url: str, tmp_path: Path) -> None:
    publish(tmp_path / "second", KEY, b"of the second")
    second = f"file://{tmp_path}/second"
    assert Asked(None, tmp_path).fetch(second, url) == b"of the second"
    asked = Asked(None, tmp_path)
    assert asked.fetch(f"file://{tmp_path}/empty", f"{second}?mode=wo", url) == DATA
    assert asked.notes == ["remote_absent"]


def test_every_failure_is_passed_over(store: Store, url: str, tmp_path: Path) -> None:
    publish(tmp_path / "bad", KEY, DATA)
    next((tmp_path / "bad").rglob("*.tar")).write_bytes(b"")
    asked = Asked(store, tmp_path)
    down, bad = f"file://{tmp_path}/not-mounted/x", f"file://{tmp_path}/bad"
    assert asked.fetch(down, bad, f"{url}x?credential=env:TOK", url) == DATA
    assert asked.notes == ["remote_failed", "remote_damaged", "remote_failed"]
    assert len(asked.reader.outages) == 1
    assert asked.reader.outages[0].startswith(f"remote {down} failed (")
    assert asked.reader.outages[0].endswith("): not asked for 30 s")


def test_a_failed_remote_is_not_asked_again(store: Store, url: str, tmp_path: Path) -> None:
    down = f"file://{tmp_path}/not-mounted/x"
    Asked(store, tmp_path).fetch(down)
    (tmp_path / "not-mounted").mkdir()
    again = Asked(store, tmp_path)
    assert again.fetch(down, url) == DATA
    assert again.record.notes == [["remote_skipped", down]]
    assert again.reader.outages == []


def test_a_missing_credential_closes_no_remote_for_others(
    store: Store, url: str, tmp_path: Path
) -> None:
    guarded = f"{url}?credential=env:TOK"
    without = Asked(store, tmp_path)
    assert without.fetch(guarded) is None
    assert without.reader.outages == []
    assert Asked(store, tmp_path, environ={b"TOK": b"x"}).fetch(guarded) == DATA


def test_an_outage_for_one_secret_is_none_for_another(store: Store, tmp_path: Path) -> None:
    down = f"file://{tmp_path}/not-mounted/x?credential=env:TOK"
    Asked(store, tmp_path, environ={b"TOK": b"1"}).fetch(down)
    for token, note in ((b"1", "remote_skipped"), (b"2", "remote_failed")):
        asked = Asked(store, tmp_path, environ={b"TOK": token})
        asked.fetch(down)
        assert asked.notes == [note]


def test_an_outage_for_a_session_that_ended_is_none_for_the_next(
    store: Store, tmp_path: Path
) -> None:
    bucket = "s3://acme?endpoint=http://127.0.0.1:1"
    keys = {b"AWS_ACCESS_KEY_ID": b"ASIA1", b"AWS_SECRET_ACCESS_KEY": b"x"}
    notes = []
    for token in (b"1", b"1", b"2"):
        asked = Asked(store, tmp_path, environ={**keys, b"AWS_SESSION_TOKEN": token})
        asked.fetch(bucket)
        notes += asked.notes
    assert notes == ["remote_failed", "remote_skipped", "remote_failed"]


def test_readonly_keeps_nothing(store: Store, url: str, tmp_path: Path) -> None:
    asked = Asked(store, tmp_path, settings(readonly="1", remote_timeout="20"))
    assert asked.fetch(url) == DATA
    assert store.get(KEY) is None
    assert not leftovers(store.path, asked.spare)


@pytest.mark.parametrize("most", ["1", "100"])
def test_what_is_too_large_for_the_store_is_served(
    store: Store, url: str, tmp_path: Path, most: str
) -> None:
    asked = Asked(store, tmp_path, settings(max_size=most, remote_timeout="20"))
    assert asked.fetch(url) == DATA
    assert store.get(KEY) is None
    assert not leftovers(store.path, asked.spare)


@pytest.mark.parametrize("kind", ["none", "unwritable", "full"])
def test_a_store_that_cannot_take_it_is_no_obstacle(url: str, tmp_path: Path, kind: str) -> None:
    store = None
    if kind == "unwritable":  # below a file: not even root can write there
        (tmp_path / "file").write_text("")
        store = Store(str(tmp_path / "file" / "store"))
    elif kind == "full":  # every write ends in ENOSPC
        store = make_store(tmp_path / "store")
        (tmp_path / "store" / "entries").symlink_to("/dev/full")
    asked = Asked(store, tmp_path)
    assert asked.fetch(url) == DATA
    assert asked.notes == []
    assert not leftovers(asked.spare)


def test_no_place_at_all_is_not_the_remotes_fault(url: str, tmp_path: Path) -> None:
    asked = Asked(None, tmp_path)
    asked.spare.rmdir()
    assert asked.fetch(url) is None
    assert asked.notes == ["remote_failed"]
    assert asked.reader.outages == []


def test_a_disk_that_fills_up_during_the_download(url: str, tmp_path: Path) -> None:
    publish(tmp_path / "remote", OTHER, os.urandom(2 << 20))
    with mounts.of_size(tmp_path / "disk", "1m"):
        tiny = make_store(tmp_path / "disk" / "store")
        asked = Asked(tiny, tmp_path)
        found = asked.fetch(url, key=OTHER)
        assert found is not None
        assert len(found) == 2 << 20
        assert asked.notes == []
        assert not leftovers(tiny.path, asked.spare)


def test_a_stopped_helper_is_silence(store: Store, url: str, tmp_path: Path) -> None:
    asked = Asked(store, tmp_path, settings(remote_timeout="3"))
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(asked.fetch, url)
        until(lambda: working_for(store.path, helper.NAME) or future.done())
        for pid in working_for(store.path, helper.NAME):
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                pytest.skip(reason="the helper was quicker than the test")
        answer = future.result(60)
    if answer is None:
        assert asked.record.notes == [["remote_failed", f"{url}: silent for 3 s"]]
    until(lambda: not working_for(store.path, helper.NAME))
    assert not leftovers(store.path, asked.spare)


def test_a_killed_helper_is_a_failure(
    store: Store, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = [sys.executable, "-c", "import os;os.kill(os.getpid(),9)"]
    monkeypatch.setattr(processes, "python", lambda *_words: killed)
    asked = Asked(store, tmp_path)
    assert asked.fetch(url) is None
    assert asked.record.notes == [["remote_failed", f"{url}: its helper process died"]]
    assert not leftovers(store.path, asked.spare)


def test_two_levels_one_of_which_hangs(store: Store, url: str, tmp_path: Path) -> None:
    problem = hung.why_not()
    if problem:
        pytest.skip(reason=f"no mount that hangs: {problem}")
    at = tmp_path / "hung"
    at.mkdir()
    with hung.mount(at):
        asked = Asked(store, tmp_path, settings(remote_timeout="1"))
        assert asked.fetch(f"file://{at}/x", url) == DATA
        assert asked.notes == ["remote_failed"]
        assert not leftovers(store.path, asked.spare)
    until(lambda: processes.reap_abandoned() == 0)


def test_no_secret_is_in_the_helpers_command_line(
    store: Store, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = processes.Helper

    def spy(argv: list[str], environ: dict[bytes, bytes]) -> processes.Helper:
        seen.extend(argv)
        return real(argv, environ)

    monkeypatch.setattr(processes, "Helper", spy)
    asked = Asked(store, tmp_path, environ={b"TOK": b"hunter2"})
    assert asked.fetch(f"{url}?credential=env:TOK") == DATA
    assert seen
    assert not any("hunter2" in word for word in seen)


def test_a_hostile_size_is_not_downloaded(store: Store, url: str, tmp_path: Path) -> None:
    record = tmp_path / "remote" / bundles.record_name(KEY)
    with open(record, "r+b") as file:
        file.truncate(1 << 34)
    asked = Asked(store, tmp_path)
    assert asked.fetch(url) is None
    assert asked.notes == ["remote_damaged"]
