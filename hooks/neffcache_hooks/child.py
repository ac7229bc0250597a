"""Door: a Popen whose child may have ended before it was started, all else being Python's own."""

import posix
from itertools import count

from neffcache_hooks import calling, guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LABEL = "compile call"
_START = "_execute_child"
_METHODS = ("_close_pipe_fds", "_internal_poll", "_try_wait")
# Above every number that a kernel gives out: who signals it or waits for it hears that it is gone.
_numbers = count(1 << 30)


def unlike(base: "Any") -> str:
    """Why this Popen is not the one that we know; "" when it is."""
    if not isinstance(base, type) or base.__module__ != "subprocess":
        return "somebody else's Popen"
    names = parameters(base)
    missing = [name for name in (*calling.READ, *calling.PIPES) if name not in names]
    if missing:
        return f"Popen.{_START} has no {missing[0]}"
    lacking = [
        name
        for name in ("_close_pipe_fds", "_try_wait", "_internal_poll")
        if not hasattr(base, name)
    ]
    return f"Popen has no {lacking[0]}" if lacking else ""


def parameters(base: "Any") -> "tuple[str, ...]":
    """What Popen's start is given, by name and in order; () where that cannot be told."""
    code = getattr(getattr(base, _START, None), "__code__", None)
    return tuple(code.co_varnames[1 : code.co_argcount]) if code is not None else ()


class _Kind(type):
    """The type of our Popen: what is a Popen at all is one of ours, as it was before us."""

    def __instancecheck__(cls, found: object) -> bool:
        return isinstance(found, _base(cls)) or type.__instancecheck__(cls, found)

    def __subclasscheck__(cls, found: type) -> bool:
        return issubclass(found, _base(cls)) or type.__subclasscheck__(cls, found)


def _base(cls: type) -> "Any":
    """The real one below ours; nothing for classes that others derive from it."""
    return vars(cls).get("neffcache_base", ())


def popen(base: "Any") -> "Any":
    """A Popen on top of the real one, which must not be `unlike` it."""
    names = parameters(base)

    class Popen(base, metaclass=_Kind):  # type: ignore[misc]  # not known before
        """See subprocess.Popen."""

        neffcache_base = base
        neffcache_over = False

        def _execute_child(self, *values: "Any") -> None:
            given, said = _decided(names, values)
            if said is None:
                base._execute_child(self, *(given.values() if given else values))
            else:
                _end(self, given, said)

        def _internal_poll(self, *values: "Any", **named: "Any") -> "int | None":
            if self.neffcache_over:
                self.returncode = 0
                return 0
            status: int | None = base._internal_poll(self, *values, **named)
            return status

        def _try_wait(self, flags: int) -> "tuple[int, int]":
            if self.neffcache_over:
                return (self.pid, 0)
            found: tuple[int, int] = base._try_wait(self, flags)
            return found

    Popen.__qualname__, Popen.__module__, Popen.__doc__ = "Popen", base.__module__, base.__doc__
    return Popen


def _decided(
    names: "tuple[str, ...]", values: "tuple[Any, ...]"
) -> "tuple[dict[str, Any], bytes | None]":
    """What a start is given in the end ({}: what it was), and what it said if it is over."""
    given = dict(zip(names, values, strict=False))
    whole = len(values) == len(names)
    decision = guard.attempt(LABEL, calling.decide, given) if whole else None
    if decision is None:
        return {}, None
    given.update(decision.changes)
    return given, decision.said


def _end(process: "Any", given: "dict[str, Any]", said: bytes) -> None:
    """Leave behind what a compiler leaves that has ended well."""
    stdout = given["c2pwrite"]
    try:
        posix.write(1 if stdout == -1 else stdout, said)
    except OSError:
        pass  # nobody listens
    process._close_pipe_fds(*(given[name] for name in calling.PIPES))
    process.pid = next(_numbers)
    process.neffcache_over = True
    process._child_created = True
