"""Door: `neffcache set`: which repository on the Hub is this user's cache from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import targets
from neffcache.cli import FINE, hub_call
from neffcache.cli.answer import Answer
from neffcache.cli.create import shadowed, unagreed, visibility
from neffcache.cli.usage import Usage
from neffcache.cli.world import bare
from neffcache.hub import names, saved

if TYPE_CHECKING:
    import argparse

EXAMPLE = "neffcache set my-team/neuron-cache"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.add_argument("name", metavar="ORG/NAME", help="a repository that is there")


def run(args: argparse.Namespace) -> Answer:
    """Save the name of a repository that this user can read; else nothing is changed."""
    config, environ = bare()
    problem = names.repo_problem(args.name)
    if problem:
        raise Usage(f"{args.name}: {problem}; write ORG/NAME")
    spec = targets.repository(args.name, "ORG/NAME", environ)
    facts = hub_call.ask("info", spec, "", config, environ)
    before = saved.name(environ)
    file = saved.save(environ, facts["repo"])
    instead = f" instead of {before}" if before not in ("", facts["repo"]) else ""
    line = f"{facts['repo']} ({visibility(facts)}) is saved in {file}{instead}\n"
    notices = unagreed(config, environ, facts) + list(shadowed(config, environ, facts["repo"]))
    return Answer(line, FINE, tuple(notices))
