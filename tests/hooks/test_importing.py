"""Targets are patched when they are imported, in whichever way, and nothing else changes."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import pkgutil
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hooks import toys
from hooks.toys import GREET, Toys
from neffcache_hooks import importing, targets


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toys]:
    before = list(sys.meta_path)
    made = toys.lay_out(tmp_path / "box", monkeypatch)
    yield made
    toys.forget()
    assert sys.meta_path == before


def _toy(name: str = "toy") -> Any:
    return importlib.import_module(name)


def test_a_module_imported_later_is_patched(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    assert box.states() == {"toy": "waiting", "toys.deep.one": "waiting", "toys": "waiting"}
    assert _toy().greet("you") == "hello you!"
    assert box.states()["toy.greet"] == "applied"


def test_a_module_that_is_imported_already_is_patched(box: Toys) -> None:
    box.write("toy")
    toy = _toy()
    importing.enable()
    assert toy.greet("you") == "hello you!"


def test_enabling_twice_changes_nothing(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    toy, finders = _toy(), list(sys.meta_path)
    ours = toy.greet
    importing.enable()
    assert sys.meta_path == finders
    assert toy.greet is ours
    assert toy.greet("you") == "hello you!"


def test_disabling_puts_the_original_back_and_removes_the_finder(box: Toys) -> None:
    box.write("toy")
    toy = _toy()
    original, finders = toy.greet, list(sys.meta_path)
    importing.enable()
    importing.disable()
    assert toy.greet is original
    assert sys.meta_path == finders
    assert box.states()["toy.greet"] == "reverted"


def test_disabling_leaves_what_somebody_put_around_ours_which_then_does_nothing(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    toy = _toy()
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
    toy = _toy()
    ours = toy.greet
    toy.greet = lambda name: str(ours(name)).upper()
    importing.disable()
    importing.enable()
    assert toy.greet("you") == "HELLO YOU!"
    assert box.states()["toy.greet"] == "applied"


def test_after_disabling_it_can_be_enabled_again(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    toy = _toy()
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
    assert _toy().greet("you") == "hello you"


def test_a_reload_is_patched_again(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    toy = _toy()
    box.write("toy", GREET.replace("hello", "good evening"))
    assert importlib.reload(toy) is toy
    assert toy.greet("you") == "good evening you!"
    importing.disable()
    assert toy.greet("you") == "good evening you"


def test_a_module_imported_afresh_is_patched_again(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    first = _toy()
    del sys.modules["toy"]
    second = _toy()
    assert second is not first
    assert second.greet("you") == "hello you!"


def test_enabling_again_finds_a_module_that_was_put_there_without_us(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    _toy()
    importing.disable()
    del sys.modules["toy"]
    fresh = _toy()
    importing.enable()
    assert fresh.greet("you") == "hello you!"


def test_every_module_of_a_package_is_patched(box: Toys) -> None:
    box.write("toys.one")
    box.write("toys.deep.one")
    box.write("toys.deep.two")
    _toy("toys.one")
    importing.enable()
    assert _toy("toys.deep.two").greet("you") == "hello you!"
    assert sys.modules["toys.one"].greet("you") == "hello you!"
    # A target by both ways is patched once.
    assert _toy("toys.deep.one").greet("you") == "hello you!"


def test_other_modules_are_not_looked_at(box: Toys) -> None:
    box.write("toybox")
    importing.enable()
    finder: Any = sys.meta_path[0]
    assert finder.find_spec("toybox") is None
    assert finder.find_spec("toysmith.toys") is None
    assert _toy("toybox").greet("you") == "hello you"
    del sys.modules["toybox"]


def _traits(module: Any) -> list[object]:
    spec = module.__spec__
    return [
        type(spec), spec.name, spec.origin, spec.cached, spec.parent, spec.has_location,
        type(spec.loader), spec.loader is module.__loader__, module.__file__, module.__package__,
        getattr(module, "__path__", None), module.__name__,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["toy", "toys", "toys.one"])
def test_a_patched_module_looks_as_without_us(box: Toys, name: str) -> None:
    box.write("toy")
    box.write("toys.one")
    plain = _traits(_toy(name))
    toys.forget()
    importing.enable()
    module = _toy(name)
    assert _traits(module) == plain
    assert type(module.__loader__) is importlib.machinery.SourceFileLoader


def test_while_it_runs_a_module_sees_its_own_loader(box: Toys) -> None:
    box.write("toy", f"seen = (__loader__, __spec__.loader)\n{GREET}")
    importing.enable()
    kind = importlib.machinery.SourceFileLoader
    assert [type(one) for one in _toy().seen] == [kind, kind]


def test_asking_for_a_spec_imports_nothing_and_shows_the_real_loader(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    spec = importlib.util.find_spec("toy")
    assert spec is not None
    loader: Any = spec.loader
    assert isinstance(loader, importlib.machinery.SourceFileLoader)
    assert loader.get_source("toy") == GREET
    assert loader.path == spec.origin
    assert "toy" not in sys.modules
    assert importlib.util.find_spec("toys") is None


def test_a_spec_that_was_asked_for_can_be_run_by_hand(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    spec = importlib.util.find_spec("toy")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.greet("you") == "hello you!"


def test_a_lazy_loader_is_patched_when_it_loads(box: Toys) -> None:
    box.write("toy", f"import toyroom\ntoyroom.ran = True\n{GREET}")
    importing.enable()
    spec = importlib.util.find_spec("toy")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules["toy"] = module
    spec.loader.exec_module(module)
    assert "toyroom" not in sys.modules
    assert module.greet("you") == "hello you!"


def test_submodules_that_a_package_loads_lazily_are_patched(box: Toys) -> None:
    box.write("toys.deep.one")
    text = (
        "import importlib\ndef __getattr__(name):\n"
        "    return importlib.import_module(f'{__name__}.{name}')\n"
    )
    (box.path / "toys" / "deep" / "__init__.py").write_text(text)
    importing.enable()
    assert _toy("toys.deep").one.greet("you") == "hello you!"


def test_a_module_that_puts_another_in_its_place_has_that_one_patched(box: Toys) -> None:
    text = "import sys, types\nmade = types.ModuleType('toy')\nmade.greet = greet\n"
    box.write("toy", f"{GREET}{text}sys.modules['toy'] = made\n")
    importing.enable()
    assert _toy().greet("you") == "hello you!"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("raise OSError(5, 'x')", OSError),
        ("x = (", SyntaxError),
        ("raise SystemExit(3)", SystemExit),
        ("import nothing_of_the_kind", ModuleNotFoundError),
    ],
)
def test_a_failing_import_fails_as_without_us(
    box: Toys, text: str, kind: type[BaseException]
) -> None:
    box.write("toy", text)
    with pytest.raises(kind) as without:
        _toy()
    importing.enable()
    with pytest.raises(kind) as found:
        _toy()
    assert type(found.value) is type(without.value)
    assert found.value.args == without.value.args
    assert "toy" not in sys.modules
    box.write("toy")
    importlib.invalidate_caches()
    assert _toy().greet("you") == "hello you!"


@pytest.mark.usefixtures("box")
def test_a_missing_module_is_missing_as_without_us() -> None:
    importing.enable()
    with pytest.raises(ModuleNotFoundError) as found:
        _toy("toys.nothing")
    assert (found.value.name, str(found.value)) == ("toys", "No module named 'toys'")


def test_a_module_in_an_archive_is_patched(box: Toys) -> None:
    with zipfile.ZipFile(box.path / "toys.zip", "w") as archive:
        archive.writestr("toy.py", GREET)
    sys.path.insert(0, str(box.path / "toys.zip"))
    importing.enable()
    assert _toy().greet("you") == "hello you!"
    assert type(sys.modules["toy"].__loader__).__name__ == "zipimporter"


def test_a_namespace_package_is_left_as_it_is(box: Toys) -> None:
    (box.path / "toys").mkdir()
    (box.path / "toys" / "one.py").write_text(GREET)
    importing.enable()
    assert _toy("toys.one").greet("you") == "hello you!"
    assert type(sys.modules["toys"].__path__).__name__ == "_NamespacePath"


def test_package_data_is_read_as_without_us(box: Toys) -> None:
    box.write("toys.one")
    (box.path / "toys" / "data").write_text("x")
    importing.enable()
    assert pkgutil.get_data("toys", "data") == b"x"


class _Asker:
    """A finder that asks all others, as some tracing tools do."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        for finder in sys.meta_path:
            if finder is not self:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


