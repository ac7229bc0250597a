"""Door: the directories that jobs asked to have watched, as they wrote them down."""

import posix
import time

from neffcache import files, remote, watching

# A directory that nobody has asked for since is left alone.
_FORGET = 14 * 86400.0
_MOST = 64
_LIMIT = 64 << 10


def asked(directory: str) -> "list[tuple[str, str]]":
    """(path, kind) of the directories asked for, the last ones first; forgets old ones."""
    top = f"{directory}/{watching.ROOTS}"
    try:
        names = posix.listdir(top)
    except OSError:
        return []
    found = []
    for name in names:
        path = f"{top}/{name}"
        state = files.state(path)
        if state is None or name.startswith("."):
            continue
        if time.time() - state[3] / 1e9 > _FORGET:
            files.discard(path)
            continue
        row = _read(path)
        if row is not None:
            found.append((state[3], row))
    found.sort(reverse=True)
    return [row for _time, row in found[:_MOST]]


def _read(path: str) -> "tuple[str, str] | None":
    try:
        lines = files.decode(files.read(path, _LIMIT)).split("\n")
    except OSError:
        return None
    values = dict(line.split(" ", 1) for line in lines[1:] if " " in line)
    root = remote.unquote(values.get("root", ""))
    if lines[0] != watching.ROOT_LINE or not root.startswith("/"):
        return None
    return root, values.get("kind", watching.NATIVE)
