"""Targets are patched when they are imported, now or later, again or never."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from hooks.toys import GREET, Toys, load
from neffcache_hooks import importing, targets


def test_a_module_imported_later_is_patched(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    assert box.states() == {"toy": "waiting", "toys.deep.one": "waiting", "toys": "waiting"}
    assert load().greet("you") == "hello you!"
    assert box.states()["toy.greet"] == "applied"


def test_a_module_that_is_imported_already_is_patched(box: Toys) -> None:
    box.write("toy")
    toy = load()
    importing.enable()
    assert toy.greet("you") == "hello you!"


def test_enabling_twice_changes_nothing(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    toy, finders = load(), list(sys.meta_path)
    ours = toy.greet
    importing.enable()
    assert sys.meta_path == finders
    assert toy.greet is ours
    assert toy.greet("you") == "hello you!"


def test_disabling_puts_the_original_back_and_removes_the_finder(box: Toys) -> None:
    box.write("toy")
    toy = load()
    original, finders = toy.greet, list(sys.meta_path)
    importing.enable()
    importing.disable()
    assert toy.greet is original
    assert sys.meta_path == finders
    assert not any(hasattr(finder, "neffcache_finder") for finder in finders)
    assert box.states()["toy.greet"] == "reverted"


def test_disabling_leaves_what_somebody_put_around_ours_which_then_does_nothing(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    toy = load()
    ours = toy.greet

    def theirs(name: str) -> str:
        return str(ours(name)).upper()

    toy.greet = theirs
    assert toy.greet("you") == "HELLO YOU!"
    importing.disable()
    assert toy.greet is theirs
    assert toy.greet("you") == "HELLO YOU"
    assert "somebody has replaced it" in box.reasons()["toy.greet"]


def test_what_stayed_beneath_somebody_elses_is_not_applied_twice(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    toy = load()
    ours = toy.greet
    toy.greet = lambda name: str(ours(name)).upper()
    importing.disable()
    importing.enable()
    assert toy.greet("you") == "HELLO YOU!"
    assert box.states()["toy.greet"] == "applied"


def test_after_disabling_it_can_be_enabled_again(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    toy = load()
    importing.disable()
    assert toy.greet("you") == "hello you"
    importing.enable()
    assert toy.greet("you") == "hello you!"


def test_nothing_happens_inside_a_compile(box: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    box.write("toy")
    monkeypatch.setenv("NEFFCACHE_ACTIVE", "1:2")
    finders = list(sys.meta_path)
    importing.enable()
    assert sys.meta_path == finders
    assert load().greet("you") == "hello you"


def test_a_reload_is_patched_again(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    toy = load()
    box.write("toy", GREET.replace("hello", "good evening"))
    assert importlib.reload(toy) is toy
    assert toy.greet("you") == "good evening you!"
    importing.disable()
    assert toy.greet("you") == "good evening you"


def test_a_module_imported_afresh_is_patched_again(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    first = load()
    del sys.modules["toy"]
    second = load()
    assert second is not first
    assert second.greet("you") == "hello you!"


def test_enabling_again_finds_a_module_that_was_put_there_without_us(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    load()
    importing.disable()
    del sys.modules["toy"]
    fresh = load()
    importing.enable()
    assert fresh.greet("you") == "hello you!"


def test_every_module_of_a_package_is_patched(box: Toys) -> None:
    box.write("toys.one")
    box.write("toys.deep.one")
    box.write("toys.deep.two")
    load("toys.one")
    importing.enable()
    assert load("toys.deep.two").greet("you") == "hello you!"
    assert sys.modules["toys.one"].greet("you") == "hello you!"
    # A target by both ways is patched once.
    assert load("toys.deep.one").greet("you") == "hello you!"


def test_other_modules_are_not_looked_at(box: Toys) -> None:
    box.write("toybox")
    importing.enable()
    finder: Any = sys.meta_path[0]
    assert finder.find_spec("toybox") is None
    assert finder.find_spec("toysmith.toys") is None
    assert load("toybox").greet("you") == "hello you"
    del sys.modules["toybox"]


def test_another_shape_stands_aside_with_a_reason(
    box: Toys, caplog: pytest.LogCaptureFixture
) -> None:
    box.write("toy", "def greet(person):\n    return person\n")
    importing.enable()
    assert load().greet("you") == "you"
    reason = "its parameters are (person), not (name, ...)"
    assert (box.states()["toy.greet"], box.reasons()["toy.greet"]) == ("stands aside", reason)
    assert caplog.messages == [f"neffcache hooks: toy.greet: stands aside: {reason}"]


def test_a_reason_is_logged_once(box: Toys, caplog: pytest.LogCaptureFixture) -> None:
    box.write("toy", "def greet(person):\n    return person\n")
    importing.enable()
    toy = load()
    importing.enable()
    importlib.reload(toy)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    "room", ["raise ValueError('hidden')", "x = (", "def patches(module):\n    raise KeyError(1)\n"]
)
def test_a_broken_room_breaks_no_import(
    box: Toys, room: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NEFFCACHE_STRICT")
    box.write("toyroom", room)
    box.write("toy")
    importing.enable()
    assert load().greet("you") == "hello you"
    assert len(caplog.messages) == 1
    assert "hidden" not in caplog.text
    assert box.states()["toyroom"] == "stands aside"
    assert "1 faults, the first: " in box.reasons()["toyroom"]


def test_a_missing_room_breaks_no_import(box: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "MODULES", {"toy": "toyroom_missing"})
    box.write("toy")
    importing.enable()
    assert load().greet("you") == "hello you"
    assert box.states()["toyroom_missing"] == "stands aside"


def test_a_module_in_the_middle_of_its_import_is_left_to_the_next_enable(
    box: Toys, caplog: pytest.LogCaptureFixture
) -> None:
    text = "import neffcache_hooks\nneffcache_hooks.enable()\n"
    box.write("toys.one", f"{text}{GREET}")
    load("toys.one")
    assert not any(message for message in caplog.messages if "toys.one" in message)
    importing.enable()
    assert sys.modules["toys.one"].greet("you") == "hello you!"


def test_no_room_is_loaded_before_its_target(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    assert "toyroom" not in sys.modules
    load()
    assert "toyroom" in sys.modules
