"""House: the modules that a call through the shim may import, written down one by one."""

# Each costs a good part of a bare interpreter start: never in a hit.
BANNED = frozenset((
    "os", "re", "typing", "enum", "dataclasses", "json", "pathlib", "hashlib", "subprocess",
    "tempfile", "ctypes", "zlib", "struct", "fcntl", "logging", "argparse", "socket", "ssl",
    "neuronxcc", "huggingface_hub", "psutil", "filelock", "watchdog", "boto3", "azure", "google",
))  # fmt: skip
# Of the standard library in a hit: SHA-256 under one of its names, all that is not there anyway;
# gc is part of the interpreter, and only switched off.
HIT_LIBRARY = frozenset(("_sha256", "_sha2", "gc"))
# And for files so large that OpenSSL pays.
LARGE_LIBRARY = frozenset(("_hashlib",))
HIT_ROOMS = frozenset((
    "neffcache.compiler.find",
    "neffcache.compiler.identity",
    "neffcache.config",
    "neffcache.entry.index",
    "neffcache.entry.read",
    "neffcache.environment",
    "neffcache.errors",
    "neffcache.files",
    "neffcache.flags",
    "neffcache.graph.raw",
    "neffcache.invocation",
    "neffcache.journal",
    "neffcache.kernel",
    "neffcache.key",
    "neffcache.run.call",
    "neffcache.run.restore",
    "neffcache.shim.loading",
    "neffcache.shim.main",
    "neffcache.store.local",
))  # fmt: skip
# What a compile that is then kept loads on top.
MISS_LIBRARY = frozenset(("_ctypes", "_struct", "fcntl", "resource", "struct", "zlib"))
MISS_ROOMS = frozenset((
    "neffcache.compiler.package",
    "neffcache.compiler.script",
    "neffcache.entry.build",
    "neffcache.entry.wrapped",
    "neffcache.locks",
    "neffcache.neff",
    "neffcache.payload",
    "neffcache.run.keeping",
    "neffcache.run.manifest",
    "neffcache.run.miss",
    "neffcache.shim.become",
    "neffcache.shim.child",
    "neffcache.store.claim",
    "neffcache.store.keep",
    "neffcache.version",
))  # fmt: skip
