"""Patch: one attribute replaced once, checked first, put back only while it is still ours."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from neffcache_hooks.patch import Patch, callable_only, is_ours, signature


def _module(**names: object) -> ModuleType:
    made = ModuleType("toy")
    vars(made).update(names)
    return made


def _louder(original: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(original)
    def ours(*args: Any, **words: Any) -> str:
        return original(*args, **words) + "!"

    return ours


def _greet(name: str, end: str = "") -> str:
    return f"hello {name}{end}"


def _patch(owner: object, expect: Callable[[Any], str] = callable_only) -> Patch:
    return Patch(owner, "greet", _louder, expect, "toy.greet")


def test_the_replacement_stands_in_for_the_original() -> None:
    module = _module(greet=_greet)
    assert _patch(module).apply() == ""
    assert module.greet("you") == "hello you!"


def test_what_is_ours_is_never_wrapped_again() -> None:
    module = _module(greet=_greet)
    one, other = _patch(module), _patch(module)
    assert [one.apply(), one.apply(), other.apply()] == ["", "", ""]
    assert module.greet("you") == "hello you!"


def test_what_somebody_put_around_ours_is_not_wrapped_again() -> None:
    module = _module(greet=_greet)
    _patch(module).apply()
    theirs = _louder(module.greet)
    module.greet = theirs  # type: ignore[attr-defined]  # a module's names are set at run time
    assert _patch(module).apply() == ""
    assert module.greet is theirs


def test_a_fresh_definition_is_replaced_again() -> None:
    module = _module(greet=_greet)
    patch = _patch(module)
    patch.apply()
    module.greet = lambda name: f"bye {name}"  # type: ignore[attr-defined]  # as a reload does
    assert patch.apply() == ""
    assert module.greet("you") == "bye you!"


def test_revert_puts_the_very_original_back() -> None:
    module = _module(greet=_greet)
    patch = _patch(module)
    patch.apply()
    assert patch.revert()
    assert module.greet is _greet
    assert not patch.revert()


def test_revert_leaves_what_somebody_else_put_there() -> None:
    module = _module(greet=_greet)
    patch = _patch(module)
    patch.apply()
    theirs = _louder(module.greet)
    module.greet = theirs  # type: ignore[attr-defined]  # a module's names are set at run time
    assert not patch.revert()
    assert module.greet is theirs


def test_a_name_imported_from_where_it_was_patched_is_put_back_too() -> None:
    source = _module(greet=_greet)
    _patch(source).apply()
    package = _module(greet=source.greet)
    patch = _patch(package)
    assert patch.apply() == ""
    assert patch.revert()
    assert package.greet is _greet


def test_a_function_under_two_names_gets_one_replacement() -> None:
    source, package = _module(greet=_greet), _module(greet=_greet)
    assert [_patch(package).apply(), _patch(source).apply()] == ["", ""]
    assert package.greet is source.greet
    assert source.greet("you") == "hello you!"


def test_after_a_revert_it_can_be_applied_again() -> None:
    module = _module(greet=_greet)
    patch = _patch(module)
    patch.apply()
    patch.revert()
    assert patch.apply() == ""
    assert module.greet("you") == "hello you!"


def test_what_is_not_there_is_left_alone() -> None:
    module = _module()
    assert _patch(module).apply() == "it is not there"
    assert not hasattr(module, "greet")


def test_an_unexpected_original_is_left_alone() -> None:
    module = _module(greet=_greet)
    reason = _patch(module, signature("first", "second")).apply()
    assert reason == "its parameters are (name, end), not (first, second, ...)"
    assert module.greet is _greet


def test_an_inherited_method_is_left_to_its_own_class() -> None:
    class Base:
        def greet(self) -> str:
            return "hello"

    class Heir(Base):
        pass

    assert _patch(Heir).apply() == "it is not there"
    assert _patch(Base).apply() == ""
    assert Heir().greet() == "hello!"


def test_what_cannot_be_set_stands_aside() -> None:
    reason = Patch(int, "bit_length", _louder, callable_only, "int.bit_length").apply()
    assert reason.startswith("it cannot be replaced")


def test_a_static_method_is_put_back_as_one() -> None:
    class Toy:
        @staticmethod
        def greet() -> str:
            return "hello"

    def make(original: Any) -> Any:
        return staticmethod(_louder(original.__func__))

    before = vars(Toy)["greet"]
    patch = Patch(Toy, "greet", make, signature(), "Toy.greet")
    assert patch.apply() == ""
    assert Toy.greet() == "hello!"
    assert patch.revert()
    assert vars(Toy)["greet"] is before


@pytest.mark.parametrize(
    ("names", "found"),
    [(("name",), True), (("name", "end"), True), (("end",), False), (("name", "end", "x"), False)],
)
def test_a_signature_is_its_leading_parameters(names: tuple[str, ...], found: bool) -> None:
    assert (signature(*names)(_greet) == "") is found
    assert (signature(*names)(_louder(_greet)) == "") is found  # decorated by somebody


def test_what_is_written_in_c_has_no_signature() -> None:
    assert signature()(len) == "it is a builtin_function_or_method, not a Python function"


def test_only_replacements_and_what_wraps_them_are_ours() -> None:
    module = _module(greet=_greet)
    _patch(module).apply()
    assert is_ours(module.greet)
    assert is_ours(_louder(module.greet))
    assert not is_ours(_greet)
    assert not is_ours(None)


def test_a_circle_of_wrappers_ends() -> None:
    def circle() -> None: ...

    vars(circle)["__wrapped__"] = circle
    assert not is_ours(circle)
    assert signature("name")(circle) == "its parameters are (), not (name, ...)"
