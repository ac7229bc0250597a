"""Door: `neffcache create`: make a cache repository on the Hub, and use it from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import files, targets
from neffcache.cli import FINE, hub_call, hub_helper
from neffcache.cli.answer import Answer
from neffcache.cli.usage import Usage
from neffcache.cli.world import bare
from neffcache.hub import names, publicity, saved
from neffcache.remote import SETTING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from neffcache.options import Config

EXAMPLE = "neffcache create --name my-team/neuron-cache"
DEFAULT = "optimum-neuron-cache"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.add_argument(
        "-n",
        "--name",
        default=DEFAULT,
        help=f"NAME, of your own, or ORG/NAME; without it {DEFAULT}",
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="seen by everybody; also what allows this user's hosts to push to a public one",
    )


def run(args: argparse.Namespace) -> Answer:
    """Make it, unless it stands there, and save its name where optimum-neuron looks for it, too."""
    config, environ = bare()
    own = "/" not in args.name
    full = f"own/{args.name}" if own else args.name
    problem = names.repo_problem(full)
    if problem:
        raise Usage(f"--name {args.name}: {problem}; write NAME or ORG/NAME")
    detail = " ".join(
        word for word, asked in ((hub_helper.OWN, own), (hub_helper.PUBLIC, args.public)) if asked
    )
    spec = targets.repository(full, "--name", environ)
    facts = hub_call.ask("create", spec, detail, config, environ)
    repo = facts["repo"]
    file = saved.save(environ, repo)
    lines = [
        f"{repo} {'made' if facts['new'] else 'stood there already'}: {visibility(facts)}",
        f"its name is saved in {file}",
    ]
    if args.public and not facts["private"]:
        publicity.consent(repo, environ, facts["endpoint"])
    notices = unagreed(config, environ, facts)
    if args.public and facts["private"]:
        notices = [f"{repo} stays private; change that on its page"]
    return Answer("\n".join(lines) + "\n", FINE, (*notices, *shadowed(config, environ, repo)))


def visibility(facts: Mapping[str, str]) -> str:
    """Who sees a repository."""
    word = "private" if facts["private"] else "public"
    return f"{word}, gated" if facts.get("gated") else word


def shadowed(config: Config, environ: Mapping[bytes, bytes], repo: str) -> tuple[str, ...]:
    """What comes before the saved name here: lines for people."""
    if config.remotes:
        return (f"{SETTING} is set: {repo} is only read while it does not name it",)
    other = files.decode(environ.get(targets.VARIABLE.encode(), b"")).strip()
    if other in ("", repo):
        return ()
    return (f"{targets.VARIABLE} is set: {repo} is only read while it names {other}",)


def unagreed(config: Config, environ: Mapping[bytes, bytes], facts: Mapping[str, str]) -> list[str]:
    """What keeps entries from a public repository: a line for people, or none."""
    private = bool(facts["private"])
    refused = publicity.refusal(facts["repo"], private, config, environ, facts["endpoint"])
    return [] if refused is None else [str(refused)]
