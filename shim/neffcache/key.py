"""Noun: the key: a digest over labelled parts, and the list of parts that explains it."""

from neffcache import files
from neffcache.graph import raw
from neffcache.invocation import Bypass

# Changes whenever the meaning of a part changes; part of every key.
FORMAT = 1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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
    graph: "raw.Graph",
    compiler: "Sequence[tuple[str, bytes]]",
    around: "Sequence[tuple[str, bytes]]",
    target: str = "",
) -> Key:
    """The key of a compile.

    Args:
        call: the compile.
        graph: what its graph says; notes when a file in the key last changed.
        compiler: labelled parts that identify the compiler.
        around: labelled parts for the environment that the compiler will see.
        target: what a missing --target stands for.

    Raises:
        Bypass: a file that an option or a variable names cannot be part of a key.
    """
    parts = [Part(label, value) for label, value in compiler]
    parts.append(Part("graph", files.encode(graph.text())))
    if not call.target:
        parts.append(Part("target", files.encode(target)))
    parts += [Part("option", files.encode(option)) for option in call.options]
    parts += [_content(name, path, graph) for name, path in call.named_files]
    for label, value in around:
        parts.append(Part(label, value))
        path = _named_file(call, label, value)
        if path:
            parts.append(_content(label, path, graph))
    return Key(parts)


def _content(name: str, path: str, graph: "raw.Graph") -> Part:
    """The part for a file that an option's or a variable's value names: what is in it."""
    try:
        graph.changed = max(graph.changed, raw.changed(path))
        return Part("file " + name, raw.hash_file(path)[0].encode())
    except OSError as error:
        raise Bypass(raw.UNREADABLE, f"{path}: {error.strerror}") from error


def _named_file(call: "Invocation", label: str, value: bytes) -> str:
    """The file that a variable's value names; XLA takes flags from one without a directory, too."""
    if b"/" not in value and label != "env XLA_FLAGS":
        return ""
    path = files.join(call.cwd, files.decode(value))
    state = files.mode(path)
    return path if files.is_regular(state) else ""
