"""Door: `neffcache doctor`: look for what would stop hits."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from neffcache.cli import FINE, NO, text
from neffcache.cli.answer import Answer, json_answer
from neffcache.cli.finding import FAIL, OK, WARN, Finding, Scene
from neffcache.cli.world import tolerant

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

EXAMPLE = "neffcache doctor"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> Answer:
    """Look at everything; status 1 when something would stop hits."""
    found = list(_findings())
    status = NO if any(finding.level == FAIL for finding in found) else FINE
    if args.json:
        data = {"findings": [asdict(finding) for finding in found], "healthy": status == FINE}
        return json_answer(data, status)
    return Answer("\n".join(_lines(found)) + "\n", status)


def _findings() -> Iterator[Finding]:
    from neffcache.cli.checks import compiler, hooks, native, remotes, route, store, surroundings

    environ = dict(os.environb)
    config, errors = tolerant(environ)
    for error in errors:
        yield Finding("settings", FAIL, error.what, error.remedy)
    scene = Scene(environ, config, _cwd())
    for check in (route, compiler, store, remotes, surroundings, hooks, native):
        yield from check.look(scene)


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"


def _lines(found: list[Finding]) -> list[str]:
    lines = []
    for finding in found:
        lines.append(f"{finding.level:<4}  {finding.topic}: {text.safe(finding.line)}")
        if finding.remedy and finding.level != OK:
            lines.append(f"      -> {text.safe(finding.remedy)}")
    levels = Counter(finding.level for finding in found)
    if levels[FAIL]:
        verdict = f"{text.count(levels[FAIL], 'finding')} would stop hits"
    else:
        verdict = "nothing stops hits"
    if levels[WARN]:
        verdict += f", {text.count(levels[WARN], 'warning')}"
    return [*lines, "", verdict]
