"""Noun: the key: a digest over labelled parts, and the list of parts that explains it."""

from neffcache import environment, files
from neffcache.graph import raw
from neffcache.invocation import Bypass

# Changes whenever the meaning of a part changes; part of every key.
FORMAT = 1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neffcache.invocation import Invocation


class Part:
    """One labelled part of a key.

    Attributes:
        label: what it is, e.g. "option" or "env NEURON_FSDP".
        value: the bytes that count.
        digest: SHA-256 of the value, hex.
    """

    __slots__ = ("digest", "label", "value")

    def __init__(self, label: str, value: bytes) -> None:
        self.label = label
        self.value = value
        self.digest = files.digest(value)


class Key:
    """A key.

    Attributes:
        digest: 64 hex digits; names the entry everywhere.
        parts: what it is made of, in order.
    """

    __slots__ = ("digest", "parts")

    def __init__(self, parts: "list[Part]") -> None:
        self.parts = parts
        self.digest = combine([(part.label, part.digest) for part in parts])


def combine(parts: "Sequence[tuple[str, str]]") -> str:
    """The key's digest from its parts' labels and digests (so a manifest can be checked)."""
    lines = [b"neffcache-key %d\n" % FORMAT]
    for label, digest in parts:
        name = label.encode("utf-8", "surrogateescape")
        lines.append(b"%b %d %b\n" % (digest.encode(), len(name), name))
    return files.digest(b"".join(lines))


def compute(
    call: "Invocation",
    compiler: "Sequence[tuple[str, bytes]]",
    environ: "Mapping[bytes, bytes]",
    target: str = "",
) -> "tuple[Key, raw.Graph]":
    """The key of a compile, and the graph as read.

    Args:
        call: the compile.
        compiler: labelled parts that identify the compiler.
        environ: the environment the compiler will see.
        target: what a missing --target stands for.

    Raises:
        Bypass: the graph or a file that an option names cannot be part of a key.
    """
    graph = raw.read(call.graph)
    parts = [Part(label, value) for label, value in compiler]
    parts.append(Part("graph", f"{graph.level} {graph.form} {graph.digest}".encode()))
    if not call.target:
        parts.append(Part("target", files.encode(target)))
    parts += [Part("option", files.encode(option)) for option in call.options]
    parts += named_files(call, graph)
    for name, value in environment.relevant(environ):
        parts.append(Part("env " + files.decode(name), value))
    return Key(parts), graph


def named_files(call: "Invocation", graph: raw.Graph) -> "list[Part]":
    """The parts for files that option values name: their content, not their path; the last wins."""
    parts = []
    for option, path in call.named_files:
        try:
            graph.changed = max(graph.changed, raw.changed(path))
            parts.append(Part("file " + option, raw.hash_file(path)[0].encode()))
        except OSError as error:
            raise Bypass("graph_unreadable", f"{path}: {error.strerror}") from error
    return parts
