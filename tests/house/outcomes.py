"""House: ids of outcomes and notes: those in the table, those in the code, those in the tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

from house import tree

TABLE = "shim/neffcache/outcome.py"
PRODUCT = ("shim/neffcache", "hooks/neffcache_hooks")
TESTED = (
    "tests/story",
    "tests/faults",
    "tests/contract",
    "tests/unit",
    "tests/cli",
    "tests/remotes",
    "tests/hooks",
    "tests/watch",
)
# Calls whose first argument is an id, by the last part of the called name, and which table has it.
CALLS = {"Bypass": "OUTCOMES", "_NotKept": "OUTCOMES", "note": "NOTES", "kind": "OUTCOMES"}
# Calls whose second argument is one.
SECOND = {"pass_on": "OUTCOMES", "serve_stored": "OUTCOMES", "tell": "NOTES"}
# And the third.
THIRD = {"serve": "OUTCOMES"}


def table(root: Path) -> dict[str, set[str]]:
    """The ids of each table."""
    found: dict[str, set[str]] = {}
    for node in tree.parse(root, TABLE).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            rows = [row for row in node.value.elts if isinstance(row, ast.Tuple) and row.elts]
            names = {text for row in rows for text in _text(row.elts[0], {})}
            found[ast.unparse(node.targets[0])] = names
    return {name: found[name] for name in ("OUTCOMES", "NOTES")}


def untested(root: Path) -> Iterator[str]:
    """Ids that no test names as a string of its own."""
    named: set[str] = set()
    for name in tree.python_files(root, *TESTED):
        named |= set(_strings(tree.parse(root, name)))
    for which, names in table(root).items():
        for missing in sorted(names - named):
            yield f"{missing} ({which}) is asserted in no test"


def unknown(root: Path) -> Iterator[str]:
    """Ids that the product uses and no table has, or the wrong one."""
    known = table(root)
    for name, line, which, used in uses(root):
        if used not in known[which]:
            yield f"{name}:{line}: {used!r} is not in {which}"


def unused(root: Path) -> Iterator[str]:
    """Ids that nothing in the product can produce."""
    written: set[str] = set()
    for name in tree.python_files(root, *PRODUCT):
        if name != TABLE:
            written |= set(_strings(tree.parse(root, name)))
    for which, names in table(root).items():
        for missing in sorted(names - written):
            yield f"{missing} ({which}) is used nowhere"


def uses(root: Path) -> Iterator[tuple[str, int, str, str]]:
    """(file, line, table, id) of every place where the product names an outcome or a note."""
    for name in tree.python_files(root, *PRODUCT):
        syntax = tree.parse(root, name)
        constants = _constants(syntax)
        for node in ast.walk(syntax):
            for which, value in _named(node):
                for used in _text(value, constants):
                    yield name, value.lineno, which, used


def _named(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The expressions in a node that stand for an id."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr == "outcome":
                yield "OUTCOMES", node.value
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        for at, calls in enumerate((CALLS, SECOND, THIRD)):
            if called in calls and len(node.args) > at:
                yield calls[called], node.args[at]


def _text(value: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    """The texts that an expression may be: a literal, a constant of the module, one of two."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
        yield value.value
    elif isinstance(value, ast.Name) and value.id in constants:
        yield constants[value.id]
    elif isinstance(value, ast.IfExp):
        yield from _text(value.body, constants)
        yield from _text(value.orelse, constants)


def _constants(syntax: ast.Module) -> dict[str, str]:
    found = {}
    for node in syntax.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                    found[target.id] = node.value.value
    return found


def _strings(syntax: ast.Module) -> Iterator[str]:
    for node in ast.walk(syntax):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
