"""House: every outcome and note is in the table, can happen, and is asserted in a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from house import outcomes, tree

Rule = Callable[[Path], Iterable[str]]
RULES: dict[str, Rule] = {
    "asserted in a test": outcomes.untested,
    "in the table": outcomes.unknown,
    "used": outcomes.unused,
}
TABLE = 'OUTCOMES = (("a_hit", "hit", "x"), ("a_miss", "miss", "y"))\nNOTES = (("a_note", "z"),)\n'
PRODUCT = (
    'ODD = "a_miss"\n'
    'def f(record, calls):\n    record.outcome = "a_hit"\n    record.note("a_note", "why")\n'
    "    raise Bypass(ODD)\n"
)
TEST = 'def test_x() -> None:\n    assert f() == ["a_hit", "a_miss"] and "a_note"\n'


@pytest.mark.parametrize("rule", RULES)
def test_every_outcome_and_note_is(rule: str) -> None:
    assert list(RULES[rule](tree.ROOT)) == []


def test_the_rules_see_the_product() -> None:
    seen = {used for _name, _line, _which, used in outcomes.uses(tree.ROOT)}
    ids = {"hit_local", "compiled", "no_target", "compiler_unidentified", "entry_damaged"}
    assert sorted(ids - seen) == []


def _plant(root: Path, *, table: str = TABLE, product: str = PRODUCT, test: str = TEST) -> None:
    """A small tree that keeps every rule, but for what is given."""
    for path, content in (
        (outcomes.TABLE, table),
        ("shim/neffcache/run/call.py", product),
        ("tests/story/test_x.py", test),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


@pytest.mark.parametrize("rule", RULES)
def test_a_tree_in_order_is_left_alone(rule: str, tmp_path: Path) -> None:
    _plant(tmp_path)
    assert list(RULES[rule](tmp_path)) == []


def test_an_id_that_no_test_names_is_found(tmp_path: Path) -> None:
    _plant(tmp_path, test=TEST.replace('"a_miss"', '"a_miss and more"'))
    assert list(outcomes.untested(tmp_path)) == ["a_miss (OUTCOMES) is asserted in no test"]


def test_a_house_test_that_names_an_id_does_not_count(tmp_path: Path) -> None:
    _plant(tmp_path, test="")
    (tmp_path / "tests" / "house").mkdir()
    (tmp_path / "tests" / "house" / "test_y.py").write_text(TEST)
    assert len(list(outcomes.untested(tmp_path))) == 3


@pytest.mark.parametrize(
    "line",
    [
        'raise Bypass("typo", "detail")',
        'raise invocation.Bypass("typo")',
        'record.outcome = "typo"',
        'self.plan.record.outcome = "a_hit" if x else "typo"',
        'raise _NotKept("typo")',
        'record.note("typo")',
        'record.note("a_hit")',
        'raise Bypass("a_note")',
        'door.pass_on(settings, "typo")',
        'serve_stored(plan, "typo")',
        'serve(plan, bundle, "typo")',
        "raise Bypass(WRONG)",
    ],
)
def test_an_id_that_is_not_in_its_table_is_found(tmp_path: Path, line: str) -> None:
    _plant(tmp_path, product=f'{PRODUCT}WRONG = "typo"\nif x:\n    {line}\n')
    assert len(list(outcomes.unknown(tmp_path))) == 1


def test_an_id_that_nothing_uses_is_found(tmp_path: Path) -> None:
    _plant(tmp_path, product=PRODUCT.replace('"a_note"', '"another_note"'))
    assert list(outcomes.unused(tmp_path)) == ["a_note (NOTES) is used nowhere"]
