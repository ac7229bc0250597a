"""JAX programs traced elsewhere, later, in another order: one key; changed ones: another."""

from __future__ import annotations

import pytest

from graphs import mlir_judge
from graphs import mlir_programs as programs
from neffcache.graph import mlir_text
from neffcache.graph.source import Source


def key(text: bytes) -> str:
    made = mlir_text.digest(Source.of(text), "strict")
    assert (made.level, made.reasons) == ("strict", ())
    return made.hexdigest


@pytest.mark.parametrize("program", programs.NAMES)
def test_debug_text_has_the_key_of_the_plain_text(program: str) -> None:
    plain, debug = (programs.read("base", program, form) for form in ("txt", "dbg"))
    assert b" loc(" in debug
    assert key(debug) == key(plain)


@pytest.mark.parametrize("program", programs.NAMES)
@pytest.mark.parametrize("scenario", programs.NEUTRAL)
def test_the_way_of_tracing_leaves_the_key(scenario: str, program: str) -> None:
    base, other = (programs.read(name, program, "dbg") for name in ("base", scenario))
    assert key(other) == key(base)


@pytest.mark.parametrize(("scenario", "program"), [("moved", "conv"), ("renamed", "step")])
def test_the_scenarios_do_change_the_debug_text(scenario: str, program: str) -> None:
    base, other = (programs.read(name, program, "dbg") for name in ("base", scenario))
    assert other != base


@pytest.mark.parametrize("form", ["txt", "dbg"])
def test_another_number_in_the_program_is_another_key(form: str) -> None:
    base, changed = (programs.read(name, "step", form) for name in ("base", "changed"))
    assert key(changed) != key(base)


def test_programs_have_keys_of_their_own() -> None:
    assert len({key(programs.read("base", name, "dbg")) for name in programs.NAMES}) == 3


@pytest.mark.parametrize("program", programs.NAMES)
def test_texts_are_recognised(program: str) -> None:
    for form, expected in (("txt", True), ("dbg", True), ("bc", False), ("vhlo", False)):
        head = programs.read("base", program, form)[:4096]
        assert mlir_text.looks_like(head) == expected


@pytest.mark.parametrize("program", programs.NAMES)
def test_the_judge_reads_the_programs(program: str) -> None:
    plain, debug = (programs.read("base", program, form) for form in ("txt", "dbg"))
    meaning = mlir_judge.meaning(debug)
    assert meaning is not None
    assert meaning == mlir_judge.meaning(plain)
