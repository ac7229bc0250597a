"""World: what graphs with these very bytes came to before: a repeat costs a plain hash."""

import posix
import time

from neffcache import files
from neffcache.graph.raw import FORMATS, Graph

_FIRST_LINE = "neffcache-alias 1"
_MOST = 512 << 10
_NAME = 35  # the last of a place: its directory, a slash, its name
# An alias not used for so long is cleared; use is noted once a day.
_KEPT, _DAY = 30 * 86400.0, 86400.0
# And in each of the 256 directories no more are kept than these, the last used.
_MOST_HERE = 64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.graph.asked import Calls


class Alias:
    """A graph known by its bytes.

    Attributes:
        graph: what it says (size and time of change are not known).
        calls: the custom calls whose answers it rests on.
    """

    __slots__ = ("calls", "graph")

    def __init__(self, graph: Graph, calls: "Calls") -> None:
        self.graph = graph
        self.calls = calls

    def text(self, name: str) -> bytes:
        """As it is remembered under a name, and under no other."""
        graph = self.graph
        lines = [_FIRST_LINE, name, f"{graph.level}\t{graph.form}\t{graph.digest}"]
        lines += [f"reason {' '.join(reason.split())}" for reason in graph.reasons]
        for (target, config), answer in self.calls.items():
            lines.append(f"call {target.hex()}\t{config.hex()}\t{answer}")
        body = files.encode("\n".join(lines) + "\n")
        return body + f"end {files.digest(body)}\n".encode()


def place(store: str, digest: str, level: str, detail: str) -> str:
    """The file for a graph's bytes.

    Args:
        store: the store's directory.
        digest: SHA-256 of the bytes.
        level: the level asked for.
        detail: what else decides how the bytes are read.
    """
    name = files.digest(files.encode(f"{FORMATS}\n{digest}\n{level}\n{detail}\n"))
    return f"{store}/aliases/{name[:2]}/{name[2:34]}"


def recall(path: str) -> "Alias | None":
    """The alias at a place; None when there is none, or it is damaged or another's."""
    try:
        text = files.read(path, _MOST)
        body, mark, last = text.rpartition(b"end ")
        if not mark or last != f"{files.digest(body)}\n".encode():
            return None
        made = _parse(files.decode(body), path[-_NAME:])
    except (OSError, ValueError):
        return None
    _mark_used(path)
    return made


def _parse(text: str, name: str) -> Alias:
    first, named, said, *lines = text.split("\n")
    if (first, named) != (_FIRST_LINE, name):
        raise ValueError("of an unknown version, or another's")
    level, form, digest = said.split("\t")
    made = Alias(Graph(level, form, digest), {})
    reasons = []
    for line in lines[:-1]:
        word, _, rest = line.partition(" ")
        if word == "reason":
            reasons.append(rest)
        else:
            target, config, answer = rest.split("\t")
            made.calls[bytes.fromhex(target), bytes.fromhex(config)] = answer
    made.graph.reasons = tuple(reasons)
    return made


def _mark_used(path: str) -> None:
    try:
        if abs(time.time() - posix.stat(path).st_mtime) > _DAY:
            posix.utime(path)
    except OSError:
        pass  # a read-only store serves all the same


def remember(path: str, alias: Alias) -> None:
    """Keep an alias; failing to, or having too much to say, is no fault."""
    text = alias.text(path[-_NAME:])
    if len(text) > _MOST:
        return
    try:
        directory = files.parent(path)
        files.make_directories(directory)
        _sweep(directory)
        files.publish(path, text)
    except OSError:
        pass


def _sweep(directory: str) -> None:
    """Clear what was not used for long, in the one directory that grows."""
    now = time.time()
    found = []
    for name in posix.listdir(directory):
        path = f"{directory}/{name}"
        state = files.state(path)
        if state is None:
            continue
        unfinished = name.startswith(".")
        if now - state[3] / 1e9 > (_DAY if unfinished else _KEPT):
            files.discard(path)
        elif not unfinished:
            found.append((state[3], path))
    found.sort()
    for _used, path in found[: max(len(found) + 1 - _MOST_HERE, 0)]:
        files.discard(path)
