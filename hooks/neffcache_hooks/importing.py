"""Door: apply Patches to modules when they are imported, and to those that are there already."""

import sys
from _thread import get_ident

from neffcache_hooks import targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from neffcache_hooks.patch import Patch

_BENEATH = "somebody has replaced it since: ours works only where it is called by theirs"
APPLIED, WAITING, ASIDE, REVERTED = "applied", "waiting", "stands aside", "reverted"


class _Row:
    """A Patch, and what became of it."""

    __slots__ = ("beneath", "patch", "reason", "state")

    def __init__(self, patch: "Patch") -> None:
        self.patch, self.state, self.reason = patch, WAITING, ""
        # Whether ours could not be taken away, because somebody had put his own there.
        self.beneath = False


# Name → the module that the Patches are for, and they; and, for rooms that are missing, why.
_rows: "dict[str, tuple[ModuleType, list[_Row]]]" = {}
_problems: "dict[str, str]" = {}


class Finder:
    """First on sys.meta_path: finds nothing itself, but has targets patched once they ran."""

    # Tells one of us from the others, also one of another copy of this module.
    neffcache_finder = True

    def __init__(self) -> None:
        self._asking: set[tuple[int, str]] = set()

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """What the other finders say about a target, with a loader that tells us; else None."""
        if not targets.rooms(name):
            return None
        asked = (get_ident(), name)
        if asked in self._asking:
            return None  # another finder that asks everybody, us included
        self._asking.add(asked)
        try:
            spec = _others(name, path, target)
        finally:
            self._asking.discard(asked)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _stand_in(spec.loader)
        return spec


class _Loader:
    """Stands before a module's own loader until the module runs; for everything else is it."""

    def __init__(self, loader: "Any") -> None:
        self._neffcache_loader = loader

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        """As the real loader does, which sees its own spec."""
        before, spec.loader = spec.loader, self._neffcache_loader
        try:
            made: ModuleType | None = self._neffcache_loader.create_module(spec)
        finally:
            spec.loader = before
        return made

    def exec_module(self, module: "ModuleType") -> None:
        """Run the module as without us, then patch it."""
        real = self._neffcache_loader
        spec: Any = module.__spec__
        if spec is not None and spec.loader is self:
            spec.loader = real
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = real
        real.exec_module(module)
        name = spec.name if spec is not None else module.__name__
        # Some put something else into their own place.
        apply(name, sys.modules.get(name, module), again=True)

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._neffcache_loader, name)

    @property  # type: ignore[misc]  # whoever asks for the kind of a loader learns the real one's
    def __class__(self) -> "Any":
        return type(self._neffcache_loader)


def _stand_in(loader: "Any") -> "Any":
    return _Loader(loader)


def enable() -> None:
    """See `neffcache_hooks.enable`."""
    import os

    if os.environ.get("NEFFCACHE_ACTIVE"):
        return
    from neffcache_hooks import guard

    guard.switched_on[:] = [True]
    if not any(hasattr(finder, "neffcache_finder") for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    for name in targets.imported(sys.modules):
        module = sys.modules.get(name)
        if module is not None and not _is_running(module):
            apply(name, module)


def disable() -> None:
    """See `neffcache_hooks.disable`."""
    from neffcache_hooks import guard

    guard.switched_on.clear()
    sys.meta_path[:] = [one for one in sys.meta_path if not hasattr(one, "neffcache_finder")]
    for _module, rows in _rows.values():
        for row in rows:
            if row.state == APPLIED:
                row.beneath = not guard.protect(row.patch.label, row.patch.revert)
                row.state, row.reason = REVERTED, _BENEATH if row.beneath else ""


def apply(name: str, module: "ModuleType", *, again: bool = False) -> None:
    """Patch a module; never raises but with NEFFCACHE_STRICT.

    Args:
        again: it has just run: what an earlier run was given is gone.
    """
    from neffcache_hooks import guard

    if not guard.switched_on:
        return
    if again or name not in _rows or _rows[name][0] is not module:
        made: list[_Row] = []
        for room in targets.rooms(name):
            made += map(_Row, guard.attempt(room, _patches, room, module) or [])
        _rows[name] = (module, made)
    for row in _rows[name][1]:
        if row.state != APPLIED:
            _apply(row)


def status() -> "list[tuple[str, str, str]]":
    """See `neffcache_hooks.status`."""
    from neffcache_hooks import guard

    found: list[tuple[str, str, str]] = []
    why = "not imported yet" if guard.switched_on else "the hooks are off"
    names = (*targets.MODULES, *targets.PACKAGES)
    found += [(name, WAITING, why) for name in names if name not in _rows]
    faults = {
        label: f"{count} faults, the first: {first}"
        for label, (count, first) in guard.faults.items()
    }
    for _module, rows in _rows.values():
        for row in rows:
            fault = faults.pop(row.patch.label, "")
            found.append((row.patch.label, row.state, row.reason or fault))
    found += [(name, ASIDE, why) for name, why in (_problems | faults).items()]
    return found


def _patches(room: str, module: "ModuleType") -> "list[Patch]":
    """The Patches of a room for a module; imported here, when it is needed."""
    try:
        __import__(room)
    except ModuleNotFoundError as error:
        if error.name != room:
            raise
        _problems[room] = "this room is missing: the installation is not whole"
        return []
    made: list[Patch] = sys.modules[room].patches(module)
    return made


def _apply(row: _Row) -> None:
    from neffcache_hooks import guard

    if row.beneath:  # it is awake again where it is; once more around would be twice
        row.state, row.reason = APPLIED, _BENEATH
        return
    reason = guard.attempt(row.patch.label, row.patch.apply)
    if reason is None:
        reason = guard.faults.get(row.patch.label, (0, "?"))[1]
    row.state, row.reason = (ASIDE, reason) if reason else (APPLIED, "")
    if reason:
        guard.say(row.patch.label, f"stands aside: {reason}")


def _others(name: str, path: "Any", target: "Any") -> "ModuleSpec | None":
    for finder in list(sys.meta_path):
        find = getattr(finder, "find_spec", None)
        if find is not None and not hasattr(finder, "neffcache_finder"):
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
    return None


def _is_running(module: "ModuleType") -> bool:
    """Whether a module is in the middle of its import."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))
