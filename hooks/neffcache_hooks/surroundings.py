"""Door: the environment that a child gets without `env=`: the C library's own, not os.environ."""

import os

from neffcache import environment
from neffcache.run import keying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from neffcache.options import Config

# Besides what is in a key: where settings, compilers and packages are looked for.
_COUNTS = (b"PATH", b"HOME", b"XDG_", b"PYTHON", b"NEFFCACHE_")
# The C library's `environ`; looked up once.
_found: "list[Any]" = []


def current() -> "dict[bytes, bytes]":
    """The variables as exec hands them on: what native code has set is in it, too.

    A library's `setenv` does not show in os.environ, yet the compiler would see it.

    Raises:
        OSError, ValueError: this C library does not show it, or a variable stands there twice.
    """
    if not _found:
        import ctypes

        library = ctypes.CDLL(None)
        _found.append(ctypes.POINTER(ctypes.c_char_p).in_dll(library, "environ"))
    entries = _found[0]
    made: dict[bytes, bytes] = {}
    place = 0
    while (entry := entries[place]) is not None:
        name, equals, value = entry.partition(b"=")
        if equals and made.setdefault(name, value) is not value:
            # Which of two counts, each program decides for itself: a shell takes the last.
            raise ValueError("a variable twice")
        place += 1
    return made


def is_told(environ: "Mapping[bytes, bytes]", settings: "Config") -> bool:
    """Whether os.environ says the same, as far as it counts: then it matters not which is used."""
    other = dict(os.environb)
    if environ == other:
        return True
    names = {name for name in {*environ, *other} if environ.get(name) != other.get(name)}
    if any(name.startswith(_COUNTS) for name in names):
        return False
    patterns = keying.patterns(settings)
    return environment.selected(environ, *patterns) == environment.selected(other, *patterns)
