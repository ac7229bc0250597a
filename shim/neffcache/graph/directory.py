"""Noun: the digest of a `model/` directory: its graph at a level, every other file by its bytes."""

import posix

from neffcache import files
from neffcache.invocation import Bypass

# The one file that is read at a level; weights and metadata count byte for byte.
GRAPH = "graph.hlo"
# Changes whenever the meaning of the hashed bytes does.
FORMAT = 1
_MOST_FILES = 100_000
_DEEPEST = 16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Graph(Protocol):
        """What is known of a graph file that was read."""

        level: str
        form: str
        digest: str
        size: int
        changed: int
        reasons: tuple[str, ...]

    ReadGraph = Callable[[str], Graph]
    # path -> (hexdigest, size) of a file's bytes.
    HashFile = Callable[[str], tuple[str, int]]


class Digest:
    """What a directory's content comes to.

    Attributes:
        level: how much was normalised in its graph; "raw" without one.
        hexdigest: SHA-256 over the relative name and digest of every file.
        reasons: why the level is not the one that was asked for.
        size: bytes read.
        changed: when any of its files last changed in any way (ns).
    """

    __slots__ = ("changed", "hexdigest", "level", "reasons", "size")

    def __init__(self) -> None:
        self.level = "raw"
        self.hexdigest = ""
        self.reasons: tuple[str, ...] = ()
        self.size = self.changed = 0


def digest(path: str, read_graph: "ReadGraph", hash_file: "HashFile") -> Digest:
    """Digest a directory.

    A link to a file is that file: caches of models link every weight, and the compiler sees but
    the content. A link to a directory is none of ours: it may lead in a circle, or to anywhere.

    Args:
        read_graph: reads graph.hlo, at whatever level it can.
        hash_file: reads any other file.

    Raises:
        Bypass: something in it is neither file nor directory, or what is read says so.
        OSError: it cannot be read; a link leads nowhere.
    """
    made = Digest()
    lines = []
    for name, full, changed in list_files(path):
        if name == GRAPH:
            graph = read_graph(full)
            made.level, made.reasons = graph.level, graph.reasons
            kind, hexdigest, size = f"{graph.level} {graph.form}", graph.digest, graph.size
            changed = max(changed, graph.changed)
        else:
            kind, (hexdigest, size) = "file", hash_file(full)
        encoded = files.encode(name)
        lines.append(b"%b %d %b\n" % (f"{kind} {hexdigest}".encode(), len(encoded), encoded))
        made.size += size
        made.changed = max(made.changed, changed)
    lines.insert(0, f"neffcache-graph directory {made.level} {FORMAT}\0".encode())
    made.hexdigest = files.digest(b"".join(lines))
    return made


def list_files(path: str) -> "list[tuple[str, str, int]]":
    """(relative name, full path, last change in ns) of every file, sorted by name.

    Raises:
        Bypass: there is something else than files and directories, or too much.
        OSError: it cannot be read; a link leads nowhere.
    """
    found: list[tuple[bytes, int]] = []
    _walk(path, "", 0, found)
    found.sort()
    return [(files.decode(name), files.join(path, files.decode(name)), at) for name, at in found]


def _walk(top: str, below: str, depth: int, found: "list[tuple[bytes, int]]") -> None:
    here = files.join(top, below) if below else top
    for name in posix.listdir(here):
        relative = f"{below}/{name}" if below else name
        full = files.join(top, relative)
        state = posix.lstat(full)
        changed = state.st_ctime_ns
        if files.is_directory(state.st_mode) and depth < _DEEPEST:
            _walk(top, relative, depth + 1, found)
            continue
        if files.is_link(state.st_mode):  # pointed elsewhere and back shows itself in the link
            state = posix.stat(full)
            changed = max(changed, state.st_ctime_ns)
        if not files.is_regular(state.st_mode) or len(found) >= _MOST_FILES:
            raise Bypass("graph_directory_odd", full)
        found.append((files.encode(relative), changed))
