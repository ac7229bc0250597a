"""Whichever way a target is imported, it is patched, and nothing else is other than without us."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import pkgutil
import sys
import threading
import zipfile
from typing import Any

import pytest

from hooks import toys
from hooks.toys import GREET, Toys, load
from neffcache_hooks import importing


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
    plain = _traits(load(name))
    toys.forget()
    importing.enable()
    module = load(name)
    assert _traits(module) == plain
    assert type(module.__loader__) is importlib.machinery.SourceFileLoader


def test_while_it_runs_a_module_sees_its_own_loader(box: Toys) -> None:
    box.write("toy", f"seen = (__loader__, __spec__.loader)\n{GREET}")
    importing.enable()
    kind = importlib.machinery.SourceFileLoader
    assert [type(one) for one in load().seen] == [kind, kind]


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
    assert load("toys.deep").one.greet("you") == "hello you!"


def test_a_module_that_puts_another_in_its_place_has_that_one_patched(box: Toys) -> None:
    text = "import sys, types\nmade = types.ModuleType('toy')\nmade.greet = greet\n"
    box.write("toy", f"{GREET}{text}sys.modules['toy'] = made\n")
    importing.enable()
    assert load().greet("you") == "hello you!"


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
        load()
    importing.enable()
    with pytest.raises(kind) as found:
        load()
    assert type(found.value) is type(without.value)
    assert found.value.args == without.value.args
    assert "toy" not in sys.modules
    box.write("toy")
    importlib.invalidate_caches()
    assert load().greet("you") == "hello you!"


@pytest.mark.usefixtures("box")
def test_a_missing_module_is_missing_as_without_us() -> None:
    importing.enable()
    with pytest.raises(ModuleNotFoundError) as found:
        load("toys.nothing")
    assert (found.value.name, str(found.value)) == ("toys", "No module named 'toys'")


def test_a_module_in_an_archive_is_patched(box: Toys) -> None:
    with zipfile.ZipFile(box.path / "toys.zip", "w") as archive:
        archive.writestr("toy.py", GREET)
    sys.path.insert(0, str(box.path / "toys.zip"))
    importing.enable()
    assert load().greet("you") == "hello you!"
    assert type(sys.modules["toy"].__loader__).__name__ == "zipimporter"


def test_a_namespace_package_is_left_as_it_is(box: Toys) -> None:
    (box.path / "toys").mkdir()
    (box.path / "toys" / "one.py").write_text(GREET)
    importing.enable()
    assert load("toys.one").greet("you") == "hello you!"
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
        assert load().greet("you") == "hello you!"
        assert type(sys.modules["toy"].__loader__) is importlib.machinery.SourceFileLoader
    finally:
        sys.meta_path.remove(asker)


def test_threads_that_import_at_once_get_one_patched_module(box: Toys) -> None:
    box.write("toy", f"import time\n{GREET}" + "x = sum(range(100000))\n")
    importing.enable()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(load().greet("you"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["hello you!"] * 8
