"""Noun: which environment variables are in the key, each with its reason."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Families that may change the result: a variable of one is in the key unless listed below.
FAMILIES = (b"NEURON", b"XLA_", b"NKI_")

# name, or a beginning marked by *; why it stays out.
NEUTRAL = (
    (b"NEURON_RT_*", "read by the runtime, not by the compiler"),
    (b"NEURON_CC_FLAGS", "merged into the command line by the frameworks"),
    (b"NEURON_COMPILE_CACHE_URL", "where the framework's own cache lies"),
    (b"NEURON_PARALLEL_COMPILE_*", "how many compiles run at once"),
    (b"NEURON_LIBRARY_PATH", "where the framework finds its library"),
    (b"NEURON_LIBTORCH_*", "read by the framework"),
    (b"NEURON_PJRT_*", "ranks and node numbers"),
    (b"NEURON_DUMP_PATH", "where the framework dumps graphs"),
    (b"NEURON_EXTRACT_GRAPHS_ONLY", "tells the framework not to compile"),
    (b"NEURON_DUMP_HLO_SNAPSHOT", "where the framework dumps graphs"),
    (b"XLA_PYTHON_CLIENT_*", "memory of the JAX client"),
)
# Options inside XLA_FLAGS that stay out.
XLA_NEUTRAL = (b"--xla_dump_", b"--xla_force_host_platform_device_count")
# Directories of the framework's caches: TORCH_NEURONX_*_DIR is outside the families already.


def relevant(environ: "Mapping[bytes, bytes]") -> "list[tuple[bytes, bytes]]":
    """The (name, value) pairs that belong in the key, sorted by name."""
    found = []
    for name, value in environ.items():
        if name.startswith(FAMILIES) and not why_neutral(name):
            if name == b"XLA_FLAGS":
                value = _without_neutral(value)
                if not value:
                    continue
            found.append((name, value))
    found.sort()
    return found


def why_neutral(name: bytes) -> str:
    """Why a variable stays out of the key; "" when it is in."""
    for pattern, reason in NEUTRAL:
        if name == pattern or (pattern.endswith(b"*") and name.startswith(pattern[:-1])):
            return reason
    return ""


def _without_neutral(value: bytes) -> bytes:
    if b'"' in value or b"'" in value:  # a quoted value may hold anything: keep all of it
        return value
    kept = [word for word in value.split() if not word.startswith(XLA_NEUTRAL)]
    return b" ".join(kept)
