"""House: the README's table of settings is the one that the settings themselves give."""

from house import tree
from neffcache.cli import config


def test_readme_holds_the_settings_table() -> None:
    text = (tree.ROOT / "README.md").read_text()
    assert text.count(config.BEGIN) == 1, f"README.md needs the line {config.BEGIN}"
    assert text.count(config.END) == 1, f"README.md needs the line {config.END}"
    block = text.partition(config.BEGIN)[2].partition(config.END)[0]
    assert block.strip() == config.settings_table().strip()
