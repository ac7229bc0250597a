"""House: this checkout keeps every rule."""

import sysconfig
from pathlib import Path

import pytest

from house import borders, caution, layers, manners, tree

RULES = {
    "layers": layers.rising_imports,
    "borders": borders.crossings,
    "hit path": borders.slow_imports,
    "length": manners.long_files,
    "docstrings": manners.missing_docstrings,
    "excuses": manners.bare_excuses,
    "foreign words": manners.foreign_words,
    "broad catches": lambda root: caution.wrong_catches(root, caution.BROAD),
    "sleeps": lambda root: caution.sleeping_tests(root, caution.SLEEPERS),
    "skips": caution.unexplained_skips,
}


@pytest.mark.parametrize("rule", RULES)
def test_rule_is_kept(rule: str) -> None:
    assert list(RULES[rule](tree.ROOT)) == []


def test_rules_see_the_product() -> None:
    assert "shim/neffcache/outcome.py" in tree.python_files(tree.ROOT, "shim")


def test_product_is_installed_by_plain_path() -> None:
    packages = Path(sysconfig.get_path("purelib"))
    lines = (packages / "_neffcache.pth").read_text().split()
    assert sorted(lines) == [str(tree.ROOT / "hooks"), str(tree.ROOT / "shim")]
