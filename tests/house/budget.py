"""House: what a call through the shim may import, written down module by module."""

# Modules that the interpreter itself loads before it runs a program with `-I -S`; their number
# differs a little between versions. Nothing of ours is in here.
START = frozenset((
    "_imp", "_thread", "_warnings", "_weakref", "_frozen_importlib_external", "posix", "time",
    "zipimport", "_codecs", "codecs", "encodings.aliases", "encodings", "encodings.utf_8",
    "_signal", "_abc", "abc", "_io", "io", "encodings.latin_1", "marshal", "winreg", "nt",
))  # fmt: skip
# What a hit loads besides: built-in hashing, in one of its names.
HIT_LIBRARY = frozenset(("_sha256", "_sha2", "_signal"))
HIT_ROOMS = frozenset((
    "neffcache.compiler",
    "neffcache.compiler.find",
    "neffcache.compiler.identity",
    "neffcache.config",
    "neffcache.entry",
    "neffcache.entry.index",
    "neffcache.entry.read",
    "neffcache.environment",
    "neffcache.errors",
    "neffcache.files",
    "neffcache.flags",
    "neffcache.graph",
    "neffcache.graph.raw",
    "neffcache.invocation",
    "neffcache.journal",
    "neffcache.kernel",
    "neffcache.key",
    "neffcache.run",
    "neffcache.run.call",
    "neffcache.run.restore",
    "neffcache.shim",
    "neffcache.shim.become",
    "neffcache.shim.main",
    "neffcache.store",
    "neffcache.store.local",
))  # fmt: skip
