"""World: what watchers say of themselves, in a small file each: for stats and explain."""

import posix

from neffcache import files, queue, remote, watching

FIRST_LINE = "neffcache-watch 1"
_LIMIT = 256 << 10
_COUNTS = ("noticed", "queued", "past")
_LETTERS = 200
_MOST = 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class State:
    """What has been seen since the store was made.

    Attributes:
        running: watchers that run now.
        noticed: whole entries of libneuronxla's cache that were new.
        queued: those of them that were queued for a remote.
        past: NEFFs without a key, in directories of other frameworks: compiled past the shim.
        roots: (kind, how it is watched or why it is not, path) of each directory.
        problems: one line each, with the remedy where there is one.
    """

    __slots__ = ("noticed", "past", "problems", "queued", "roots", "running")

    def __init__(self) -> None:
        self.running = self.noticed = self.queued = self.past = 0
        self.roots: list[tuple[str, str, str]] = []
        self.problems: list[str] = []

    def text(self) -> bytes:
        """The file."""
        lines = [FIRST_LINE, *(f"{name} {getattr(self, name)}" for name in _COUNTS)]
        lines += [f"root {kind}\t{how}\t{queue.quoted(path)}" for kind, how, path in self.roots]
        lines += [f"problem {' '.join(one.split())[:_LETTERS]}" for one in self.problems[:_MOST]]
        body = files.encode("\n".join(lines) + "\n")
        return body + f"end {files.digest(body)}\n".encode()

    def add(self, other: "State") -> None:
        """Count another one in."""
        for name in ("running", *_COUNTS):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.roots += [one for one in other.roots if one not in self.roots]
        self.problems += [one for one in other.problems if one not in self.problems]


def read(directory: str) -> State:
    """What the watcher of a directory has said last; nothing when that is not there or damaged."""
    made = State()
    try:
        body, _, end = files.read(f"{directory}/{watching.STATE}", _LIMIT).rpartition(b"end ")
    except OSError:
        return made
    if end.strip() != files.digest(body).encode():
        return made
    _take(made, files.decode(body).split("\n")[1:-1])
    return made


def total(top: str) -> State:
    """All watchers' below a directory; roots and problems only of those that run now, if any do."""
    made = State()
    found = [(read(path), watching.is_running(path)) for path in _directories(top)]
    some = any(runs for _state, runs in found)
    for state, runs in found:
        state.running = int(runs)
        if some and not runs:
            state.roots, state.problems = [], []
        made.add(state)
    return made


def _take(made: State, lines: "Iterable[str]") -> None:
    for line in lines:
        word, _, value = line.partition(" ")
        if word == "problem":
            made.problems.append(value)
        elif word == "root":
            kind, _, rest = value.partition("\t")
            how, _, path = rest.partition("\t")
            made.roots.append((kind, how, remote.unquote(path)))
        elif word in _COUNTS and value.isdigit():
            setattr(made, word, int(value))


def _directories(top: str) -> "list[str]":
    try:
        return [f"{top}/{name}" for name in sorted(posix.listdir(top)) if len(name) == 32]
    except OSError:
        return []
