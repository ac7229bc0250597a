"""House: broad catches are counted, tests do not sleep, a skipped test says why."""

import ast
from collections.abc import Iterator
from pathlib import Path

from house import tree

# File → (how many broad catches, why they are right there). Anything else is a defect.
BROAD: dict[str, tuple[int, str]] = {
    "hooks/neffcache_hooks/guard.py": (2, "the one place: a fault of ours breaks no training"),
    "shim/neffcache/cache/helper.py": (1, "the helper's last word is a line, whatever happened"),
    "shim/neffcache/cache/native_helper.py": (1, "its last word is a line, whatever happened"),
    "shim/neffcache/cli/__init__.py": (1, "the one place: a command ends with one line"),
    "shim/neffcache/cli/job/guard.py": (1, "the law: a fault of ours never stops the command"),
    "shim/neffcache/cli/hub_helper.py": (1, "the helper's last word is a line, whatever happened"),
    "shim/neffcache/cli/probe.py": (1, "the helper's last word is a line, whatever happened"),
    "shim/neffcache/cli/sync_helper.py": (1, "the helper's last word is a line, whatever happened"),
    "shim/neffcache/compiler/bytecode_helper.py": (1, "its last word is a line, whatever happened"),
    "shim/neffcache/hub/transport.py": (2, "three HTTP libraries, three families of exceptions"),
    "shim/neffcache/objects/client.py": (1, "the one place: none of obstore's texts gets out"),
    "shim/neffcache/objects/metadata.py": (1, "raised again by who waits for the thread"),
    "shim/neffcache/remotes/hub_commit.py": (1, "raised again by who waits for the thread"),
    "shim/neffcache/remotes/objects_reading.py": (1, "raised again by who waits for the thread"),
    "shim/neffcache/remotes/objects_writing.py": (1, "raised again by who waits for the thread"),
    "shim/neffcache/run/call.py": (2, "the one place: a fault of the cache breaks no compile"),
    "shim/neffcache/sync/sender.py": (1, "the sender's last word is a line, whatever happened"),
    "shim/neffcache/graph/hlo.py": (1, "what cannot be read as HLO counts byte for byte"),
    "shim/neffcache/shim/start.py": (1, "a package that cannot be imported breaks no compile"),
}
# Test helpers that may sleep: the ones that wait for a condition, with a deadline.
SLEEPERS: tuple[str, ...] = ("tests/waiting.py",)
NAMES = ("Exception", "BaseException")
SKIPS = ("skip", "skipif", "xfail")


def wrong_catches(root: Path, allowed: dict[str, tuple[int, str]]) -> Iterator[str]:
    """Files whose number of broad catches is not the one written down."""
    names = tree.python_files(root, "shim", "hooks", "scripts", "tests/sdk")
    found = {name: sum(map(_is_broad, ast.walk(tree.parse(root, name)))) for name in names}
    for name in sorted({*found, *allowed}):
        written, real = allowed.get(name, (0, ""))[0], found.get(name, 0)
        if written != real:
            yield f"{name}: {real} broad catches, {written} in tests/house/caution.py"


def _is_broad(node: ast.AST) -> bool:
    """An except clause, or a suppress(), that takes everything and does not raise it on."""
    if isinstance(node, ast.ExceptHandler):
        cleans_up = ast.unparse(node.body[-1]) == "raise"
        return not cleans_up and (node.type is None or _names_all(node.type))
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        return any(map(_names_all, node.args))
    return False


def _names_all(kind: ast.expr) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(ast.unparse(one).removeprefix("builtins.") in NAMES for one in kinds)


def sleeping_tests(root: Path, allowed: tuple[str, ...]) -> Iterator[str]:
    """Tests that sleep instead of waiting for what they need."""
    for name in _test_files(root):
        if name in allowed:
            continue
        syntax = tree.parse(root, name)
        for line, target in tree.imports(syntax):
            if target == "time.sleep":
                yield f"{name}:{line}: imports sleep"
        for node in ast.walk(syntax):
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep":
                yield f"{name}:{node.lineno}: sleeps"


def unexplained_skips(root: Path) -> Iterator[str]:
    """Skips, also as marks, without a reason."""
    for name in _test_files(root):
        syntax = tree.parse(root, name)
        called = {node.func: node for node in ast.walk(syntax) if isinstance(node, ast.Call)}
        for node in ast.walk(syntax):
            if isinstance(node, ast.Attribute) and _is_skip(node):
                call = called.get(node)
                if call is None or not _has_reason(call, node.attr):
                    yield f"{name}:{node.lineno}: {ast.unparse(node)} without a reason"


def _is_skip(node: ast.Attribute) -> bool:
    owner = ast.unparse(node.value)
    return node.attr in SKIPS and owner in ("pytest", "pytest.mark", "mark", "unittest")


def _has_reason(call: ast.Call, kind: str) -> bool:
    given = [word.value for word in call.keywords if word.arg == "reason"]
    given += call.args if kind != "skipif" else []
    return any(ast.unparse(reason) not in ("''", "None", "True", "False") for reason in given)


def _test_files(root: Path) -> list[str]:
    names = tree.python_files(root, "tests")
    return [name for name in names if not name.startswith("tests/sdk/")]
