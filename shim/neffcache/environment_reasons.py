"""Noun: why a variable of the environment is in the key, or is not; for people."""

from neffcache import files
from neffcache.environment import FAMILIES, matches, selected, why_neutral

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# name, or a beginning marked by *; why it is in. What is not listed is in by its family.
DECISIVE = (
    (b"XLA_FLAGS", "options of XLA, less those that only say where to dump or how many devices"),
    (b"XLA_IR_DEBUG", "puts debug information into graphs, and perhaps into the NEFF"),
    (b"XLA_HLO_DEBUG", "puts debug information into graphs, and perhaps into the NEFF"),
    (b"NEURON_LOGICAL_NC_CONFIG", "how many cores make one: what a missing --lnc stands for"),
    (b"NEURON_PLATFORM_TARGET_OVERRIDE", "another target than the host's"),
    (b"NEURON_FSDP*", "how the compiler schedules sharded weights"),
)


def explain(
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
    if matches(name, extra):
        return "asked for by NEFFCACHE_KEY_EXTRA_ENV"
    for pattern, reason in DECISIVE:
        if matches(name, (pattern,)):
            return reason
    family = next(family for family in FAMILIES if name.startswith(family))
    return f"of the family {files.decode(family)}*, and not known to be neutral"


def _why_out(name: bytes, ignore: "Sequence[bytes]") -> str:
    if name.startswith(b"NEFFCACHE_"):
        return "a setting of the cache"
    if not name.startswith(FAMILIES):
        return "of no family that the compiler is known to read"
    if matches(name, ignore):
        return "kept out by NEFFCACHE_KEY_IGNORE_ENV"
    return why_neutral(name) or "holds nothing but options that change no result"
