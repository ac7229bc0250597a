"""Door: libneuronxla's own compile cache is filled from the remotes before it compiles."""

import sys
from functools import wraps
from types import FunctionType, ModuleType

from neffcache_hooks import guard, held
from neffcache_hooks.patch import Patch, signature

LABEL = "look-up"
# What an entry must be to be known: a context manager that names its NEFF.
_ENTER, _EXIT, _NEFF = "__enter__", "__exit__", "neff_path"
# Where a library makes its caches: without entries of a known shape there, it is one of another.
_MAKER = "create_compile_cache"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeGuard

    from neffcache_hooks.held import Hold


def patches(module: ModuleType) -> "list[Patch]":
    """Patches for the entry classes that a module defines; where, has changed between releases."""
    found = [patch for owner in _entry_classes(module) for patch in _both(owner)]
    made = vars(module).get(_MAKER)
    if not found and _is_own(made, module) and not _knows_one(made):
        found = [Patch(module, _MAKER, _same, _unknown, f"{module.__name__}.{_MAKER}")]
    return found


def _both(owner: type) -> "Iterator[Patch]":
    for name, make in ((_ENTER, _entering), (_EXIT, _leaving)):
        label = f"{owner.__module__}.{owner.__qualname__}.{name}"
        yield Patch(owner, name, make, signature("self") if name == _ENTER else _expect_exit, label)


def _entry_classes(module: ModuleType) -> "list[type]":
    found = [value for value in list(vars(module).values()) if isinstance(value, type)]
    mine = [one for one in dict.fromkeys(found) if one.__module__ == module.__name__]
    return [one for one in mine if _is_entry(one)]


def _is_entry(found: type) -> bool:
    own = vars(found)
    if not {_ENTER, _EXIT} <= own.keys():
        return False
    # Nobody says so before there is one: its methods name the attribute.
    functions = [value for value in own.values() if isinstance(value, FunctionType)]
    return _NEFF in own or any(_NEFF in one.__code__.co_names for one in functions)


def _is_own(made: object, module: ModuleType) -> "TypeGuard[FunctionType]":
    return isinstance(made, FunctionType) and made.__module__ == module.__name__


def _knows_one(maker: FunctionType) -> bool:
    """Whether entries of a known shape can be seen from where caches are made."""
    seen = list(maker.__globals__.values())
    return any(isinstance(value, type) and _is_entry(value) for value in seen)


def _same(found: "Any") -> "Any":
    return found


def _unknown(_found: object) -> str:
    return f"no class here has {_ENTER}, {_EXIT} and {_NEFF}: a library of another shape"


def _expect_exit(found: "Any") -> str:
    """Any three things may be given to it, under any names."""
    code = getattr(found, "__code__", None)
    if code is None:
        return f"it is a {type(found).__name__}, not a Python function"
    takes = code.co_argcount == 4 or bool(code.co_flags & 0x04)
    return "" if takes else "it does not take what the end of a with statement gives"


def _entering(original: "Callable[[Any], Any]") -> "Callable[[Any], Any]":
    @wraps(original)
    def entered(self: "Any") -> "Any":
        hold = guard.attempt(LABEL, held.begin, self)
        result = original(self)
        if hold is None:
            return result
        try:
            guard.attempt(LABEL, _look_up, hold)
        except BaseException:  # Ctrl-C while a remote is asked: who has not entered never leaves
            type(self).__exit__(self, *sys.exc_info())
            raise
        return result

    return entered


def _leaving(original: "Callable[..., Any]") -> "Callable[..., Any]":
    @wraps(original)
    def left(self: "Any", *raised: "Any") -> "Any":
        try:
            guard.attempt(LABEL, held.end, self)
        except BaseException:  # Ctrl-C: nobody else frees the lock
            original(self, *raised)
            raise
        return original(self, *raised)

    return left


def _look_up(hold: "Hold") -> None:
    """The library has the lock: whatever lies there, no other process changes it now."""
    hold.taken()
    if hold.has_neff() or not hold.is_compiling() or not hold.is_free() or not hold.may_ask():
        return
    from neffcache.cache import native_asking

    now, place = hold.now, native_asking.Place(hold.root, hold.name, hold.directory)
    answer = native_asking.ask(now.store, now.config, now.environ, place)
    for line in answer.outages:
        guard.say(LABEL, line)
