"""argv to Request: the subcommand, the inputs, and the options with the right-most one winning."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from neuronxcc.driver.options import (
    ALIASES,
    MANY,
    NONE,
    OPEN_PREFIXES,
    OPTIONS,
    SHORT,
    SWITCHES,
    Option,
)
from neuronxcc.errors import UsageError

COMMANDS = ("compile", "list-operators")
Value = str | list[str] | bool


@dataclass
class Request:
    """What one command line asks for."""

    argv: list[str]
    command: str = ""
    inputs: list[str] = field(default_factory=list)
    options: dict[str, Value] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """An option's value as one text; nothing for a flag without a value."""
        value = self.options.get(name, default)
        if isinstance(value, bool):
            return ""
        return value if isinstance(value, str) else " ".join(value)

    def has(self, name: str) -> bool:
        return name in self.options


def parse(argv: list[str]) -> Request:
    """Read a command line of any of the compiler's generations."""
    request = Request(argv)
    words = list(argv)
    while words:
        word = words.pop(0)
        if word.startswith("--") and len(word) > 2:
            _long(request, word, words)
        elif word.startswith("-") and len(word) > 1:
            _short(request, word, words)
        elif not request.command:
            _command(request, word)
        else:
            request.inputs.append(word)
    return request


def _command(request: Request, word: str) -> None:
    if word in COMMANDS:
        request.command = word
    elif request.has("query-compute-placement"):
        request.inputs.append(word)
    else:
        raise UsageError(f"invalid choice: {word!r} (choose from {', '.join(COMMANDS)})")


def _long(request: Request, word: str, words: list[str]) -> None:
    name, equals, value = word[2:].partition("=")
    _take(request, _find(name), words, value if equals else None)


def _short(request: Request, word: str, words: list[str]) -> None:
    """`-O1`, `-O 1`, `-O=1`, `-lnc 1`, `-lnc=1`, `-oPATH`: the longest known flag first."""
    for flag in sorted(SHORT, key=len, reverse=True):
        if word.startswith(flag):
            rest = word[len(flag) :].removeprefix("=")
            _take(request, OPTIONS[SHORT[flag]], words, rest or None)
            return
    raise UsageError(f"unrecognized arguments: {word}")


def _find(name: str) -> Option:
    """The option of that name, or the only one that the name begins (as argparse would)."""
    if name in OPTIONS:
        return OPTIONS[name]
    begun = [known for known in OPTIONS if known.startswith(name)]
    if len(begun) == 1:
        return OPTIONS[begun[0]]
    if len(begun) > 1:
        raise UsageError(f"ambiguous option: --{name} could match --{', --'.join(begun)}")
    if name.startswith(OPEN_PREFIXES):
        return Option(name, words="open")
    raise UsageError(f"unrecognized arguments: --{name}")


def _take(request: Request, option: Option, words: list[str], given: str | None) -> None:
    value = _value(request, option, words, given)
    if option.choices and str(value).upper() not in {c.upper() for c in option.choices}:
        raise UsageError(
            f"argument --{option.name}: invalid choice: {value!r}"
            f" (choose from {', '.join(option.choices)})"
        )
    name = ALIASES.get(option.name, option.name)
    if name in SWITCHES:
        name, value = SWITCHES[name]
    request.options.pop(name, None)
    request.options[name] = value


def _value(request: Request, option: Option, words: list[str], given: str | None) -> Value:
    if option.words == NONE:
        if given is not None:
            raise UsageError(f"argument --{option.name}: ignored explicit argument {given!r}")
        return True
    if given is not None:
        return [given] if option.words == MANY else given
    if option.words == "open":
        return _open_words(request, words) or True
    found = _bare(words, None if option.words == MANY else 1)
    if not found:
        raise UsageError(f"argument --{option.name}: expected at least one argument")
    return found if option.words == MANY else found[0]


def _bare(words: list[str], limit: int | None) -> list[str]:
    found: list[str] = []
    while words and not words[0].startswith("-") and (limit is None or len(found) < limit):
        found.append(words.pop(0))
    return found


def _open_words(request: Request, words: list[str]) -> list[str]:
    """The words of a flag nobody wrote down: what is neither a flag, a file nor the subcommand."""
    found: list[str] = []
    while words and not words[0].startswith("-") and not os.path.exists(words[0]):
        if not request.command and words[0] in COMMANDS:
            break
        found.append(words.pop(0))
    return found
