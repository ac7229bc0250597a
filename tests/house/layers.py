"""House: floors of the product; imports go down or sideways, never up."""

from collections.abc import Iterator
from pathlib import Path

from house import tree

DOOR = 5
# Room (first name below the package) → floor. Every module has its room here.
FLOORS = {
    **dict.fromkeys(
        ("errors", "outcome", "files", "kernel", "locks", "processes", "start", "version"), 0
    ),
    **dict.fromkeys(("become", "child"), 0),
    **dict.fromkeys(
        ("invocation", "flags", "environment", "environment_reasons", "graph", "key"), 1
    ),
    **dict.fromkeys(("entry", "neff", "native", "payload"), 1),
    **dict.fromkeys(("config", "options", "compiler", "store", "remote"), 2),
    **dict.fromkeys(("locations", "redacting", "schemes", "objects", "registry"), 2),
    **dict.fromkeys(
        (
            "absences",
            "adoption",
            "aliases",
            "backlog",
            "breaker",
            "credentials",
            "hub",
            "failures",
            "holders",
            "jobs",
            "journal",
            "journal_counts",
            "journal_totals",
            "queue",
            "queueing",
            "lease",
            "ledger",
            "living",
            "machine",
            "olive",
            "orphans",
            "planted",
            "publishing",
            "targets",
            "trust",
            "watched",
            "watching",
        ),
        2,
    ),
    **dict.fromkeys(("cache", "remotes"), 3),
    **dict.fromkeys(("run",), 4),
    **dict.fromkeys(("shim", "cli", "sync", "fleet", "hooks"), DOOR),
}
# Opened by scheme, never imported by name from outside.
BY_SCHEME = "remotes"


def rising_imports(root: Path) -> Iterator[str]:
    """Imports that go up, from door to door, or to a remote by name; modules without a room."""
    for name in tree.python_files(root, "shim/neffcache", "hooks/neffcache_hooks"):
        room = room_of(Path(name).with_suffix("").parts[1:])
        if room not in FLOORS and room != "":
            yield f"{name}: room {room!r} has no floor in tests/house/layers.py"
            continue
        for line, target in tree.imports(tree.parse(root, name)):
            reason = why_wrong(room, room_of(tuple(target.split("."))))
            if reason:
                yield f"{name}:{line}: {reason}"


def room_of(parts: tuple[str, ...]) -> str | None:
    """The room of a dotted name: '' for the package itself, None for other people's modules."""
    if parts[0] == "neffcache_hooks":
        return "hooks"
    if parts[0] != "neffcache":
        return None
    if parts[1:] == ("__main__",):
        return "cli"
    return "" if len(parts) == 1 or parts[1].startswith("__") else parts[1]


def why_wrong(room: str | None, target: str | None) -> str:
    """What is wrong with an import from one room to another, or ''."""
    if not target or room == target:
        return ""
    if target not in FLOORS:
        return f"room {target!r} has no floor in tests/house/layers.py"
    if target == BY_SCHEME:
        return "a remote is opened by its scheme, not imported"
    floor = FLOORS.get(room or "", 0)
    if floor < FLOORS[target]:
        return f"{room or 'the package'} (floor {floor}) imports {target} above it"
    return f"door {room} imports door {target}" if floor == FLOORS[target] == DOOR else ""
