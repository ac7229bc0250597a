"""Bundles taken apart: where their regions lie, and the same files under another index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from neffcache.entry import build, index, read


def regions(path: Path, key: str) -> dict[str, tuple[int, int]]:
    """Name → (start, end) of every part of a bundle, one after the other without a gap."""
    bundle = read.open_bundle(str(path), key)
    try:
        head = bundle.index
        size = len(head.text())
        found = {"index header": (0, index.BLOCK), "index": (index.BLOCK, index.BLOCK + size)}
        at = head.manifest_offset - index.BLOCK
        found["index padding"] = (index.BLOCK + size, at)
        found["manifest header"] = (at, head.manifest_offset)
        at = head.manifest_offset + head.manifest_size
        found["manifest"] = (head.manifest_offset, at)
        for member in head.members:
            found[f"padding before {member.role}"] = (at, member.offset - index.BLOCK)
            found[f"{member.role} header"] = (member.offset - index.BLOCK, member.offset)
            at = member.offset + member.stored
            found[member.role] = (member.offset, at)
        found["padding at the end"] = (at, head.end - 2 * index.BLOCK)
        found["trailer"] = (head.end - 2 * index.BLOCK, head.end)
        return {name: (start, end) for name, (start, end) in found.items() if start < end}
    finally:
        bundle.close()


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    """The bytes with one bit turned."""
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]


def index_lines(path: Path, key: str) -> list[str]:
    """The lines of a bundle's index, without the last, which signs them."""
    bundle = read.open_bundle(str(path), key)
    try:
        return bundle.index.text().decode().splitlines()[:-1]
    finally:
        bundle.close()


def signed(lines: list[str]) -> bytes:
    """An index of these lines, with the digest that makes it one."""
    body = ("\n".join(lines) + "\n").encode()
    return body + f"end {hashlib.sha256(body).hexdigest()}\n".encode()


def reindexed(path: Path, key: str, change: Callable[[list[str]], list[str]]) -> bytes:
    """A bundle whose index was rewritten and signed anew, everything behind it as it was."""
    text = signed(change(index_lines(path, key)))
    start, _ = regions(path, key)["manifest header"]
    padding = bytes(index.padded(len(text)) - len(text))
    return build.header("index", len(text)) + text + padding + path.read_bytes()[start:]
