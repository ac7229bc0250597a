"""Noun: custom calls in MLIR that name code in other files, found with certainty or not at all."""

from neffcache.graph.mlir_locations import string_end
from neffcache.invocation import Bypass

FAMILY = b"AwsNeuronCustom"
CALL = b"custom_call"
OUTCOME = "graph_custom_code"
_CONFIG = b"backend_config = "
_TARGET = b"call_target_name = "
_CONSTANT = b"0x"  # hexadecimal digits: the values of a tensor
_HEX = b"0123456789abcdefABCDEF"
# An escape for one of the family's letters: its name could stand there unseen.
_HIDING = tuple(
    b"\\" + text for letter in sorted(set(FAMILY)) for text in (b"%02X" % letter, b"%02x" % letter)
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # (target, backend_config) -> what the files say, without their paths; None: it names none.
    # Raises Bypass when that cannot be told.
    Resolve = Callable[[bytes, bytes], bytes | None]


class Watch:
    """Counts the family's name in bytes that come in parts.

    Attributes:
        calls: whether there are custom calls at all.
        count: how often the family's name stood there.
        hiding: whether it may stand there in another spelling.
    """

    __slots__ = ("_escape", "_tail", "calls", "count", "hiding")

    def __init__(self) -> None:
        self.calls = False
        self.count = 0
        self.hiding = False
        self._tail = b""
        self._escape = b""

    def feed(self, data: bytes) -> None:
        """The next part."""
        self.count += data.count(FAMILY)
        seam = self._tail + data[: len(FAMILY) - 1]
        self.count += seam.count(FAMILY)
        self.calls = self.calls or CALL in data or CALL in seam
        self._tail = (self._tail + data)[1 - len(FAMILY) :] if len(data) < 64 else data[-14:]
        if self._escape or b"\\" in data:
            joined = self._escape + data
            self.hiding = self.hiding or any(text in joined for text in _HIDING)
            self._escape = joined[-2:] if b"\\" in joined[-2:] else b""


class Calls:
    """Takes the names of other files out of lines and keeps what the files say.

    Attributes:
        met: whether there was a custom call; every string from there on may be a configuration.
        seen: how many of the family's names were dealt with.
        contents: what each call's files say, in order.
    """

    __slots__ = ("_resolve", "contents", "met", "seen")

    def __init__(self, resolve: "Resolve | None") -> None:
        self._resolve = resolve
        self.met = False
        self.seen = 0
        self.contents: list[bytes] = []

    def look(self, line: bytes, *, in_string: bool = False) -> None:
        """A line without locations, or a part of one, in which no string may name a file.

        Raises:
            Bypass: one does, or begins here, goes on in another part and is no constant.
        """
        self.met = self.met or CALL in line
        if not self.met:
            return
        if in_string:
            line, _, begun = line.rpartition(b'"')
            if not begun.startswith(_CONSTANT):
                raise Bypass(OUTCOME, "a custom call, and a string that is too long to look at")
        if self._resolve is None or b'"' not in line:
            return
        for _start, content in _split(line)[1]:
            if not content.startswith(_CONSTANT):
                self._resolve(CALL, decode(content))

    def replace(self, line: bytes) -> bytes:
        """A line without locations; the files' content takes the place of what names them.

        Raises:
            Bypass: what a call names cannot be told with certainty.
        """
        if FAMILY not in line:
            self.look(line)
            return line
        self.met = True
        self.seen += line.count(FAMILY)
        found = _Call(line)
        if self._resolve is None:
            raise Bypass(OUTCOME, found.target.decode())
        self.look(line[: found.start] + line[found.end :])
        said = self._resolve(found.target, found.config)
        if said is None:
            return line
        self.contents.append(said)
        # No NUL stands in a text that is not raw: nothing else can look like this.
        mark = b"\0%d\n" % len(said)
        return line[: found.start] + mark + said + line[found.end :]


class _Call:
    """One custom call on one line, as MLIR prints it.

    Attributes:
        target: what it calls.
        config: its backend_config, decoded; start, end: where that stands between its quotes.
    """

    __slots__ = ("config", "end", "start", "target")

    def __init__(self, line: bytes) -> None:
        code, strings = _split(line)
        names = line.count(FAMILY)
        if names != 1 or line.count(b"custom_call") != 1 or not _is_whole(code):
            raise _uncertain("not one whole call on a line")
        self.target = _target(code, strings)
        self.start, self.end, self.config = _config(code, strings)


def _uncertain(detail: str) -> Bypass:
    return Bypass(OUTCOME, f"{FAMILY.decode()}: {detail}")


def _split(line: bytes) -> "tuple[list[bytes], list[tuple[int, bytes]]]":
    """The pieces of code of a line, and (place, content) of the string behind each but the last."""
    code: list[bytes] = []
    strings: list[tuple[int, bytes]] = []
    at = 0
    while (quote := line.find(b'"', at)) >= 0:
        end = string_end(line, quote)
        if end < 0:
            raise _uncertain("a string that does not end")
        code.append(line[at:quote])
        strings.append((quote + 1, line[quote + 1 : end - 1]))
        at = end
    code.append(line[at:])
    return code, strings


def _is_whole(code: "list[bytes]") -> bool:
    """Whether an operation ends where it began: every bracket closed, its type behind it."""
    joined = b'""'.join(code)
    pairs = ((b"{", b"}"), (b"(", b")"), (b"[", b"]"))
    whole = all(joined.count(left) == joined.count(right) for left, right in pairs)
    return whole and b" : (" in joined and b") -> " in joined


def _target(code: "list[bytes]", strings: "list[tuple[int, bytes]]") -> bytes:
    """The one thing called: a plain symbol, or the string of an attribute."""
    for piece in code:
        before, name, rest = piece.partition(FAMILY)
        if name and before.endswith(b"custom_call @"):
            return _plain(name + rest.partition(b"(")[0])
    for piece, (_start, content) in zip(code, strings, strict=False):
        if FAMILY in content and piece.endswith((b"{" + _TARGET, b", " + _TARGET)):
            return _plain(content)
    raise _uncertain("its name stands in another place than a call's target")


def _plain(name: bytes) -> bytes:
    if not name.isalnum() or not name.startswith(FAMILY):
        raise _uncertain("a target with another name around it")
    return name


def _config(code: "list[bytes]", strings: "list[tuple[int, bytes]]") -> "tuple[int, int, bytes]":
    if sum(piece.count(b"backend_config") for piece in code) != 1:
        raise _uncertain("no backend_config, or several")
    depth = 0
    for piece, (start, content) in zip(code, strings, strict=False):
        depth += piece.count(b"{") - piece.count(b"}")
        if depth == 1 and piece.endswith((b"{" + _CONFIG, b", " + _CONFIG)):
            return start, start + len(content), decode(content)
    raise _uncertain("its backend_config is no string")


def decode(content: bytes) -> bytes:
    """What a string of MLIR text stands for. Raises Bypass for an escape that is not known."""
    head, *rest = content.split(b"\\")
    out = [head]
    pieces = iter(rest)
    for piece in pieces:
        if not piece:  # two backslashes: what follows the second is plain
            out.append(b"\\" + next(pieces, b""))
        elif piece[:1] in b'"nt':
            out.append({b'"': b'"', b"n": b"\n", b"t": b"\t"}[piece[:1]] + piece[1:])
        elif len(piece) > 1 and piece[0] in _HEX and piece[1] in _HEX:
            out.append(bytes((int(piece[:2], 16),)) + piece[2:])
        else:
            raise _uncertain("an escape that is not understood")
    return b"".join(out)
