"""Door: what the script runs: `-I -S start.py <"=" and LC_CTYPE, or ""> <script> <arguments>`."""

import _signal
import gc
import posix
import sys


def _pass_on(script: str, argv: "list[str]") -> None:
    """What a broken package can still do: the part of our script that does without Python."""
    environ = dict(posix.environ)
    environ.pop(b"LC_CTYPE", None)
    if sys.argv[1]:
        value = sys.argv[1][1:]
        environ[b"LC_CTYPE"] = value.encode(sys.getfilesystemencoding(), "surrogateescape")
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    with open(script, "rb") as file:
        without = file.read().partition(b"\nfi\n")[2].decode()
    posix.execve("/bin/sh", ["sh", "-c", without, script, *argv], environ)


def _start() -> None:
    if callable(_signal.getsignal(_signal.SIGINT)):  # Ctrl-C ends us as it ends any program
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    gc.disable()  # a hit leaves nothing to collect, and a miss little
    root = __file__.rpartition("/shim/")[0]
    # The package by its path alone: no search along sys.path, and nothing there can stand before
    # the standard library. Its rooms likewise: a hit need not search for what says nothing.
    for name in ("", "/shim", "/compiler", "/run", "/store", "/entry", "/graph", "/hub"):
        package = type(sys)("neffcache" + name.replace("/", "."))
        package.__path__ = [root + name]
        package.__file__ = f"{root}{name}/__init__.py"
        sys.modules[package.__name__] = package
    try:
        from neffcache.shim import loading

        loading.quicken()
        from neffcache.shim.main import main

        main(sys.argv)  # once a compiler has run, nothing comes out of it but the end
    except BaseException:
        if posix.environ.get(b"NEFFCACHE_STRICT"):
            raise
        _pass_on(sys.argv[2], sys.argv[3:])


_start()
