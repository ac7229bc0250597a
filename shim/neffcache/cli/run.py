"""Door: `neffcache run`: a command with the cache around it, and its uploads behind it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from neffcache import become, child, journal_totals
from neffcache.cli.answer import Answer
from neffcache.cli.flush import seconds
from neffcache.cli.job import command, line
from neffcache.cli.job.ending import Ending
from neffcache.cli.job.flushing import Flush
from neffcache.cli.job.guard import Guard, say
from neffcache.cli.job.surroundings import Surroundings
from neffcache.cli.usage import Usage
from neffcache.cli.world import World
from neffcache.store import local

if TYPE_CHECKING:
    import argparse

    from neffcache.cli.job.command import Command
    from neffcache.options import Config

EXAMPLE = "neffcache run -- torchrun --nproc-per-node 32 train.py"
FLAGS = "COMMAND"
STATUSES = """\
status: the command's own; a signal that ended it ends this, too. 127: there is no such command,
        126: it cannot be executed, 2: used wrongly, or a setting is wrong: nothing was started
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.usage = f"neffcache run [OPTION...] -- {FLAGS} [ARGUMENT...]"
    parser.add_argument(
        "--flush-timeout",
        metavar="S",
        type=seconds,
        help="seconds to wait for uploads at the end (setting flush_timeout)",
    )
    parser.add_argument(
        "--grace",
        metavar="S",
        type=seconds,
        help="seconds from a SIGTERM until all is over (setting grace)",
    )
    parser.add_argument(
        "--no-hooks", action="store_true", help="leave Python processes of the command alone"
    )
    parser.add_argument("--quiet", action="store_true", help="do not sum up at the end")
    # A command that `--` was forgotten before.
    parser.add_argument("bare", nargs="...", help="==SUPPRESS==")


def run(args: argparse.Namespace) -> Answer:
    """Run the command to its end; the answer is its status."""
    _require_command(args)
    mask = _calm()
    world = World.here()
    _adjust(world.config, args)
    environ = command.given_environment()
    found = command.find(args.flags, environ)
    if isinstance(found, command.Unstartable):
        return Answer("", found.status, (found.line,))
    if world.config.disable:
        say("switched off (NEFFCACHE_DISABLE): the command runs without the cache")
        found.take_over(environ, mask)
    guard = Guard(strict=world.config.strict)
    around = Surroundings(world.config, environ, guard)
    around.prepare()
    if around.nested:
        found.take_over(environ, mask)
    guard.tell()
    status = _attend(found, around, guard, mask)
    if not args.quiet and not found.is_unstartable:
        guard(lambda: _sum_up(around))
    guard.tell()
    if around.job is not None:
        around.job.end()
    if status < 0:
        become.die(-status)
    return Answer("", status)


def _require_command(args: argparse.Namespace) -> None:
    if args.bare:
        raise Usage(f"{args.bare[0]!r}: write `--` before the command, as in `{EXAMPLE}`")
    if not args.flags:
        raise Usage(f"no command given; write it behind `--`, as in `{EXAMPLE}`")


def _attend(found: Command, around: Surroundings, guard: Guard, mask: set[int]) -> int:
    """Start the command, wait for its end and then for its uploads: its status."""
    ending = Ending(around.config, _flush_of(around), guard)
    signal.pthread_sigmask(signal.SIG_BLOCK, child.all_signals())  # for good: the rest is waiting
    try:
        status, _peak = child.run(lambda: found.take_over(around.environ), mask, ending.hear)
    except OSError as error:
        say(f"no process can be made ({error.strerror}): the command runs without the cache's end")
        found.take_over(around.environ, mask)
    if not found.is_unstartable and around.config.upload != "off":
        ending.wait()
    return status


def _flush_of(around: Surroundings) -> Flush | None:
    if around.store is None or around.job is None:
        return None
    return Flush(around.store, around.job.name, around.watch, around.config, around.environ)


def _sum_up(around: Surroundings) -> None:
    flush = _flush_of(around)
    if flush is not None:
        counts = journal_totals.of_job(f"{flush.store.path}/{local.JOURNAL}", flush.name)
        say(line.words(counts, flush.look(), flush.reason))


def _calm() -> set[int]:
    """Ctrl-C ends us as it ends any program, until there is a command; the first process of a
    container, whom most signals do not reach otherwise, keeps them for that: the mask before."""
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    waiting = child.all_signals() if os.getpid() == 1 else set()
    return {int(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, waiting)}


def _adjust(config: Config, args: argparse.Namespace) -> None:
    if args.flush_timeout is not None:
        config.flush_timeout = args.flush_timeout
    if args.grace is not None:
        config.grace = args.grace
    if args.no_hooks:
        config.hooks = False
        config.origins["hooks"] = "--no-hooks"
