"""Ground: what a process of our own runs first: `-I -S start.py <module> <arguments>`."""

import posix
import sys


def _close_inherited() -> None:
    """Close what the caller left open: a pipe of his kept here would keep his readers waiting."""
    for name in posix.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                posix.close(int(name))
            except OSError:
                pass  # the listing's own


def _start() -> None:
    try:
        _close_inherited()
    except OSError:
        posix.closerange(3, 65536)  # no /proc
    root = __file__.rpartition("/")[0]
    # The package by its path alone: nothing beside it can stand before the standard library.
    package = type(sys)("neffcache")
    package.__path__ = [root]
    package.__file__ = root + "/__init__.py"
    sys.modules["neffcache"] = package
    name = sys.argv[1]
    if not name.startswith("neffcache."):
        posix._exit(2)
    __import__(name)
    sys.modules[name].main(sys.argv[2:])


_start()
