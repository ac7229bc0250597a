"""Noun: the digest of an MLIR bytecode file: its bytes, or what a parser left of them."""

from neffcache import files
from neffcache.graph.mlir_calls import FAMILY, OUTCOME, Watch
from neffcache.graph.mlir_locations import Doubt
from neffcache.graph.mlir_text import RAW, STRICT, Digest, parts
from neffcache.invocation import Bypass

MAGIC = b"ML\xefR"
# Changes whenever the meaning of the hashed bytes does.
FORMAT = 1
# More is not given to a parser, which needs a multiple of it.
MOST = 256 << 20
_OUTSIDE = b"outside "

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.graph.mlir_calls import Resolve
    from neffcache.graph.source import Source

    # SHA-256 (hex) of the file's bytes -> the program without debug information.
    # Raises Doubt when there is no parser, or it fails.
    Strip = Callable[[str], "Stripped"]


class Stripped:
    """A program that a parser read, without its debug information.

    Attributes:
        parser: which parser wrote it, with its version.
        digest: SHA-256 of it, hex; the backend_config of each custom call below is not in it.
        calls: (target, backend_config) of every custom call that names code, in order; then, as
            (b"custom_call", text), every attribute of custom calls.
    """

    __slots__ = ("calls", "digest", "parser")

    def __init__(self, parser: str, digest: str, calls: "list[tuple[bytes, bytes]]") -> None:
        self.parser = parser
        self.digest = digest
        self.calls = calls


def digest(
    source: "Source", level: str, strip: "Strip | None" = None, resolve: "Resolve | None" = None
) -> Digest:
    """Digest MLIR bytecode.

    Without a parser nothing of it can be left out: locations are attributes among others, in a
    pool sorted by use, and every dialect encodes its own in its own way.

    Args:
        source: the file.
        level: raw or strict; canonical is taken as strict.
        strip: asks a parser; None: the level is raw.
        resolve: tells what the files of a custom call say; None: no such call is accepted.

    Raises:
        Bypass: the program names code in other files, and which cannot be told with certainty.
        OSError: it cannot be read.
    """
    raw, watch = files.new_hash(source.size), Watch()
    for part in parts(source):
        raw.update(part)
        watch.feed(part)
    whole = raw.hexdigest()
    reason = ""
    if strip is None:
        reason = "MLIR bytecode keeps its locations without a parser" if level != RAW else ""
    elif level != RAW or watch.count:
        try:
            return _parsed(_ask(strip, source, whole), level, whole, resolve)
        except Doubt as doubt:
            reason = str(doubt)
    if watch.count:
        raise Bypass(OUTCOME, f"{FAMILY.decode()} in MLIR bytecode: {reason or 'no parser'}")
    return Digest(RAW, _hash(RAW, [whole.encode()]), (reason,) if reason else (), whole)


def _ask(strip: "Strip", source: "Source", whole: str) -> Stripped:
    if source.size > MOST:
        raise Doubt("too large for a parser")
    return strip(whole)


def _parsed(found: Stripped, level: str, whole: str, resolve: "Resolve | None") -> Digest:
    contents = [_content(target, config, resolve) for target, config in found.calls]
    used = RAW if level == RAW else STRICT
    kept = [whole.encode()] if used == RAW else [found.parser.encode(), found.digest.encode()]
    reasons = () if level == used else (f"{level} means strict for MLIR bytecode",)
    made = Digest(used, _hash(used, kept + contents), reasons, whole)
    made.outside = any(content.startswith(_OUTSIDE) for content in contents)
    return made


def _content(target: bytes, config: bytes, resolve: "Resolve | None") -> bytes:
    if resolve is None:
        raise Bypass(OUTCOME, target.decode("utf-8", "replace"))
    said = resolve(target, config)
    return b"config " + config if said is None else _OUTSIDE + said


def _hash(level: str, kept: "list[bytes]") -> str:
    made = files.new_hash(0)
    made.update(f"neffcache-graph mlir-bytecode {level} {FORMAT}\0".encode())
    for part in kept:
        made.update(b"%d\n" % len(part) + part)
    return made.hexdigest()
