"""Noun: read a graph at a level, whatever it is: HLO, StableHLO text or bytecode, a directory."""

import posix

from neffcache import files
from neffcache.graph import directory, hlo, mlir_bytecode, mlir_text, raw, source
from neffcache.graph.asked import Asked
from neffcache.graph.raw import UNREADABLE, Graph
from neffcache.invocation import Bypass

_HEAD = 4096

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.graph.asked import Calls
    from neffcache.graph.mlir_bytecode import Strip
    from neffcache.graph.source import Source


class Walk:
    """A graph that was read.

    Attributes:
        graph: what it says.
        calls: the custom calls in it.
        bytes_digest: of the very bytes that were walked; "" when they were not held together.
    """

    __slots__ = ("bytes_digest", "calls", "graph")

    def __init__(self, graph: Graph, calls: "Calls", bytes_digest: str) -> None:
        self.graph = graph
        self.calls = calls
        self.bytes_digest = bytes_digest


def walk(path: str, level: str, cwd: str, strip: "Callable[[str], Strip | None]") -> Walk:
    """Read a graph at a level, or at a safer one.

    Args:
        cwd: where the compiler looks for kernels that are not at their path.
        strip: for a bytecode file, the parser to ask, or None.

    Raises:
        Bypass: it cannot be read, or names code that cannot be part of a key.
    """
    asked = Asked(cwd)
    seen: list[str] = []

    def read_one(file: str) -> Graph:
        graph, digest = _read_file(file, level, asked, strip(file))
        seen.append(digest)
        return graph

    try:
        if files.is_directory(posix.stat(path).st_mode):
            made = _read_directory(path, read_one)
            seen.append("")
        else:
            made = read_one(path)
    except OSError as error:
        raise Bypass(UNREADABLE, f"{path}: {error.strerror or error}") from error
    made.changed = max(made.changed, asked.changed())
    made.outside = asked.outside.references
    return Walk(made, asked.calls, seen[0] if len(seen) == 1 else "")


def _read_directory(path: str, read_one: "Callable[[str], Graph]") -> Graph:
    found = directory.digest(path, read_one, raw.hash_file)
    made = Graph(found.level, "directory", found.hexdigest)
    made.size, made.changed, made.reasons = found.size, found.changed, found.reasons
    return made


def _read_file(path: str, level: str, asked: Asked, strip: "Strip | None") -> "tuple[Graph, str]":
    """The graph, and the digest of its bytes where they were all in memory at once."""
    if not files.is_regular(posix.stat(path).st_mode):
        raise Bypass(UNREADABLE, f"{path}: neither a file nor a directory")
    opened = source.open_file(path)
    try:
        changed = posix.fstat(opened.fd).st_ctime_ns
        made = _digest(opened, level, asked, strip)
        whole = opened.size <= source.WHOLE
        digest = files.digest(opened.read(0, opened.size)) if whole else ""
    finally:
        posix.close(opened.fd)
    # The compiler may go by the name: two forms are told apart by it, too.
    made.form += " .mlir" if path.endswith(".mlir") else ""
    made.size, made.changed = opened.size, changed
    return made, digest


def _digest(opened: "Source", level: str, asked: Asked, strip: "Strip | None") -> Graph:
    head = opened.read(0, min(_HEAD, opened.size))
    if head.startswith(mlir_bytecode.MAGIC):
        code = mlir_bytecode.digest(opened, level, strip, asked)
        made = Graph(code.level, "mlir-bytecode", code.hexdigest)
        made.reasons = code.reasons
    elif mlir_text.looks_like(head):
        text = mlir_text.digest(opened, level, asked)
        made = Graph(text.level, "mlir-text", text.hexdigest)
        made.reasons = text.reasons
    else:
        proto = hlo.digest(opened, level, asked)
        made = Graph(proto.level, f"hlo-{proto.form}", proto.hexdigest)
        made.reasons = tuple(proto.reasons)
    return made
