"""A native entry that cannot be had: the remote, the helper or the disk fails, and only that."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import mounts
from hub.peer import Peer
from hubs import REPO
from natives import ENTRY, contents, write
from neffcache import processes, targets
from neffcache.cache import native_asking, native_helper, prober
from neffcache.native import names
from running import kill, working_for
from unit import makers
from unit.asked import HEAD, HUB, LOCK, Asking, put, replace_helper
from waiting import until


@pytest.fixture
def asking(tmp_path: Path, hub: Peer, monkeypatch: pytest.MonkeyPatch) -> Asking:
    """A repository of the host's own; the public one is not asked unless a test says so."""
    hub.create(REPO)
    monkeypatch.setattr(targets, "PUBLIC", REPO)
    return Asking(tmp_path, hub)


@pytest.fixture
def no_prober(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prober, "start", lambda *_arguments: None)


@pytest.mark.usefixtures("no_prober")
def test_a_remote_that_vanishes_midway_plants_nothing(asking: Asking) -> None:
    put(asking.hub)
    asking.hub.fault(names.NEFF, times=None, reset=True)
    assert asking().word == "failed"
    assert asking.ids == ["remote_failed"]
    assert asking.planted() == {}
    assert os.listdir(asking.root / names.version_of(ENTRY)) == [ENTRY.partition("/")[2]]


@pytest.mark.usefixtures("no_prober")
def test_a_file_that_breaks_off_for_good_plants_nothing(asking: Asking) -> None:
    put(asking.hub)
    asking.hub.fault(".", server="cdn", times=None, truncate=100)
    assert asking().word in ("failed", "damaged")
    assert asking.planted() == {}


@pytest.mark.usefixtures("no_prober")
def test_a_remote_that_fails_is_given_up_and_the_next_one_asked(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "PUBLIC", "acme/everybody")
    asking.hub.create("acme/everybody", private=False)
    put(asking.hub, repo="acme/everybody")
    asking.hub.fault("alice/cache", times=None, status=503)
    assert asking().url == "hf://acme/everybody"
    (note,) = asking.notes
    assert note[0] == "remote_failed"


@pytest.mark.usefixtures("no_prober")
def test_a_hub_that_is_silent_is_waited_for_once_whatever_it_is_asked_for(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "PUBLIC", "acme/everybody")
    asking.hub.create("acme/everybody", private=False)
    asking.hub.fault(".", times=None, silence=True)
    asking.settings["remote_timeout"] = "2"
    assert asking().word == "failed"
    assert asking.notes == [
        ["remote_failed", f"{HUB}: silent for 2 s"],
        ["remote_failed", "hf://acme/everybody: silent for 2 s"],
    ]
    asked = [row.path for row in asking.hub.requests()]
    assert not [path for path in asked if "acme/everybody" in path]


@pytest.mark.usefixtures("no_prober")
def test_a_helper_that_hangs_is_killed_at_the_deadline(
    asking: Asking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_helper(monkeypatch, tmp_path, "import signal\nsignal.sigwait([signal.SIGUSR1])\n")
    asking.settings["remote_timeout"] = "2"
    assert asking().word == "failed"
    assert asking.notes == [["remote_failed", f"{HUB}: silent for 2 s"]]
    assert processes.reap_abandoned() == 0
    assert asking().word == ""
    assert asking.notes[1:] == [["remote_skipped", HUB]]


def test_a_helper_that_is_busy_for_ever_is_given_up(
    asking: Asking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_helper(monkeypatch, tmp_path, "while True: print('busy', flush=True)\n")
    monkeypatch.setattr(native_asking, "MOST", 0.3)
    assert asking().word == "slow"
    assert asking.ids == ["remote_slow"]
    assert processes.reap_abandoned() == 0


def test_a_helper_that_has_answered_is_not_ended_by_a_signal(
    asking: Asking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A job that reaps all children itself would take it for a crash.
    start = "import time\nfrom neffcache import processes\nprocesses.become_helper('x')\n"
    end = "print('absent', flush=True)\ntime.sleep(0.05)\nopen(__file__ + '.ended', 'w')\n"
    replace_helper(monkeypatch, tmp_path, HEAD + start + end)
    assert asking().word == "absent"
    assert list(tmp_path.glob("*.ended"))


@pytest.mark.usefixtures("no_prober")
def test_a_killed_helper_is_a_failure(asking: Asking) -> None:
    put(asking.hub)
    asking.hub.fault(names.NEFF, times=None, silence=True)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(asking)
        until(lambda: working_for(asking.root, native_helper.NAME))
        for pid in working_for(asking.root, native_helper.NAME):
            kill(pid)
        assert future.result().word == "failed"
    assert asking.notes == [["remote_failed", f"{HUB}: its helper process died"]]
    assert asking.planted() == {}


def test_a_download_that_is_not_worth_waiting_for_is_given_up(
    asking: Asking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(asking.hub, contents(model__neff=makers.neff(content=os.urandom(1 << 20))))
    asking.hub.fault(".", server="cdn", rate=50_000, times=None)
    start = "from neffcache.cache import native_helper\nnative_helper.WORTH = 1.0\n"
    end = "native_helper.main(sys.argv[1:])\n"
    replace_helper(monkeypatch, tmp_path, HEAD + start + end)
    assert asking().word == "slow"
    assert asking.ids == ["remote_slow"]
    assert asking.planted() == {}


def test_offline_nothing_is_asked(asking: Asking) -> None:
    asking.more["HF_HUB_OFFLINE"] = "1"
    assert asking().word == ""
    assert asking.notes == [["remote_offline", HUB]]
    assert asking.hub.requests() == []


def test_a_full_disk_is_no_outage(asking: Asking, tmp_path: Path) -> None:
    put(asking.hub, contents(model__neff=makers.neff(content=os.urandom(2 << 20))))
    asking.root = tmp_path / "disk"
    with mounts.of_size(asking.root, "1m"):
        found = asking()
        assert (found.word, found.outages) == ("local", [])
        assert asking.ids == ["native_unwritten"]
        assert asking.planted() == {}


def test_a_root_that_became_read_only_is_no_outage(asking: Asking) -> None:
    put(asking.hub)
    held = write(asking.root, ENTRY, LOCK)
    with mounts.read_only(asking.root):
        assert asking(held=held).word == "local"
    assert asking.ids == ["native_unwritten"]


def test_a_directory_that_is_gone_meanwhile_stays_gone(asking: Asking) -> None:
    put(asking.hub)
    assert asking(held=asking.root / ENTRY).word == "local"
    assert asking.ids == ["native_unwritten"]
    assert not (asking.root / ENTRY).exists()
