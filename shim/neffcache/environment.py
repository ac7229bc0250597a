"""Noun: which environment variables are in the key, each with its reason."""

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
# name, or a beginning marked by *; why it is in. What is not listed is in by its family.
DECISIVE = (
    (b"XLA_FLAGS", "options of XLA, less those that only say where to dump or how many devices"),
    (b"XLA_IR_DEBUG", "puts debug information into graphs, and perhaps into the NEFF"),
    (b"XLA_HLO_DEBUG", "puts debug information into graphs, and perhaps into the NEFF"),
    (b"NEURON_LOGICAL_NC_CONFIG", "how many cores make one: what a missing --lnc stands for"),
    (b"NEURON_PLATFORM_TARGET_OVERRIDE", "another target than the host's"),
    (b"NEURON_FSDP*", "how the compiler schedules sharded weights"),
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
        found = [(name, value) for name, value in found if not _matches(name, ignore)]
    if extra:
        more = {name: value for name, value in environ.items() if _matches(name, extra)}
        found = sorted({**dict(found), **more}.items())
    parts = [("env " + files.decode(name), value) for name, value in found]
    if ignore:
        parts.append((IGNORED, b" ".join(sorted(set(ignore)))))
    return parts


def problem(pattern: bytes) -> str:
    """What is wrong with a name or pattern that a user gave; "" when nothing is."""
    name = pattern.removesuffix(b"*")
    if not name or b"*" in name or b"=" in name:
        return "neither a variable's name nor a beginning of names with * behind it"
    return ""


def explain_environment(
    environ: "Mapping[bytes, bytes]", ignore: "Sequence[bytes]", extra: "Sequence[bytes]"
) -> "list[tuple[bytes, bool, str]]":
    """(name, whether it is in the key, why) of every variable, sorted by name."""
    within = {label for label, _value in selected(environ, ignore, extra)}
    found = []
    for name in sorted(environ):
        known = "env " + files.decode(name) in within
        reason = _why_in(name, extra) if known else _why_out(name, ignore)
        found.append((name, known, reason))
    return found


def _why_in(name: bytes, extra: "Sequence[bytes]") -> str:
    if _matches(name, extra):
        return "asked for by NEFFCACHE_KEY_EXTRA_ENV"
    for pattern, reason in DECISIVE:
        if _matches(name, (pattern,)):
            return reason
    family = next(family for family in FAMILIES if name.startswith(family))
    return f"of the family {files.decode(family)}*, and not known to be neutral"


def _why_out(name: bytes, ignore: "Sequence[bytes]") -> str:
    if name.startswith(b"NEFFCACHE_"):
        return "a setting of the cache"
    if not name.startswith(FAMILIES):
        return "of no family that the compiler is known to read"
    if _matches(name, ignore):
        return "kept out by NEFFCACHE_KEY_IGNORE_ENV"
    return why_neutral(name) or "holds nothing but options that change no result"


def _matches(name: bytes, patterns: "Sequence[bytes]") -> bool:
    return any(
        name == pattern or (pattern.endswith(b"*") and name.startswith(pattern[:-1]))
        for pattern in patterns
    )


def _without_neutral(value: bytes) -> bytes:
    if b'"' in value or b"'" in value:  # a quoted value may hold anything: keep all of it
        return value
    kept = [word for word in value.split() if not word.startswith(XLA_NEUTRAL)]
    return b" ".join(kept)
