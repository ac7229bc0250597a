"""House: the files of a checkout, and their syntax trees."""

import ast
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = ("__pycache__", "build", "dist")


def tracked(root: Path) -> list[str]:
    """The files that are, or would be, in version control; in a tree without git all of them."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            names = done.stdout.split("\0")
            return sorted(name for name in names if name and (root / name).is_file())
    return sorted(_walk(root))


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if name not in MADE
            and not name.endswith(".egg-info")
            and (not name.startswith(".") or name == ".ci")
        ]
        yield from (Path(folder, name).relative_to(root).as_posix() for name in names)


def python_files(root: Path, *below: str) -> list[str]:
    """The tracked Python files in these folders, or all."""
    folders = tuple(f"{folder}/" for folder in below) or ("",)
    return [name for name in tracked(root) if name.endswith(".py") and name.startswith(folders)]


def parse(root: Path, name: str) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse((root / name).read_text(), name)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, in functions and TYPE_CHECKING blocks too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)


def is_within(name: str, package: str) -> bool:
    """Whether this dotted name is the package or something inside it."""
    return f"{name}.".startswith(f"{package}.")
