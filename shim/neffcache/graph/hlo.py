"""Noun: the digest of an HLO graph at a level: raw, strict or canonical; in doubt a safer one."""

from neffcache import files
from neffcache.graph import hlo_canonical, hlo_ids, hlo_strict, wire
from neffcache.graph.hlo_fields import COMPUTATION, INSTRUCTION, OPCODE, Unsafe
from neffcache.graph.sink import Sink
from neffcache.graph.source import fields
from neffcache.invocation import Bypass

RAW, STRICT, CANONICAL = "raw", "strict", "canonical"
UNKNOWN = "unknown"
LEVELS = (RAW, STRICT, CANONICAL)
# Changes whenever equal bytes would get another digest; part of every digest.
FORMAT = 1
CUSTOM_CODE = b"AwsNeuronCustom"
_CUSTOM_CALL = b"custom-call"
_MOST_FIELDS = 100_000  # around the module of a snapshot
_OPCODE_LETTERS = b"abcdefghijklmnopqrstuvwxyz-0123456789"
_WRAPPED = 1 << 3 | 2
_AROUND = frozenset((2 << 3 | 2, 3 << 3 | 2, 4 << 3 | 2))  # arguments, result, platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.graph.hlo_strict import Resolve
    from neffcache.graph.source import Source


class Digest:
    """What a graph is.

    Attributes:
        level: the level used.
        form: "module", "proto" or "snapshot" (HloProto, HloSnapshot), or "unknown".
        hexdigest: 64 hex digits; the level, the form and the format's version are in it.
        reasons: why a safer level was used than asked for.
    """

    __slots__ = ("form", "hexdigest", "level", "reasons")

    def __init__(self, level: str, form: str, hexdigest: str, reasons: "list[str]") -> None:
        self.level = level
        self.form = form
        self.hexdigest = hexdigest
        self.reasons = reasons


class _Place:
    """Where in a file the module is, and what is around it."""

    __slots__ = ("around", "begin", "end", "form")

    def __init__(self, form: str, begin: int, end: int, around: "list[tuple[int, int]]") -> None:
        self.form = form
        self.begin = begin
        self.end = end
        self.around = around


def digest(source: "Source", level: str, resolve: "Resolve") -> Digest:
    """Digest a graph at a level, or at a safer one.

    Args:
        source: its bytes.
        level: one of LEVELS.
        resolve: given target and configuration of a custom call: None to keep the configuration,
            or what stands for it when it names files; Bypass when that cannot be said.

    Raises:
        Bypass: code in other files cannot be part of the digest.
        OSError: the graph cannot be read.
    """
    reasons: list[str] = []
    form = UNKNOWN
    ask = _remembering(resolve)
    try:
        place = recognise(source)
        form = place.form
        for step, walk in ((CANONICAL, _canonical), (STRICT, _strict)):
            if LEVELS.index(step) <= LEVELS.index(level):
                try:
                    return Digest(step, form, walk(source, place, ask), reasons)
                except Unsafe as error:
                    reasons.append(f"not {step}: {error}")
    except (Bypass, OSError):
        raise
    except Exception as error:  # whatever these bytes are: their raw digest says all of them
        reasons.append(f"not readable as HLO: {type(error).__name__}: {error}")
    return Digest(RAW, form, _raw(source, form, level, ask), reasons)


def _remembering(resolve: "Resolve") -> "Resolve":
    answers: dict[tuple[bytes, bytes], bytes | None] = {}

    def ask(target: bytes, config: bytes) -> "bytes | None":
        if (target, config) not in answers:
            answers[target, config] = resolve(target, config)
        return answers[target, config]

    return ask


def _header(level: str, form: str) -> bytes:
    return f"neffcache-hlo {FORMAT} {level} {form}\n".encode()


def _strict(source: "Source", place: _Place, resolve: "Resolve") -> str:
    sink = Sink(source.size, _header(STRICT, place.form))
    hlo_strict.Strict(source, sink, resolve).walk(place.begin, place.end)
    return _finished(source, place, sink)


def _canonical(source: "Source", place: _Place, resolve: "Resolve") -> str:
    words: set[bytes] = set()
    given: dict[bytes, bytes] = {}
    while True:
        sink = Sink(source.size, _header(CANONICAL, place.form))
        walker = hlo_canonical.Canonical(source, sink, resolve)
        walker.outline(place.begin, place.end)
        walker.words |= words
        walker.kept = frozenset(walker.words)
        walker.given = given
        try:
            walker.walk(place.begin, place.end)
            if walker.words <= walker.kept:
                return _finished(source, place, sink)
        except hlo_ids.Later:
            if given:
                raise
            walker.find_computations(place.begin, place.end)
            given = walker.given
        words = walker.words  # a name was met after it had been passed: once more with it


def _finished(source: "Source", place: _Place, sink: Sink) -> str:
    for span in place.around:
        sink.stream(b"w", source, span, [])
    return sink.hexdigest()


def _raw(source: "Source", form: str, level: str, resolve: "Resolve") -> str:
    """The digest of every byte, and of what custom calls name."""
    made = files.new_hash(source.size)
    made.update(_header(RAW, "bytes"))
    custom = CUSTOM_CODE if form == UNKNOWN else _CUSTOM_CALL
    found, tail = False, b""
    for part in source.parts(0, source.size):
        made.update(part)
        whole = tail + bytes(part) if tail else bytes(part)
        found = found or custom in whole
        tail = whole[-len(custom) :]
    if found and (form == UNKNOWN or level != RAW):
        raise Bypass("graph_custom_code", "custom calls in a graph that cannot be read as HLO")
    if found:
        try:
            made.update(_strict(source, recognise(source), resolve).encode())
        except (Unsafe, wire.Malformed, IndexError, ValueError) as error:
            raise Bypass("graph_custom_code", str(error)) from error
    return made.hexdigest()


def recognise(source: "Source") -> _Place:
    """Find the module, with certainty; Malformed when there is none."""
    if _is_module(source, 0, source.size):
        return _Place("module", 0, source.size, [])
    for form, depth in (("proto", 1), ("snapshot", 2)):
        begin, end = 0, source.size
        around: list[tuple[int, int]] = []
        for level in range(depth):
            begin, end, others = _only(source, begin, end, alone=level == depth - 1)
            around += others
        if begin < end and _is_module(source, begin, end):
            return _Place(form, begin, end, around)
    raise wire.Malformed("no module")


def _only(
    source: "Source", begin: int, end: int, *, alone: bool
) -> "tuple[int, int, list[tuple[int, int]]]":
    """The value of the one field 1 of a message, and the spans of its other fields."""
    found = (0, 0)
    others: list[tuple[int, int]] = []
    for tag, start, value, stop in fields(source, begin, end):
        if tag == _WRAPPED and found == (0, 0):
            found = (value, stop)
        elif alone or tag not in _AROUND or len(others) >= _MOST_FIELDS:
            return 0, 0, []
        else:
            others.append((start, stop))
    return (*found, others)


def _is_module(source: "Source", begin: int, end: int) -> bool:
    """Whether the first computation's first instruction has an opcode as XLA spells them."""
    for tag in (COMPUTATION, INSTRUCTION, OPCODE):
        for found, _start, value, stop in fields(source, begin, end):
            if found == tag:
                begin, end = value, stop
                break
        else:
            return False
    return 0 < end - begin < 64 and not source.read(begin, end).strip(_OPCODE_LETTERS)
