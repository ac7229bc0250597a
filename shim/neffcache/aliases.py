"""World: what graphs with these very bytes came to before: a repeat costs a plain hash."""

import posix
import time

from neffcache import files
from neffcache.graph.raw import FORMATS, Graph

_FIRST_LINE = "neffcache-alias 1"
_MOST = 1 << 20
_MOST_CONFIGS = 256 << 10
# An alias not used for so long is cleared; use is noted once a day.
_KEPT, _DAY = 30 * 86400.0, 86400.0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.graph.walk import Calls


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

    def text(self) -> bytes:
        """As it is remembered."""
        graph = self.graph
        lines = [_FIRST_LINE, f"graph {graph.level}\t{graph.form}\t{graph.digest}"]
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
    """The alias at a place; None when there is none, or it is damaged."""
    try:
        text = files.read(path, _MOST)
        body, mark, last = text.rpartition(b"end ")
        if not mark or last != f"{files.digest(body)}\n".encode():
            return None
        made = _parse(files.decode(body))
        if abs(time.time() - posix.stat(path).st_mtime) > _DAY:
            posix.utime(path)
    except (OSError, ValueError):
        return None
    return made


def _parse(text: str) -> Alias:
    lines = text.split("\n")
    if lines[0] != _FIRST_LINE or not lines[1].startswith("graph "):
        raise ValueError("unknown version")
    made = Alias(Graph(*lines[1][len("graph ") :].split("\t")), {})
    reasons = []
    for line in lines[2:-1]:
        word, _, rest = line.partition(" ")
        if word == "reason":
            reasons.append(rest)
        else:
            target, config, answer = rest.split("\t")
            made.calls[bytes.fromhex(target), bytes.fromhex(config)] = answer
    made.graph.reasons = tuple(reasons)
    return made


def remember(path: str, alias: Alias) -> None:
    """Keep an alias; failing to, or having too much to say, is no fault."""
    if sum(len(config) for _target, config in alias.calls) > _MOST_CONFIGS:
        return
    try:
        files.make_directories(files.parent(path))
        _sweep(files.parent(path))
        files.publish(path, alias.text())
    except OSError:
        pass


def _sweep(directory: str) -> None:
    """Clear what was not used for long, in the one directory that grows."""
    now = time.time()
    for name in posix.listdir(directory):
        path = f"{directory}/{name}"
        state = files.state(path)
        if state is not None and now - state[3] / 1e9 > _KEPT:
            files.discard(path)
