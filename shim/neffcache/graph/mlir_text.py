"""Noun: the digest of a StableHLO program's text without its locations, where those are certain."""

from neffcache import files
from neffcache.graph.mlir_calls import CALL, FAMILY, OUTCOME, Calls, Watch
from neffcache.graph.mlir_line import Line, is_definition, quick
from neffcache.graph.mlir_locations import Doubt
from neffcache.invocation import Bypass

RAW, STRICT, CANONICAL = "raw", "strict", "canonical"
# Changes whenever the meaning of the hashed bytes does.
FORMAT = 1
# A line longer than this is taken in parts.
_LONG = 4 << 20
_STARTS = (b"module", b"#loc", b"builtin.module", b'"builtin.module"', b"func.func")
# No text holds these; nearly every proto does in its first bytes.
_CONTROLS = bytes(range(9)) + bytes(range(14, 32)) + b"\x0b\x0c\x7f"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from neffcache.graph.mlir_calls import Resolve
    from neffcache.graph.source import Source


class Digest:
    """What a graph's content comes to.

    Attributes:
        level: how much was really normalised.
        hexdigest: SHA-256 of the level, the format and what that level keeps.
        reasons: why the level is not the one that was asked for; for people.
        raw: SHA-256 of the graph's bytes, hex.
        outside: whether files that the graph names are part of it.
    """

    __slots__ = ("hexdigest", "level", "outside", "raw", "reasons")

    def __init__(self, level: str, hexdigest: str, reasons: "tuple[str, ...]", raw: str) -> None:
        self.level = level
        self.hexdigest = hexdigest
        self.reasons = reasons
        self.raw = raw
        self.outside = False


def looks_like(head: bytes) -> bool:
    """Whether the first bytes of a file are those of MLIR text."""
    start = head.lstrip(b" \t\r\n").startswith((*_STARTS, b"//"))
    return start and len(head.translate(None, _CONTROLS)) == len(head)


def digest(source: "Source", level: str, resolve: "Resolve | None" = None) -> Digest:
    """Digest MLIR text.

    Args:
        source: the text.
        level: raw or strict; canonical is taken as strict.
        resolve: tells what the files of a custom call say; None: no such call is accepted.

    Raises:
        Bypass: the text names code in other files, and which cannot be told with certainty.
        OSError: it cannot be read.
    """
    raw, kept = files.new_hash(source.size), _new(STRICT, source.size)
    watch, stripper = Watch(), Stripper(kept, Calls(resolve))
    for part in parts(source):
        raw.update(part)
        watch.feed(part)
        stripper.feed(part)
    stripper.finish()
    _check(watch, stripper)
    reasons = (stripper.doubt,) if stripper.doubt else ()
    if level == RAW or stripper.doubt:
        kept = _new(RAW, 0)
        kept.update(raw.hexdigest().encode())
        for content in stripper.calls.contents:
            kept.update(b"\0%d\n" % len(content) + content)
    elif level != STRICT:
        reasons = (f"{level} means strict for MLIR text",)
    used = RAW if level == RAW or stripper.doubt else STRICT
    made = Digest(used, kept.hexdigest(), reasons, raw.hexdigest())
    made.outside = bool(stripper.calls.contents)
    return made


def parts(source: "Source") -> "Iterator[bytes]":
    """All bytes, one chunk after another."""
    for at in range(0, source.size, files.CHUNK):
        yield source.read(at, min(at + files.CHUNK, source.size))


def _new(level: str, size: int) -> "files.Hash":
    made = files.new_hash(size)
    made.update(f"neffcache-graph mlir-text {level} {FORMAT}\0".encode())
    return made


def _check(watch: Watch, stripper: "Stripper") -> None:
    """Every name of the family must have been dealt with, and none may be hidden."""
    if watch.hiding:
        raise Bypass(OUTCOME, f"an escape may hide {FAMILY.decode()}")
    if watch.calls and stripper.doubt:
        raise Bypass(OUTCOME, f"custom calls in a text with {stripper.doubt}")
    if watch.count != stripper.calls.seen:
        raise Bypass(OUTCOME, f"{FAMILY.decode()} in an odd place")


class Stripper:
    """Passes text on without its locations and without empty lines at its start and end.

    Attributes:
        doubt: why nothing of it can be used; "" as long as all is well.
        calls: the custom calls found.
    """

    __slots__ = ("_carry", "_into", "_line", "_newlines", "calls", "doubt")

    def __init__(self, into: "files.Hash", calls: Calls) -> None:
        self.doubt = ""
        self.calls = calls
        self._into = into
        self._carry = b""
        self._line: Line | None = None  # of which parts were passed on already
        self._newlines = -1  # held back; -1: nothing was passed on yet

    def feed(self, data: bytes) -> None:
        """The next part of the text."""
        if self.doubt:
            return
        try:
            if b"\0" in data:
                raise Doubt("a NUL")
            self._feed(self._carry + data)
        except Doubt as doubt:
            self.doubt = str(doubt)
            self._carry = b""

    def finish(self) -> None:
        """The text has ended."""
        if self.doubt:
            return
        try:
            self._lines(self._carry)
            if self._line is not None:
                raise Doubt("a string that does not end")
        except Doubt as doubt:
            self.doubt = str(doubt)
        self._carry = b""

    def _feed(self, data: bytes) -> None:
        if self._line is not None and self._line.in_string:
            data = self._string(self._line, data)
        cut = 0 if self._line is not None and self._line.in_string else data.rfind(b"\n") + 1
        if cut:
            self._lines(data[: cut - 1])
        self._carry = data[cut:]
        if len(self._carry) > _LONG:
            self._carry = self._part(self._carry)

    def _string(self, line: Line, data: bytes) -> bytes:
        taken, rest = line.string(data)
        self._write(taken)
        return rest

    def _part(self, data: bytes) -> bytes:
        """The first part of a long line, or a further one; returns what is kept for later."""
        self._line = self._line or Line()
        if self._line.in_string:
            return data
        out, rest = self._line.take(data, last=False)
        self.calls.look(out, in_string=self._line.in_string)
        self._write(out)
        if len(rest) > _LONG:
            raise Doubt("a line that is too long")
        return rest

    def _lines(self, data: bytes) -> None:
        """Whole lines; the first one may be the end of one of which a part was passed on."""
        out: list[bytes] = []
        lines = data.split(b"\n")
        if self._line is not None:
            if self._line.in_string:
                raise Doubt("a string that does not end")
            out.append(self._line.take(lines.pop(0), last=True)[0])
            self.calls.look(out[0])
            self._line = None
        calls = self.calls.met or CALL in data
        for line in lines:
            kept = quick(line)
            if kept is None:
                if is_definition(line):
                    self.calls.seen += line.count(FAMILY)
                    continue
                kept = Line().take(line, last=True)[0]
                self.calls.seen += line.count(FAMILY) - kept.count(FAMILY)  # in locations
            out.append(self.calls.replace(kept) if calls else kept)
        if out:  # a block of definitions alone leaves no empty line behind
            out.append(b"")
            self._write(b"\n".join(out))

    def _write(self, data: bytes) -> None:
        """Pass on, but for newlines at the start and the end of everything."""
        if self._newlines < 0:
            data = data.lstrip(b"\n")
        body = data.rstrip(b"\n")
        if body:
            self._into.update(b"\n" * max(self._newlines, 0) + body)
            self._newlines = 0
        if self._newlines >= 0:
            self._newlines += len(data) - len(body)
