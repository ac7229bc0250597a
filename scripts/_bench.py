"""Bench: measure the product side by side with bare programs, print and judge the figures."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import _bench_figures as figures
from _bench_cases import CASES, FULL, QUICK, Size
from _bench_lab import Lab, LabError


def main(arguments: list[str]) -> int:
    """Status 0 when every target is met, 1 when not or not measured, 2 when used wrongly."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}; or all")
    parser.add_argument("--runs", type=int, metavar="N", help="samples of each single program")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--quick", action="store_true", help="few samples, under a minute")
    args = parser.parse_args(arguments)
    unknown = [name for name in args.names if name not in CASES]
    if unknown or (args.runs is not None and args.runs < 1):
        parser.error(f"unknown name {unknown[0]}" if unknown else "--runs must be at least 1")
    size = QUICK if args.quick else FULL
    if args.runs is not None:
        size = replace(size, runs=args.runs)
    target = args.json.absolute() if args.json else None
    return report(args.names or list(CASES), size, target)


def report(names: list[str], size: Size, target: Path | None) -> int:
    """Measure, print and judge."""
    found, failed = measure(names, size)
    print(figures.table(found), end="")
    if target:
        target.write_text(json.dumps(figures.as_json(found), indent=1) + "\n")
    for line in failed:
        print(f"bench: {line}", file=sys.stderr)
    return 1 if failed or any(figure.met is False for figure in found) else 0


def measure(names: list[str], size: Size) -> tuple[list[figures.Figure], list[str]]:
    """The figures of some groups, and what could not be measured."""
    found: list[figures.Figure] = []
    failed: list[str] = []
    here = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="neffcache-bench-") as folder:
        try:
            for name in names:
                root = Path(folder, name)
                root.mkdir()
                try:
                    found += CASES[name](Lab(root), size)
                except LabError as error:
                    failed.append(f"{name}: {error}")
        finally:
            os.chdir(here)
    return found, failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
