"""Door: what the script runs: `-I -S start.py <1 if LC_CTYPE was set> <script> <arguments>`."""

import posix
import sys


def _pass_on(argv: "list[bytes]") -> None:
    """Become the next neuronx-cc on PATH that is no shim: what a broken package can still do."""
    environ = dict(posix.environ)
    for directory in environ.get(b"PATH", b"/bin:/usr/bin").split(b":"):
        path = (directory or b".") + b"/neuronx-cc"
        try:
            with open(path, "rb") as file:
                if b"# neffcache-shim " not in file.read(256):
                    posix.execve(path, [path, *argv], environ)
        except OSError:
            continue
    posix.write(2, b"neuronx-cc: not found: only the cache's own is on PATH\n")
    posix._exit(127)


def _start() -> None:
    root = __file__.rpartition("/shim/")[0]
    # The package by its path alone: no search along sys.path, and nothing there can stand before
    # the standard library.
    package = type(sys)("neffcache")
    package.__path__ = [root]
    package.__file__ = root + "/__init__.py"
    sys.modules["neffcache"] = package
    try:
        from neffcache.shim.main import main
    except BaseException:
        if posix.environ.get(b"NEFFCACHE_STRICT"):
            raise
        _pass_on(
            [word.encode(sys.getfilesystemencoding(), "surrogateescape") for word in sys.argv[3:]]
        )
    else:
        main(sys.argv)


_start()
