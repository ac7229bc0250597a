"""Door: the command `neffcache`: finds the module of a command, prints its answer."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from neffcache.cli.answer import Answer

# name, what it does; the module neffcache.cli.<name> holds EXAMPLE, arguments(parser), run(args).
COMMANDS = (
    ("install", "write the neuronx-cc that stands before the real one"),
    ("env", "print the shell line that puts it first on PATH"),
    ("stats", "count hits and misses, show the store and what waits for upload"),
    ("explain", "say why a call was a hit or a miss, part by part of its key"),
    ("key", "print the key of a compile part by part, or what differs between two graphs"),
    ("config", "list every setting: value, origin, variable, meaning; or import Olive's"),
    ("remotes", "list the remotes in order: mode, state, what waits for them"),
    ("doctor", "look for what would stop hits"),
    ("create", "make a cache repository on the Hub, private unless told otherwise"),
    ("set", "use a repository on the Hub as this user's cache from now on"),
    ("synchronize", "push what a repository on the Hub lacks; with --pull bring what it has"),
    ("flush", "wait until what is queued is uploaded"),
    ("run", "run a command with the cache, the hooks and the uploads around it"),
)
FINE, NO, MISUSED, MISSING, UNREACHABLE = 0, 1, 2, 3, 4
_INTERRUPTED = 130


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run one command.

    Args:
        argv: the words behind `neffcache`; None: those of this process.

    Returns:
        0 fine, 1 the answer is no, 2 used wrongly, 3 a required hit is missing, 4 a remote is
        unreachable; 130 interrupted.
    """
    from neffcache.cli import answer

    try:
        return answer.show(_run(list(sys.argv[1:] if argv is None else argv)))
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(words: "list[str]") -> "Answer":
    from neffcache.cli.answer import Answer, failure
    from neffcache.errors import NeffcacheError

    try:
        return _command(words)
    except (NeffcacheError, OSError) as error:
        return failure(error)
    except Exception as error:  # the one place where a fault of a command ends
        import os

        if os.environ.get("NEFFCACHE_STRICT"):
            raise
        line = f"unexpected fault ({type(error).__name__}: {error}); please report it"
        return Answer("", NO, (line,))


def _command(words: "list[str]") -> "Answer":
    from neffcache.cli.answer import Answer
    from neffcache.cli.usage import Help, Usage, overview, parse, unknown
    from neffcache.version import __version__

    names = [name for name, _does in COMMANDS]
    first = words[0] if words else ""
    if first in ("-h", "--help", "help"):
        return Answer(overview(COMMANDS))
    if first in ("-V", "--version"):
        return Answer(f"neffcache {__version__}\n")
    try:
        if first not in names:
            raise Usage(unknown(first, names))
        import importlib

        module = importlib.import_module(f"neffcache.cli.{first}")
        made: Answer = module.run(parse(module, dict(COMMANDS)[first], words))
    except Help as asked:
        return Answer(str(asked))
    except Usage as error:
        return Answer("", MISUSED, (str(error),))
    return made