@pytest.mark.parametrize("place", [0, 1])
def test_a_finder_that_asks_all_others_ends(box: Toys, place: int) -> None:
    box.write("toy")
    importing.enable()
    asker: Any = _Asker()
    sys.meta_path.insert(place, asker)
    try:
        assert _toy().greet("you") == "hello you!"
        assert type(sys.modules["toy"].__loader__) is importlib.machinery.SourceFileLoader
    finally:
        sys.meta_path.remove(asker)


def test_another_shape_stands_aside_with_a_reason(
    box: Toys, caplog: pytest.LogCaptureFixture
) -> None:
    box.write("toy", "def greet(person):\n    return person\n")
    importing.enable()
    assert _toy().greet("you") == "you"
    reason = "its parameters are (person), not (name, ...)"
    assert (box.states()["toy.greet"], box.reasons()["toy.greet"]) == ("stands aside", reason)
    assert caplog.messages == [f"neffcache hooks: toy.greet: stands aside: {reason}"]


def test_a_reason_is_logged_once(box: Toys, caplog: pytest.LogCaptureFixture) -> None:
    box.write("toy", "def greet(person):\n    return person\n")
    importing.enable()
    toy = _toy()
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
    assert _toy().greet("you") == "hello you"
    assert len(caplog.messages) == 1
    assert "hidden" not in caplog.text
    assert box.states()["toyroom"] == "stands aside"
    assert "1 faults, the first: " in box.reasons()["toyroom"]


def test_a_missing_room_breaks_no_import(box: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "MODULES", {"toy": "toyroom_missing"})
    box.write("toy")
    importing.enable()
    assert _toy().greet("you") == "hello you"
    assert box.states()["toyroom_missing"] == "stands aside"


def test_threads_that_import_at_once_get_one_patched_module(box: Toys) -> None:
    box.write("toy", f"import time\n{GREET}" + "x = sum(range(100000))\n")
    importing.enable()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(_toy().greet("you"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["hello you!"] * 8


def test_a_module_in_the_middle_of_its_import_is_left_to_the_next_enable(box: Toys) -> None:
    text = "import neffcache_hooks\nneffcache_hooks.enable()\n"
    box.write("toys.one", f"{text}{GREET}")
    _toy("toys.one")
    importing.enable()
    assert sys.modules["toys.one"].greet("you") == "hello you!"


def test_no_room_is_loaded_before_its_target(box: Toys) -> None:
    box.write("toy")
    importing.enable()
    assert "toyroom" not in sys.modules
    _toy()
    assert "toyroom" in sys.modules
