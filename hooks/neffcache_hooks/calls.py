"""Door: the compile calls of a library: its `subprocess` is replaced by one that answers them."""

import sys
from functools import wraps
from types import FunctionType, ModuleType

from neffcache_hooks import child, guard
from neffcache_hooks.patch import Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_POPEN = "Popen"
# Python's own functions that start a Popen and wait for it.
_FUNCTIONS = ("run", "call", "check_call", "check_output")


def patches(module: ModuleType) -> "list[Patch]":
    """A Patch for each global of a module that is `subprocess` or one of its ways to start."""
    real = sys.modules.get("subprocess")
    if real is None:
        return []
    ours = _stand_in(real)
    return [
        Patch(module, name, ours.of, ours.expect, f"{module.__name__}.{name}")
        for name, value in list(vars(module).items())
        if ours.knows(value)
    ]


class _StandIn:
    """What stands for Python's own subprocess module, and for its functions one by one."""

    def __init__(self, real: ModuleType) -> None:
        self.real = real
        self._base = vars(real)[_POPEN]
        self._reason = child.unlike(self._base)
        self._popen = self._base if self._reason else child.popen(self._base)
        self._functions = {
            name: _wrapper(vars(real)[name], self._scope)
            for name in _FUNCTIONS
            if self._is_pythons(vars(real)[name])
        }
        self._module = _proxy(real, self.of)

    def is_old(self, real: ModuleType) -> bool:
        """Whether Python has another Popen by now; one of somebody else's does not count."""
        base = vars(real)[_POPEN]
        return self.real is not real or (base is not self._base and not child.unlike(base))

    def knows(self, value: object) -> bool:
        """Whether it is one of those that are replaced, or a replacement."""
        if value is self.real or value is self._base:
            return True
        if value is self._module or value is self._popen:
            return True
        name = getattr(value, "__name__", "") if isinstance(value, FunctionType) else ""
        mine = self._functions.get(name)
        return mine is not None and (value is mine or value is mine.__wrapped__)

    def expect(self, _value: object) -> str:
        """Why nothing can be replaced; ""."""
        return self._reason

    def of(self, value: "Any") -> "Any":
        """What stands for a value; itself where that is nothing we know."""
        if value is self.real:
            return self._module
        if value is self._base:
            return self._popen
        name = getattr(value, "__name__", "") if isinstance(value, FunctionType) else ""
        mine = self._functions.get(name)
        return mine if mine is not None and mine.__wrapped__ is value else value

    def _is_pythons(self, found: object) -> bool:
        return isinstance(found, FunctionType) and found.__globals__ is vars(self.real)

    def _scope(self) -> "dict[str, Any] | None":
        """What Python's functions see, with our Popen; None while they are to be left alone."""
        seen = dict(vars(self.real))
        # Somebody has put a Popen of his own there: his are the starts.
        if not guard.switched_on or self._reason or seen[_POPEN] is not self._base:
            return None
        seen[_POPEN] = self._popen
        for name in _FUNCTIONS:
            if self._is_pythons(seen[name]):
                seen[name] = _rebound(seen[name], seen)
        return seen


# The last made is the one in use: `subprocess` may be loaded anew.
_stand_ins: "list[_StandIn]" = []


def _stand_in(real: ModuleType) -> _StandIn:
    if not _stand_ins or _stand_ins[-1].is_old(real):
        _stand_ins.append(_StandIn(real))
    return _stand_ins[-1]


def _wrapper(original: "Any", scope: "Callable[[], dict[str, Any] | None]") -> "Any":
    """One of Python's functions, which starts our Popen."""

    @wraps(original)
    def start(*values: "Any", **named: "Any") -> "Any":
        seen = scope()
        function = original if seen is None else _rebound(original, seen)
        return function(*values, **named)

    return start


def _rebound(function: "Any", seen: "dict[str, Any]") -> FunctionType:
    """The same function with other globals."""
    made = FunctionType(
        function.__code__, seen, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _proxy(real: ModuleType, of: "Callable[[Any], Any]") -> ModuleType:
    """The module for all that can be seen or set, but for what `of` replaces."""

    class Proxy(ModuleType):
        def __getattribute__(self, name: str) -> "Any":
            return of(getattr(real, name))

        def __setattr__(self, name: str, value: "Any") -> None:
            setattr(real, name, value)

        def __delattr__(self, name: str) -> None:
            delattr(real, name)

        def __dir__(self) -> "list[str]":
            return dir(real)

        def __repr__(self) -> str:
            return repr(real)

    return Proxy(real.__name__)
