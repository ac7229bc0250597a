"""Door: `neffcache env`: one line for `eval` that puts the shim first on PATH."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from neffcache.cli import head, install
from neffcache.cli.answer import Answer
from neffcache.cli.world import World
from neffcache.store import local

if TYPE_CHECKING:
    import argparse

EXAMPLE = 'eval "$(neffcache env)"'


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.add_argument(
        "directory",
        metavar="DIR",
        nargs="?",
        help="where the shim is installed, on the way; default: `bin` in the local store",
    )


def run(args: argparse.Namespace) -> Answer:
    """Install, then print the line; the line alone stands on standard output."""
    if args.directory is None:
        directory = local.open_store(World.here().config).directory(local.BIN)
    else:
        directory = os.path.abspath(args.directory)
    notices = install.put(directory)
    return Answer(line(directory, os.environ.get("PATH", "")) + "\n", notices=notices, raw=True)


def line(directory: str, path: str) -> str:
    """The line for sh; where the directory is first already, one that changes nothing."""
    first = path.partition(":")[0]
    if first and os.path.realpath(first) == os.path.realpath(directory):
        return 'export PATH="$PATH"'
    return f'export PATH={head.quote(directory)}:"$PATH"'
