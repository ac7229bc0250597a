"""Door: `neffcache key`: the key of a compile, part by part, or what differs between two graphs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from neffcache.cli import found_key, two_graphs
from neffcache.cli.answer import Answer, json_answer
from neffcache.cli.usage import Usage
from neffcache.cli.world import World
from neffcache.options import CHOICES
from neffcache.run.plan import Job

if TYPE_CHECKING:
    import argparse

EXAMPLE = "neffcache key model.hlo.pb -- --framework=XLA --target=trn1"
# The words behind `--`: those of a compile, none of ours.
FLAGS = "FLAGS"
_PYTHONS_OWN = (b"C.UTF-8", b"C.utf8", b"UTF-8")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.usage = (
        f"neffcache key [OPTION...] GRAPH [-- {FLAGS}...]\n"
        "       neffcache key [OPTION...] GRAPH OTHER"
    )
    parser.add_argument("graph", metavar="GRAPH", help="a graph, or a directory that holds one")
    parser.add_argument(
        "other", metavar="OTHER", nargs="?", help="another one: only say what differs"
    )
    parser.add_argument(
        "--level",
        choices=CHOICES["key_level"],
        help="how far to normalise, instead of the setting key_level",
    )
    parser.add_argument(
        "--all", action="store_true", help="show the variables that stay out as well, and why"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> Answer:
    """Say what `neuronx-cc compile GRAPH FLAGS...` would be looked up by, here and now."""
    world = World.here()
    if args.level:
        world.config.key_level = args.level
    job = _job(world, ["compile", args.graph, *(args.flags or ())])
    if args.other is not None:
        if args.flags is not None:
            raise Usage("flags go with one graph; two are compared without them")
        compared = two_graphs.compare(job, args.graph, args.other)
        if args.json:
            return json_answer(two_graphs.as_data(compared), compared.status)
        return Answer("\n".join(two_graphs.lines(compared)) + "\n", compared.status)
    made = found_key.look(job, world, args.graph)
    if args.json:
        return json_answer(found_key.as_data(made, everything=args.all), made.status)
    return Answer("\n".join(found_key.lines(made, everything=args.all)) + "\n", made.status)


def _job(world: World, argv: list[str]) -> Job:
    job = Job()
    job.argv = argv
    job.environ = _without_pythons_own(dict(world.environ))
    job.config = world.config
    job.script = ""
    try:
        job.cwd = os.getcwd()
    except OSError:
        job.cwd = ""
    return job


def _without_pythons_own(environ: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The environment as it was before Python put a variable there, as the shim's is."""
    if environ.get(b"LC_CTYPE") in _PYTHONS_OWN:
        try:
            with open("/proc/self/environ", "rb") as file:
                given = file.read().split(b"\0")
        except OSError:
            return environ
        if not any(entry.startswith(b"LC_CTYPE=") for entry in given):
            del environ[b"LC_CTYPE"]
    return environ
