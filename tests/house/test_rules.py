"""House: every rule finds what it is there to find, and nothing else."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from house import borders, caution, layers, manners

Rule = Callable[[Path], Iterable[str]]
A, B = "shim/neffcache/store/a.py", "shim/neffcache/cli/b.py"
TEST, SDK = "tests/unit/test_x.py", "tests/sdk/neuronxcc/x.py"


def _catches(root: Path) -> Iterator[str]:
    return caution.wrong_catches(root, {"shim/neffcache/run.py": (1, "the one place")})


def _sleeps(root: Path) -> Iterator[str]:
    return caution.sleeping_tests(root, ("tests/waiting.py",))


def _joined(*parts: str) -> str:
    """Text that the rules must not find in this file."""
    return "".join(parts)


BROKEN: list[tuple[Rule, str, str]] = [
    (layers.rising_imports, A, "from neffcache import cache"),
    (layers.rising_imports, A, "from neffcache.run import x"),
    (layers.rising_imports, A, "def f() -> None:\n    import neffcache.cache.lookup"),
    (layers.rising_imports, A, "if TYPE_CHECKING:\n    from neffcache import run"),
    (layers.rising_imports, A, "from neffcache.attic import x"),
    (layers.rising_imports, B, "from neffcache.sync import x"),
    (layers.rising_imports, B, "import neffcache_hooks"),
    (layers.rising_imports, B, "from neffcache.remotes import file"),
    (layers.rising_imports, "shim/neffcache/__init__.py", "from neffcache import store"),
    (layers.rising_imports, "shim/neffcache/attic.py", ""),
    (layers.rising_imports, "hooks/neffcache_hooks/x.py", "from neffcache import shim"),
    (borders.crossings, A, "def f() -> None:\n    import neuronxcc.driver"),
    (borders.crossings, A, "from jax import numpy"),
    (borders.crossings, SDK, "from neffcache import files"),
    (borders.slow_imports, A, "import json"),
    (borders.slow_imports, A, "from concurrent.futures import Future"),
    (borders.slow_imports, A, "try:\n    import re\nexcept ImportError:\n    pass"),
    (borders.slow_imports, "shim/neffcache/run.py", "class A:\n    import enum"),
    (manners.long_files, A, "\n" * 301),
    (manners.long_files, "scripts/long", "\n" * 301),
    (manners.missing_docstrings, A, "x = 1"),
    (manners.missing_docstrings, A, '"""One.\n\nTwo."""'),
    (manners.missing_docstrings, SDK, '"""One\nand a half."""'),
    (manners.bare_excuses, A, "x = 1  # type: ignore"),
    (manners.bare_excuses, A, "x = 1  # type: ignore[misc]"),
    (manners.bare_excuses, A, "x = 1  # type: ignore  # because"),
    (manners.foreign_words, "README.md", _joined("see /wo", "rk/main")),
    (manners.foreign_words, "README.md", _joined("'/ro", "ot/x'")),
    (manners.foreign_words, A, _joined("from the .lib", "rary")),
    (manners.foreign_words, ".ci/run", _joined("curl https://py", "pi.org/simple")),
    (_catches, A, "try:\n    pass\nexcept Exception:\n    pass"),
    (_catches, A, "try:\n    pass\nexcept (OSError, BaseException):\n    pass"),
    (_catches, A, "try:\n    pass\nexcept:\n    pass"),
    (_catches, A, "with contextlib.suppress(Exception):\n    pass"),
    (_catches, "shim/neffcache/run.py", "x = 1"),
    (_sleeps, TEST, "import time\ntime.sleep(1)"),
    (_sleeps, TEST, "from time import sleep"),
    (caution.unexplained_skips, TEST, "pytest.skip()"),
    (caution.unexplained_skips, TEST, "@pytest.mark.skip\ndef test_x() -> None: ..."),
    (caution.unexplained_skips, TEST, "x = pytest.mark.skipif(True)"),
    (caution.unexplained_skips, TEST, "x = pytest.mark.xfail(reason='')"),
]
KEPT: list[tuple[Rule, str, str]] = [
    (layers.rising_imports, A, "from neffcache import __version__, files\nimport os"),
    (layers.rising_imports, A, "from neffcache.store import b"),
    (layers.rising_imports, B, "from neffcache import run"),
    (layers.rising_imports, "shim/neffcache/remotes/a.py", "from neffcache.remotes import b"),
    (borders.crossings, A, "import jaxen"),
    (borders.slow_imports, A, "if TYPE_CHECKING:\n    from typing import Protocol"),
    (borders.slow_imports, A, "def f() -> None:\n    import json"),
    (borders.slow_imports, B, "import json, regex"),
    (manners.long_files, A, "\n" * 300),
    (manners.missing_docstrings, A, '"""One."""'),
    (manners.missing_docstrings, SDK, '"""One.\n\nTwo."""'),
    (manners.bare_excuses, A, "x = 1  # type: ignore[misc]  # because"),
    (manners.foreign_words, A, _joined("x = base + 'net", "wo", "rk/' + my.libraries")),
    (_catches, "shim/neffcache/run.py", "try:\n    pass\nexcept Exception:\n    pass"),
    (_sleeps, "tests/waiting.py", "import time\ntime.sleep(1)"),
    (_sleeps, SDK, "import time\ntime.sleep(1)"),
    (caution.unexplained_skips, TEST, "pytest.skip('no flock')\nx = row.skip"),
    (caution.unexplained_skips, TEST, "x = pytest.mark.skipif(y, reason='no flock')"),
]


def _plant(root: Path, name: str, text: str) -> None:
    """A small tree that keeps every rule, but for this one file."""
    good = "try:\n    pass\nexcept Exception:\n    pass\n"
    for path, content in (("shim/neffcache/run.py", f'"""Run."""\n{good}'), (name, text)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


@pytest.mark.parametrize(("rule", "name", "text"), BROKEN)
def test_rule_finds_a_breach(rule: Rule, name: str, text: str, tmp_path: Path) -> None:
    _plant(tmp_path, name, text)
    assert any(found.startswith(name) for found in rule(tmp_path))


@pytest.mark.parametrize(("rule", "name", "text"), KEPT)
def test_rule_leaves_others_alone(rule: Rule, name: str, text: str, tmp_path: Path) -> None:
    _plant(tmp_path, name, text)
    assert list(rule(tmp_path)) == []
