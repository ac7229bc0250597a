"""House: how files look: length, docstrings, type checker excuses, words that do not belong."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from house import tree

MAX_LINES = 300
EXCUSE = re.compile(r"#\s*type:\s*ignore(?!\[[a-z-]+(, ?[a-z-]+)*\]  # \S)")


def _spelled(*parts: str) -> str:
    """A pattern for words that this file must not contain either."""
    return re.escape("".join(parts))


# Places and names of one workplace or registry; nothing in the repository may depend on them.
FOREIGN = re.compile(
    "|".join(
        (
            rf"(?<![\w.$}})-]){_spelled('/wo', 'rk/')}",
            rf"(?<![\w.$}})-]){_spelled('/ro', 'ot/')}",
            rf"(?<!\w){_spelled('.lib', 'rary')}\b",
            rf"\b{_spelled('fa', 'rm-')}",
            _spelled("shared/", "design"),
            _spelled("shared/", "reference"),
            _spelled("py", "pi.org"),
            _spelled("files.python", "hosted"),
            _spelled("debian", ".org"),
            _spelled("npm", "js"),
        )
    )
)


def long_files(root: Path) -> Iterator[str]:
    """Programs of more lines than a reader holds."""
    for name in tree.tracked(root):
        if name.endswith(".py") or name.startswith(("scripts/", ".ci/")):
            count = len((root / name).read_text().splitlines())
            if count > MAX_LINES:
                yield f"{name}: {count} lines, at most {MAX_LINES}"


def missing_docstrings(root: Path) -> Iterator[str]:
    """Modules that do not say in one line what they are; the stand-in SDK may go on after it."""
    for name in tree.python_files(root):
        lines = (ast.get_docstring(tree.parse(root, name)) or "").splitlines()
        if not lines or (lines[1:] and not name.startswith("tests/sdk/")) or any(lines[1:2]):
            yield f"{name}: {len(lines)} lines of module docstring, 1 is the rule"


def bare_excuses(root: Path) -> Iterator[str]:
    """Type checker excuses that lack the error's code, or a comment with the reason."""
    for name in tree.python_files(root):
        text = (root / name).read_text()
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and EXCUSE.search(token.string):
                yield f"{name}:{token.start[0]}: {token.string}"


def foreign_words(root: Path) -> Iterator[str]:
    """Lines that name a place outside the repository."""
    for name in tree.tracked(root):
        text = (root / name).read_text(errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            found = FOREIGN.search(line)
            if found:
                yield f"{name}:{number}: {found[0]}"
