"""Noun: one line of MLIR text without its locations; strings are passed over untouched."""

from neffcache.graph.mlir_locations import Doubt, find, location_end, string_end

# A location that begins this near the end of an unfinished line may not be complete.
NEAR = 1 << 16
# What may stand before the blank before a location; not the marks behind which a value begins.
_MAY_PRECEDE = frozenset(b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.)>}]"')
# What makes "loc" the end of a longer word, or a name.
_IN_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.-@%!^#")
_ODD = ((b"//", "a comment"), (b"#loc", "a location as a value"), (b">=", ">="), (b"<=", "<="))


def quick(line: bytes) -> "bytes | None":
    """An ordinary line less the location at its end; None when it takes a closer look."""
    if line.endswith(b")"):
        at = line.rfind(b" loc(#loc")
        if at > 0 and (line[at + 9 : -1].isdigit() or line[at + 9 :] == b")"):
            line = line[:at]
            if line[-1] not in _MAY_PRECEDE:
                return None
    if b'"' in line or b"loc" in line or b"//" in line or b">=" in line or b"<=" in line:
        return None
    if line.count(b"<") != line.count(b">") - line.count(b"->"):
        return None
    return line if line.count(b"[") == line.count(b"]") else None


def is_definition(line: bytes) -> bool:
    """Whether a line is `#locN = loc(...)` and nothing else.

    Raises:
        Doubt: it begins like one and is none.
    """
    if not line.startswith(b"#loc"):
        return False
    name, mark, _ = line.partition(b" = loc(")
    if not mark or not (name == b"#loc" or name[4:].isdigit()):
        raise Doubt("an alias that is not a location's")
    if location_end(line, len(name) + len(mark)) != len(line):
        raise Doubt("text behind a location's alias")
    return True


class Line:
    """A line that may come in parts.

    Attributes:
        in_string: whether the last part ended within a string.
    """

    __slots__ = ("_angle", "_argument", "_before", "_paren", "_square", "in_string")

    def __init__(self) -> None:
        self._angle = self._square = self._paren = 0
        self._argument = False  # whether a value's name stands behind the last location
        self._before = b""  # the byte before this part
        self.in_string = False

    def take(self, part: bytes, *, last: bool) -> "tuple[bytes, bytes]":
        """(the part without its locations, what has to come again with the next part).

        Raises:
            Doubt: the line is not as MLIR prints it.
        """
        out: list[bytes] = []
        at = done = 0
        quote, place = find(part, b'"', 0), find(part, b"loc(", 0)
        while quote >= 0 or place >= 0:
            if place < 0 or 0 <= quote < place:
                self._code(part[at:quote])
                at = string_end(part, quote)
                if at < 0:
                    if last:
                        raise Doubt("a string that does not end")
                    return self._leave(b"".join(out), part, done, len(part), in_string=True)
            elif self._is_name(part, place):
                place = find(part, b"loc(", place + 4)
                continue
            else:
                self._code(part[at : place - 1])
                if not last and place > len(part) - NEAR:
                    return self._leave(b"".join(out), part, done, place - 1)
                out.append(part[done : place - 1])
                at = done = self._location(part, place, last)
            quote = find(part, b'"', at) if 0 <= quote < at else quote
            place = find(part, b"loc(", at) if 0 <= place < at else place
        return self._end(b"".join(out), part, done, at) if last else self._cut(out, part, done, at)

    def _is_name(self, part: bytes, place: int) -> bool:
        before = part[place - 1 : place] or self._before
        return before != b"" and before[0] in _IN_NAME

    def _location(self, part: bytes, place: int, last: bool) -> int:
        """The index behind a location that may go."""
        if place < 1 or part[place - 1 : place] != b" ":
            raise Doubt("a location without a blank before it")
        before = part[place - 2 : place - 1] if place > 1 else self._before
        if not before or before[0] not in _MAY_PRECEDE:
            raise Doubt("a location as a value")
        if self._angle or self._square:
            raise Doubt("a location in brackets")
        end = location_end(part, place + 4)
        if end < len(part):
            if part[end] not in b",)" or self._paren <= 0 or not self._argument:
                raise Doubt("text behind a location")
        elif not last:
            raise Doubt("a location that is too long")
        self._argument = False
        return end

    def _code(self, code: bytes) -> None:
        """Note what stands outside of strings and locations."""
        for mark, words in _ODD:
            if mark in code:
                raise Doubt(words)
        self._angle += code.count(b"<") + code.count(b"->") - code.count(b">")
        self._square += code.count(b"[") - code.count(b"]")
        self._paren += code.count(b"(") - code.count(b")")
        self._argument = self._argument or b"%" in code

    def _end(self, out: bytes, part: bytes, done: int, at: int) -> "tuple[bytes, bytes]":
        self._code(part[at:])
        if self._angle or self._square:
            raise Doubt("brackets that go on in another line")
        return out + part[done:], b""

    def _cut(self, out: "list[bytes]", part: bytes, done: int, at: int) -> "tuple[bytes, bytes]":
        """Stop before the last blank: none of the marks looked for has one inside."""
        cut = part.rfind(b" ", at)
        if cut < 0:
            raise Doubt("a line that is too long")
        self._code(part[at:cut])
        return self._leave(b"".join(out), part, done, cut)

    def _leave(
        self, out: bytes, part: bytes, done: int, cut: int, *, in_string: bool = False
    ) -> "tuple[bytes, bytes]":
        self.in_string = in_string
        if in_string and (cut - len(part[:cut].rstrip(b"\\"))) % 2:
            cut -= 1  # an escape goes on in the next part
        self._before = part[cut - 1 : cut] or self._before
        return out + part[done:cut], part[cut:]

    def string(self, data: bytes) -> "tuple[bytes, bytes]":
        """Go on within a string: (what belongs to it, the rest).

        Raises:
            Doubt: the line ends first.
        """
        end = string_end(data, -1)
        taken = data if end < 0 else data[:end]
        if b"\n" in taken:
            raise Doubt("a string that does not end")
        self.in_string = end < 0
        self._before = b'"'
        if self.in_string and (len(taken) - len(taken.rstrip(b"\\"))) % 2:
            taken = taken[:-1]
        return taken, data[len(taken) :]
