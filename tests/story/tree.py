"""What a compile leaves behind, less what is random in it: a NEFF's uuid, times, process ids."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from neuronxcc import neff

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?")
_PROCESS = re.compile(r"(?<= )\d+(?= \[root\])")
_TEMPORARY = re.compile(r"neuronxcc-[0-9a-f]{12}")
_COMPILER_LOG = "INFO <pid> [root]: Compiler status PASS"


@dataclass(frozen=True)
class Node:
    """A file, directory or link: type and permissions, and its content without what is random."""

    mode: str
    content: str


def snapshot(root: Path) -> dict[str, Node]:
    """Everything below a directory, by relative name."""
    neffs = {path.read_bytes(): path.name for path in root.rglob("*.neff")}
    found = {}
    for path in sorted(root.rglob("*")):
        name = _TEMPORARY.sub("neuronxcc-*", str(path.relative_to(root)))
        found[name] = Node(stat.filemode(path.lstat().st_mode), _content(path, neffs))
    return found


def differences(one: dict[str, Node], other: dict[str, Node]) -> set[str]:
    """What tells two trees apart: "only NAME", "mode NAME" or "content NAME"."""
    return set(_differences(one, other))


def plain(text: str) -> str:
    """A text of the compiler without times, process ids and names of temporary directories."""
    text = _TEMPORARY.sub("neuronxcc-*", _TIME.sub("<time>", text))
    return _PROCESS.sub("<pid>", text)


def _differences(one: dict[str, Node], other: dict[str, Node]) -> Iterator[str]:
    for name in sorted({*one, *other}):
        if name not in one or name not in other:
            yield f"only {name}"
        else:
            if one[name].mode != other[name].mode:
                yield f"mode {name}"
            if one[name].content != other[name].content:
                yield f"content {name}"


def _content(path: Path, neffs: dict[bytes, str]) -> str:
    if path.is_symlink():
        return str(path.readlink())
    if path.is_dir():
        return ""
    data = path.read_bytes()
    if data in neffs and _is_whole(path):
        # The executable is in it by its digest, the graph and the effective flags too.
        return json.dumps(neff.info(str(path)), sort_keys=True)
    for inner, name in neffs.items():
        if inner and inner in data and path.name == "wrapped_neff.hlo":
            return f"{name} in {hashlib.sha256(data.replace(inner, b'')).hexdigest()}"
    if "log" in path.name:
        return plain(data.decode())
    if path.suffix == ".neff":  # a damaged one: its bytes are random
        return f"{len(data)} bytes"
    return hashlib.sha256(data).hexdigest()


def _is_whole(path: Path) -> bool:
    try:
        neff.info(str(path))
    except (neff.NeffError, OSError):
        return False
    return True
