"""Noun: what differs between two graph files of any form, in words; for people, not for keys."""

from __future__ import annotations

import os
from collections.abc import Iterator

from neffcache import files
from neffcache.graph import compare, hlo, mlir_calls, mlir_text, source, wire

LEVELS = hlo.LEVELS
# Larger files are not held in memory: where they begin to differ is all that is said.
_LARGEST = 256 << 20
_SHOWN_LINES = 3
# Messages around the module, by form: its place is the one field 1 of each.
_AROUND = {"hlo-module": 0, "hlo-proto": 1, "hlo-snapshot": 2}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.graph.raw import Graph


def differences(path: str, other: str, graphs: tuple[Graph, Graph], level: str) -> Iterator[str]:
    """What differs, the most telling first; at least one line.

    Args:
        graphs: what the files were read as, with other digests.
        level: the safer of the levels that they were read at.

    Raises:
        OSError: one of them cannot be read.
    """
    forms = [graph.form.partition(" ")[0] for graph in graphs]
    told = False
    if max(os.path.getsize(path), os.path.getsize(other)) <= _LARGEST:
        for line in _told(path, other, forms, level):
            told = True
            yield line
    if not told:
        yield bytes_differ(path, other)


def _told(path: str, other: str, forms: list[str], level: str) -> Iterator[str]:
    if all(form in _AROUND for form in forms):
        try:
            a, b = (_module(one, form) for one, form in zip((path, other), forms, strict=True))
            found = compare.compare(a, b, level)
        except (wire.Malformed, IndexError, ValueError):  # changed since it was read as a module
            return
        yield from found
    elif forms == ["mlir-text", "mlir-text"]:
        yield from _lines(_text(path, level), _text(other, level), level)


def _module(path: str, form: str) -> bytes:
    """The module in a file; b"" when it is not where its form says."""
    body = files.read(path, _LARGEST)
    for _ in range(_AROUND[form]):
        found = wire.fields(body, 0, len(body))
        body = next((body[value:stop] for tag, _, value, stop in found if tag == 1 << 3 | 2), b"")
    return body


class _Kept:
    """Takes the place of a hash and keeps what would have been hashed."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def update(self, data: bytes | memoryview, /) -> None:
        self.parts.append(bytes(data))

    def hexdigest(self) -> str:
        return ""


def _text(path: str, level: str) -> list[bytes]:
    """The lines of a text, above the level raw without their locations."""
    if level == hlo.RAW:
        return files.read(path, _LARGEST).split(b"\n")
    kept = _Kept()
    stripper = mlir_text.Stripper(kept, mlir_calls.Calls(lambda _target, _config: None))
    opened = source.open_file(path)
    try:
        for part in mlir_text.parts(opened):
            stripper.feed(part)
    finally:
        os.close(opened.fd)
    stripper.finish()
    return b"".join(kept.parts).split(b"\n")


def _lines(ours: list[bytes], theirs: list[bytes], level: str) -> Iterator[str]:
    """The first lines that differ, and how many there are."""
    where = "" if level == hlo.RAW else ", counted without locations"
    pairs = enumerate(zip(ours, theirs, strict=False), 1)
    unlike = [(at, a, b) for at, (a, b) in pairs if a != b]
    for at, a, b in unlike[:_SHOWN_LINES]:
        yield f"line {at}{where}: {_shown(a)} and {_shown(b)}"
    if len(unlike) > _SHOWN_LINES:
        yield f"{len(unlike)} lines are not the same"
    if len(ours) != len(theirs):
        yield f"{len(ours)} lines, and {len(theirs)}"


def _shown(line: bytes) -> str:
    return repr(line.strip().decode("utf-8", "backslashreplace")[:150])


def bytes_differ(path: str, other: str) -> str:
    """Where two files begin to differ."""
    at = 0
    with open(path, "rb") as one, open(other, "rb") as two:
        while True:
            a, b = one.read(files.CHUNK), two.read(files.CHUNK)
            if a != b:
                pairs = enumerate(zip(a, b, strict=False))
                at += next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))
                break
            if not a:
                return "the same bytes"
            at += len(a)
    sizes = f"{os.path.getsize(path)} and {os.path.getsize(other)} bytes"
    return f"the bytes differ from number {at} on ({sizes})"
