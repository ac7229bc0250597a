"""Noun: whether an entry's graph and flags are all that decided its NEFF, as its name has it."""

import posix

from neffcache import files, flags
from neffcache.graph import hlo, outside, source
from neffcache.invocation import Bypass

PLAIN, NAMES, UNCHECKED = "plain", "names", "unchecked"
WORDS = (PLAIN, NAMES, UNCHECKED)
_SHORT = 100
_DASHES = 2
# Where things are written to; libneuronxla takes the last three for itself.
_PLACES = flags.PLACES | {"--cache_dir", "--dump", "--compile_workdir"}


class Verdict:
    """What was found.

    A kernel or a table in another file is in neither the graph's bytes nor the flags' text: an
    entry whose graph or flags name one may be another program's under the same name.

    Attributes:
        word: plain (they name nothing), names (they do) or unchecked (nobody can tell).
        detail: what is named, or why it was not checked.
    """

    __slots__ = ("detail", "word")

    def __init__(self, word: str, detail: str = "") -> None:
        self.word = word
        self.detail = detail

    def why(self) -> str:
        """For people: why an entry with this verdict is not planted; "" for a plain one."""
        if self.word == PLAIN:
            return ""
        if self.word == NAMES:
            return f"it depends on more than its name covers: {self.detail}"
        return f"nobody has checked its graph: {self.detail}"


def of_graph(path: str) -> Verdict:
    """Read an HLO file. Raises OSError when it cannot be read."""
    found: list[str] = []

    def ask(target: bytes, config: bytes) -> None:
        name = outside.named(target, config)
        if name:
            found.append(name)

    opened = source.open_file(path)
    try:
        made = hlo.digest(opened, hlo.STRICT, ask)
    except Bypass as reason:  # not HLO that we can read, and it speaks of kernels
        return Verdict(UNCHECKED, reason.detail)
    finally:
        posix.close(opened.fd)
    if found:
        return Verdict(NAMES, found[0][:_SHORT])
    if made.level != hlo.STRICT:
        return Verdict(UNCHECKED, "; ".join(made.reasons)[:_SHORT])
    return Verdict(PLAIN)


def of_flags(text: bytes) -> Verdict:
    """Read compile_flags.json: a list of arguments."""
    import json

    try:
        words = json.loads(text)
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError("not a list of texts")
    except (ValueError, RecursionError) as error:
        return Verdict(UNCHECKED, f"its flags: {error}"[:_SHORT])
    for option, value in _values(words):
        named = outside.named(b"", files.encode(value))
        if _takes_file(option) or named:
            return Verdict(NAMES, f"{option} {named or value}"[:_SHORT])
    return Verdict(PLAIN)


def holds_paths(text: bytes) -> bool:
    """Whether the flags may tell of this host's directories."""
    return b"/" in text


def both(graph: Verdict, given: Verdict) -> Verdict:
    """The worse of two: what names something, else what nobody checked."""
    return min((graph, given), key=lambda one: (NAMES, UNCHECKED, PLAIN).index(one.word))


def _takes_file(option: str) -> bool:
    """Whether an option's value is a file; its name may have been cut short."""
    return len(option) > _DASHES and any(one.startswith(option) for one in flags.FILE_VALUES)


def _values(words: "list[str]") -> "list[tuple[str, str]]":
    """(option, value) of each argument, also of a bare one; not where the result and log go."""
    found, before = [], ""
    for word in words:
        option, mark, value = word.partition("=") if word.startswith("-") else (before, "=", word)
        before = "" if mark else option
        if option not in _PLACES:
            found.append((option, value))
    return found
