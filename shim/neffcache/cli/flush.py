"""Door: `neffcache flush`: wait until what is queued is uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neffcache import adoption, backlog, remote
from neffcache.cli import FINE, NO, UNREACHABLE, progress, text, waiting
from neffcache.cli.answer import Answer
from neffcache.cli.world import World

if TYPE_CHECKING:
    import argparse

    from neffcache.store.local import Store

EXAMPLE = "neffcache flush --timeout 600"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        help="seconds to go on trying; without it, until all is sent or has failed once",
    )
    parser.add_argument(
        "--refused", action="store_true", help="try again what a remote has refused for good, too"
    )
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="send with this environment's secret what was queued with another one, too",
    )
    parser.add_argument(
        "--drop",
        metavar="REMOTE",
        help="send nothing: set aside what waits for this one (ORG/NAME, or a URL without "
        "options); --refused takes it up again",
    )
    progress.add_option(parser)


def seconds(word: str) -> float:
    """The number of seconds that a word of the command line says."""
    import argparse

    try:
        value = float(word)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e9:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of seconds")
    return value


def run(args: argparse.Namespace) -> Answer:
    """Upload what this environment has the credentials for; say what is left, and why."""
    world = World.here()
    store = world.store()
    if store is None:
        return Answer("nothing waits for upload\n")
    if args.drop is not None:
        return _drop(store, world, args.drop)
    if args.refused:
        backlog.revive(store, world.environ)
    if args.adopt:
        adoption.adopt(store, world.environ)
    with progress.Progress("uploading", quiet=args.quiet) as shown:
        done = backlog.flush(store, world.environ, args.timeout, tell=shown.show)
    left = waiting.shown(store, done.left)
    refused = [waiting.buried(row) for row in done.dead]
    lines = [f"{text.count(done.sent, 'entry', 'entries')} sent"]
    if not done.sent and not left and not refused:
        lines = ["nothing waits for upload"]
    lines += [f"still waiting: {row.words()}" for row in left]
    lines += [f"refused for good: {row.words()}" for row in refused]
    status = NO if left or refused else FINE
    if done.unreachable:
        status = UNREACHABLE
    return Answer("\n".join(map(text.safe, lines)) + "\n", status)


def _drop(store: Store, world: World, place: str) -> Answer:
    """Nothing is sent, nor asked: the place may be a mistake."""
    count = adoption.drop(store, world.environ, place)
    if count:
        many = text.count(count, "entry", "entries")
        return Answer(f"{many} for {text.safe(place)} set aside\n")
    found = sorted({row.destination for row in waiting.pending(store, world.environ)})
    known = f"; entries wait for {', '.join(found)}" if found else ""
    return Answer(text.safe(f"nothing waits for {remote.shown(place)}{known}") + "\n", NO)
