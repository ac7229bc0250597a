"""Noun: which environment variables are in the key; environment_reasons says why they are."""

from neffcache import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
# Says in a key that variables were left out of it on request, and which.
IGNORED = "ignored environment"
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


def selected(
    environ: "Mapping[bytes, bytes]", ignore: "Sequence[bytes]", extra: "Sequence[bytes]"
) -> "list[tuple[str, bytes]]":
    """The labelled parts of a key that the environment makes, sorted by name.

    Whoever ignores a variable vouches that it changes nothing, but only for himself: the patterns
    are in his keys, so that nobody else is served what he compiled.

    Args:
        ignore: names, or beginnings marked by *, that the user keeps out.
        extra: those that he puts in, whatever else is said of them.
    """
    found = relevant(environ)
    if ignore:
        found = [(name, value) for name, value in found if not matches(name, ignore)]
    if extra:
        more = {name: value for name, value in environ.items() if matches(name, extra)}
        found = sorted({**dict(found), **more}.items())
    parts = [("env " + files.decode(name), value) for name, value in found]
    if ignore:
        parts.append((IGNORED, b" ".join(sorted(set(ignore)))))
    return parts


def check(pattern: bytes) -> None:
    """Refuse with ValueError what is neither a name nor a beginning marked by *."""
    name = pattern.removesuffix(b"*")
    if not name or b"*" in name or b"=" in name:
        shown = files.decode(pattern)
        raise ValueError(f"{shown} is no variable's name, and no beginning of names with * behind")


def matches(name: bytes, patterns: "Sequence[bytes]") -> bool:
    """Whether a variable has one of these names, or begins as one that ends in * does."""
    return any(
        name == pattern or (pattern.endswith(b"*") and name.startswith(pattern[:-1]))
        for pattern in patterns
    )


def _without_neutral(value: bytes) -> bytes:
    if b'"' in value or b"'" in value:  # a quoted value may hold anything: keep all of it
        return value
    kept = [word for word in value.split() if not word.startswith(XLA_NEUTRAL)]
    return b" ".join(kept)
