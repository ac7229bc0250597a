"""House: product and SDK know nothing of each other; the hit path leaves slow modules alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

from house import tree

# Each folder → packages that nothing in it may import, not even in a function.
APART = {
    "shim": ("neuronxcc", "jax", "jaxlib"),
    "tests/sdk": ("neffcache", "neffcache_hooks", "shim"),
}
# What a hit loads, or may load: each of SLOW costs a good part of a bare interpreter start.
HIT_PATH = (
    *("__init__", "errors", "files", "locks", "outcome", "processes"),
    *("invocation", "flags", "environment", "graph", "key", "entry", "neff"),
    *("config", "options", "compiler", "store", "journal", "queue", "cache", "run", "shim"),
)
SLOW = (
    *("dataclasses", "enum", "json", "pathlib", "re", "typing"),
    *("argparse", "asyncio", "concurrent", "filelock", "http", "huggingface_hub"),
    *("importlib", "logging", "psutil", "subprocess", "tempfile", "urllib", "watchdog"),
)


def crossings(root: Path) -> Iterator[str]:
    """Imports across a border that nothing may cross."""
    for folder, packages in APART.items():
        for name in tree.python_files(root, folder):
            for line, target in tree.imports(tree.parse(root, name)):
                if any(tree.is_within(target, package) for package in packages):
                    yield f"{name}:{line}: imports {target}"


def slow_imports(root: Path) -> Iterator[str]:
    """Module-level imports of slow modules on the hit path (a TYPE_CHECKING block is free)."""
    for name in tree.python_files(root, "shim/neffcache"):
        if Path(name).with_suffix("").parts[2] not in HIT_PATH:
            continue
        for statement in _at_start(tree.parse(root, name).body):
            for line, target in tree.imports(statement):
                if any(tree.is_within(target, slow) for slow in SLOW):
                    yield f"{name}:{line}: imports {target} on the hit path"


def _at_start(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The import statements that run when the module is imported."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If):
            taken = [] if _is_type_checking(node.test) else node.body
            yield from _at_start([*taken, *node.orelse])
        elif isinstance(node, ast.Try):
            handlers = [inner for handler in node.handlers for inner in handler.body]
            yield from _at_start([*node.body, *handlers, *node.orelse, *node.finalbody])
        elif isinstance(node, ast.With | ast.ClassDef):
            yield from _at_start(node.body)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
