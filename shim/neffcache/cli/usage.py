"""Door: the command line of `neffcache`: its words, its help, and one line when they are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import ModuleType

_STATUSES = """\
status: 0 fine, 1 the answer is no, 2 used wrongly, 3 a required hit is missing,
        4 a remote is unreachable or takes nothing now
"""


class Usage(Exception):
    """The command was used wrongly: one line that names the thing and the remedy."""


class Help(Exception):
    """The help was asked for; the text is the answer."""


def parse(module: ModuleType, does: str, words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command.

    Args:
        module: the command's module; with FLAGS, what follows `--` is kept as it is, in `flags`.
        does: what it does, in one line.
        words: the command's name and what follows it.

    Raises:
        Usage, Help.
    """
    import argparse

    program = f"neffcache {words[0]}"

    class Parser(argparse.ArgumentParser):
        """Raises instead of printing and leaving."""

        def error(self, message: str) -> NoReturn:
            raise Usage(f"{message}; see `{program} --help`")

        def print_help(self, _file: Any = None) -> None:
            raise Help(self.format_help())

    parser = Parser(
        prog=program,
        description=does[:1].upper() + does[1:] + ".",
        epilog=f"example:\n  {module.EXAMPLE}\n\n{getattr(module, 'STATUSES', _STATUSES)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.arguments(parser)
    ours, flags = list(words[1:]), None
    if hasattr(module, "FLAGS") and "--" in ours:
        at = ours.index("--")
        ours, flags = ours[:at], ours[at + 1 :]
    made = parser.parse_args(ours)
    made.flags = flags
    return made


def overview(commands: Sequence[tuple[str, str]]) -> str:
    """The text of `neffcache --help`."""
    width = max(len(name) for name, _does in commands)
    lines = [f"  {name:<{width}}  {does}" for name, does in commands]
    return "\n".join(
        (
            "usage: neffcache COMMAND [OPTION...]",
            "",
            "A compiler cache in front of neuronx-cc.",
            "",
            "commands:",
            *lines,
            "",
            "`neffcache COMMAND --help` tells more; `neffcache --version` the version.",
            "example:",
            '  eval "$(neffcache env)"',
            "",
            _STATUSES,
        )
    )


def unknown(word: str, names: Sequence[str]) -> str:
    """What to say to a word that is no command."""
    import difflib

    if not word:
        return f"no command given; use one of {', '.join(names)}, or see `neffcache --help`"
    near = difflib.get_close_matches(word, names, 1)
    remedy = f"did you mean {near[0]}?" if near else f"use one of {', '.join(names)}"
    return f"unknown command {word!r}; {remedy}"
