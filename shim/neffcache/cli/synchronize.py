"""Door: `neffcache synchronize`: push what a remote lacks, bring the native entries it has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from neffcache import targets
from neffcache.cli import FINE, progress, sync_pull, sync_push, text
from neffcache.cli.answer import Answer
from neffcache.cli.world import World
from neffcache.errors import SettingError
from neffcache.native import root as roots

if TYPE_CHECKING:
    import argparse

    from neffcache.remote import Spec

EXAMPLE = "neffcache synchronize --repo_id my-team/neuron-cache --dry-run"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.add_argument(
        "--repo_id",
        "--repo-id",
        metavar="ORG/NAME",
        help="the repository; without it the first one that may be written to",
    )
    parser.add_argument(
        "--cache_dir",
        "--cache-dir",
        metavar="DIR",
        help="libneuronxla's cache; without it as NEURON_CC_FLAGS and the like say",
    )
    parser.add_argument(
        "--dry-run", "--dry_run", action="store_true", help="only say what would be done"
    )
    parser.add_argument(
        "--pull",
        action="store_true",
        help="also bring native entries for this host's compiler",
    )
    progress.add_option(parser)


def run(args: argparse.Namespace) -> Answer:
    """Push through the queue; then bring what is new there."""
    world = World.here()
    cwd = os.getcwd()
    if args.cache_dir is None:
        root = roots.find(world.environ, cwd)
    else:
        root = roots.checked(args.cache_dir, "--cache_dir", cwd)
    named = targets.repository(args.repo_id, "--repo_id", world.environ) if args.repo_id else None
    target = named or _first_writable(world)
    if target is not None and _is_public_cache(target):
        target = None  # everybody reads it; what is pushed there is not ours to say
    lines: list[str] = []
    status = FINE
    if target is not None:
        pushed = sync_push.push(world, target, root, dry=args.dry_run, quiet=args.quiet)
        lines, status = pushed.lines(), pushed.status
        if args.cache_dir is not None and target.natives and not os.path.isdir(root):
            lines.append(f"there is no cache at {root}")
    elif not args.pull:
        raise SettingError(
            "no repository that may be written to",
            "name one with --repo_id, or run `neffcache create` or `neffcache set`",
        )
    if args.pull:
        pulled = sync_pull.pull(world, _sources(world, named), root, (args.dry_run, args.quiet))
        lines += pulled.lines()
        status = max(status, pulled.status)
    return Answer("\n".join(map(text.safe, lines)) + "\n", status)


def _sources(world: World, named: Spec | None) -> list[Spec]:
    """Where native entries come from. The cache of everybody holds too many to be brought whole
    unless it is named."""
    found = [named] if named else world.remotes()
    found = [spec for spec in found if spec.reads and spec.natives]
    if not found:
        raise SettingError(
            "no repository with native entries is set",
            f"name one with --repo_id, such as {targets.PUBLIC}",
        )
    return found


def _is_public_cache(spec: Spec) -> bool:
    return spec.scheme == "hf" and spec.location.partition("@")[0] == targets.PUBLIC


def _first_writable(world: World) -> Spec | None:
    return next((spec for spec in world.remotes() if spec.writes), None)
