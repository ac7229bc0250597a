"""One native entry for a directory whose lock is held: asked for, checked, planted, noted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from entries import settings
from graphs import zoo
from hub.peer import Peer
from hubs import REPO, url, variables
from natives import ENTRY, OTHER, contents, tree, write
from neffcache import processes, targets
from neffcache.cache import native_asking
from neffcache.cache.native_asking import Place
from neffcache.native import names
from unit import makers
from unit.asked import HUB, LOCK, Asking, put

NKI = zoo.graph("neuron_torch")


@pytest.fixture
def asking(tmp_path: Path, hub: Peer, monkeypatch: pytest.MonkeyPatch) -> Asking:
    """A repository of the host's own; the public one is not asked unless a test says so."""
    hub.create(REPO)
    monkeypatch.setattr(targets, "PUBLIC", REPO)
    return Asking(tmp_path, hub)


def test_an_entry_that_a_remote_has_is_planted_and_journalled(asking: Asking) -> None:
    put(asking.hub)
    found = asking()
    assert found.found
    assert asking.planted() == contents()
    (line,) = asking.lines
    assert (line["outcome"], line["door"], line["entry"]) == ("hit_native", "hook", ENTRY)
    assert (line["remote"], line["bytes"]) == (HUB, len(makers.neff()))
    assert "notes" not in line
    assert "saved_seconds" not in line


def test_a_hit_leaves_no_process_and_nothing_half_done(asking: Asking) -> None:
    put(asking.hub)
    asking()
    assert processes.reap_abandoned() == 0
    assert os.listdir(asking.root / names.version_of(ENTRY)) == [ENTRY.partition("/")[2]]


def test_what_is_absent_is_one_request_noted_and_leaves_nothing(asking: Asking) -> None:
    found = asking()
    assert (found.word, found.found) == ("absent", False)
    (line,) = asking.lines
    assert (line["outcome"], line["notes"]) == ("", [["native_absent", HUB]])
    assert len(asking.hub.requests()) == 1
    assert asking.planted() == {}
    assert os.listdir(asking.root / names.version_of(ENTRY)) == [ENTRY.partition("/")[2]]


def test_what_is_absent_is_not_asked_for_again(asking: Asking) -> None:
    asking()
    assert asking().word == ""
    assert asking.notes[1] == ["native_absent", f"{HUB}: said so a moment ago"]
    assert len(asking.hub.requests()) == 1
    put(asking.hub, entry=OTHER)
    assert asking(OTHER).found


def test_the_public_repository_is_asked_last(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "PUBLIC", "acme/everybody")
    asking.hub.create("acme/everybody", private=False)
    put(asking.hub, repo="acme/everybody")
    assert asking().url == "hf://acme/everybody"
    assert asking.ids == ["native_absent"]


def test_a_remote_of_bundles_alone_is_not_asked(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(asking.hub)
    asking.settings["remotes"] = ""
    monkeypatch.setattr(native_asking, "_ask", lambda *_words: pytest.fail("asked"))
    config = settings(remotes=url(asking.hub) + "&layout=bundle")
    monkeypatch.setattr(targets, "repository", lambda *_words: targets.specs(config, {})[0])
    place = Place(str(asking.root), ENTRY, "")
    assert native_asking.ask(asking.store, config, variables(), place).word == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model__hlo_module__pb": NKI}, "AwsNeuronCustomNativeKernel"),
        ({"model__hlo_module__pb": None}, "it is not in the repository"),
        ({"model__neff": None, "model__log": b"x"}, "failed"),
    ],
)
def test_an_entry_that_may_not_be_believed_is_left_there(
    asking: Asking, changes: dict[str, bytes | None], why: str
) -> None:
    put(asking.hub, contents(**changes))
    assert not asking().found
    (note,) = asking.notes
    assert (note[0], why in note[1]) == ("native_refused", True)
    assert asking.planted() == {}


def test_a_repository_that_the_user_trusts_is_believed(asking: Asking) -> None:
    put(asking.hub, contents(model__hlo_module__pb=NKI))
    asking.settings["hub_trusted"] = REPO
    assert asking().found


def test_a_remote_that_lies_about_the_bytes_plants_nothing(asking: Asking) -> None:
    put(asking.hub)
    asking.hub.corrupt(REPO, f"{ENTRY}/{names.NEFF}")
    assert asking().word == "damaged"
    assert asking.ids == ["remote_damaged"]
    assert asking.planted() == {}


def test_a_neff_that_is_not_complete_plants_nothing(asking: Asking) -> None:
    put(asking.hub, contents(model__neff=makers.neff()[:-30]))
    assert asking().word == "damaged"
    assert asking.planted() == {}


def test_a_remote_that_refuses_is_an_outage_told_once(asking: Asking) -> None:
    asking.token = "hf_bob_write"
    first = asking()
    assert "the token may not see it" in str(first.outages)
    again = asking()
    assert again.outages == []
    assert asking.ids == ["remote_failed", "remote_skipped"]


def test_a_result_that_is_there_by_now_stays(asking: Asking) -> None:
    put(asking.hub)
    mine = {**LOCK, names.NEFF: b"of a compile"}
    assert asking(held=write(asking.root, ENTRY, mine)).word == "stands"
    assert asking.planted() == {names.NEFF: b"of a compile"}


def test_without_a_store_a_hit_is_a_hit(asking: Asking) -> None:
    put(asking.hub)
    directory = write(asking.root, ENTRY, LOCK)
    config = settings(remotes=url(asking.hub), remote_timeout="20")
    environ = variables(HF_ENDPOINT=asking.hub.url, **asking.more)
    place = Place(str(asking.root), ENTRY, str(directory))
    assert native_asking.ask(None, config, environ, place).found


def test_a_name_that_is_none_of_an_entry_is_never_a_path(asking: Asking) -> None:
    asking.root.mkdir()
    assert asking("../elsewhere/MODULE_1", held=asking.root).word != "planted"
    assert tree(asking.root) == {}


def test_the_log_file_has_the_line_too_and_both_name_the_job(
    asking: Asking, tmp_path: Path
) -> None:
    asking.settings |= {"log": str(tmp_path / "log"), "job": "night"}
    asking()
    told = json.loads((tmp_path / "log").read_text())
    assert (told["entry"], told["notes"]) == (ENTRY, [["native_absent", HUB]])
    assert asking.lines[0]["job"] == "night"
