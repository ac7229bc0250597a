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
    "neffcache.aliases",
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
    "neffcache.options",
    "neffcache.run.call",
    "neffcache.run.keying",
    "neffcache.run.plan",
    "neffcache.run.restore",
    "neffcache.shim.loading",
    "neffcache.shim.main",
    "neffcache.store.local",
))  # fmt: skip
# A hit on a graph with custom calls asks again what each of them names.
CALL_LIBRARY = frozenset(("binascii",))
CALL_ROOMS = frozenset(("neffcache.graph.asked", "neffcache.graph.outside"))
# What a compile that is then kept loads on top.
MISS_LIBRARY = frozenset(("_ctypes", "_struct", "binascii", "fcntl", "resource", "struct", "zlib"))
MISS_ROOMS = frozenset((
    "neffcache.become",
    "neffcache.child",
    "neffcache.compiler.package",
    "neffcache.compiler.script",
    "neffcache.entry.build",
    "neffcache.entry.wrapped",
    "neffcache.graph.asked",
    "neffcache.graph.constants",
    "neffcache.graph.directory",
    "neffcache.graph.hlo",
    "neffcache.graph.hlo_canonical",
    "neffcache.graph.hlo_fields",
    "neffcache.graph.hlo_heads",
    "neffcache.graph.hlo_ids",
    "neffcache.graph.hlo_strict",
    "neffcache.graph.mlir_bytecode",
    "neffcache.graph.mlir_calls",
    "neffcache.graph.mlir_line",
    "neffcache.graph.mlir_locations",
    "neffcache.graph.mlir_text",
    "neffcache.graph.outside",
    "neffcache.graph.sink",
    "neffcache.graph.source",
    "neffcache.graph.walk",
    "neffcache.graph.wire",
    "neffcache.hub.home",
    "neffcache.hub.saved",
    "neffcache.locks",
    "neffcache.neff",
    "neffcache.payload",
    "neffcache.run.keeping",
    "neffcache.run.manifest",
    "neffcache.run.miss",
    "neffcache.store.claim",
    "neffcache.store.keep",
    "neffcache.targets",
    "neffcache.version",
))  # fmt: skip
# And on top of that when a Hub is asked, which another process does.
REMOTE_LIBRARY = frozenset(("select",))
REMOTE_ROOMS = frozenset((
    "neffcache.absences",
    "neffcache.breaker",
    "neffcache.cache",
    "neffcache.cache.asking",
    "neffcache.cache.reading",
    "neffcache.credentials",
    "neffcache.hub.login",
    "neffcache.hub.names",
    "neffcache.hub.offline",
    "neffcache.locations",
    "neffcache.processes",
    "neffcache.publishing",
    "neffcache.redacting",
    "neffcache.remote",
    "neffcache.schemes",
))  # fmt: skip
# What an interpreter's start loads where NEFFCACHE_HOOKS is set, before any target: nothing else.
HOOKS_START = frozenset((
    "neffcache_hooks",
    "neffcache_hooks.guard",
    "neffcache_hooks.importing",
    "neffcache_hooks.start",
    "neffcache_hooks.targets",
))  # fmt: skip
