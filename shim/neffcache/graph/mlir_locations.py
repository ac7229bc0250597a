"""Noun: the grammar of MLIR locations as its printer writes them; anything else is a doubt."""

_DEEPEST = 64
# What an unfinished location waits for: its end, the second half of a callsite, more of a list.
_CLOSE, _AT, _LIST = 0, 1, 2


class Doubt(Exception):
    """The text is not as MLIR prints it: nothing of it is taken away."""


def find(data: bytes, what: bytes, at: int) -> int:
    """bytes.find; every search here goes through it, so that tests can count the work."""
    return data.find(what, at)


def string_end(data: bytes, opening: int) -> int:
    """The index behind the string that opens there; -1 when it does not end."""
    at = opening + 1
    while True:
        end = find(data, b'"', at)
        if end < 0:
            return -1
        first = end
        while first > opening + 1 and data[first - 1] == 0x5C:
            first -= 1
        if (end - first) % 2 == 0:  # its backslashes belong to each other
            return end + 1
        at = end + 1


def location_end(line: bytes, at: int) -> int:
    """The index behind a location; `at` is just behind its "loc(".

    Raises:
        Doubt: it is not one, or of a kind that is not known.
    """
    waiting = [_CLOSE]
    while waiting:
        at = _head(line, at, waiting)
        if len(waiting) > _DEEPEST:
            raise Doubt("a location nested too deeply")
        at = _tail(line, at, waiting)
    return at


def _head(line: bytes, at: int, waiting: "list[int]") -> int:
    """Past the start of a location, up to where another begins or this one is complete."""
    for word, state in ((b"callsite(", _AT), (b"fused[", _LIST)):
        if line.startswith(word, at):
            waiting.append(state)
            return _head(line, at + len(word), waiting) if len(waiting) <= _DEEPEST else at
    if line.startswith(b"unknown", at):
        return at + 7
    if line.startswith(b"#loc", at):
        return _digits(line, at + 4)
    if line.startswith(b'"', at):
        return _named(line, at, waiting)
    raise Doubt("a location of an unknown kind")


def _named(line: bytes, at: int, waiting: "list[int]") -> int:
    """A file with a position, or a name with or without a location in parentheses."""
    end = string_end(line, at)
    if end < 0:
        raise Doubt("a string that does not end")
    if line.startswith(b":", end):
        return _position(line, end)
    if line.startswith(b"(", end):
        waiting.append(_CLOSE)
        return _head(line, end + 1, waiting) if len(waiting) <= _DEEPEST else end
    return end


def _position(line: bytes, at: int) -> int:
    """`:line:column`, or that and ` to :column` or ` to line:column`."""
    at = _number(line, _number(line, at, b":"), b":")
    if line.startswith(b" to ", at):
        if not line.startswith(b":", at + 4):
            at = _number(line, at, b" to ")
        else:
            at += 4
        at = _number(line, at, b":")
    return at


def _number(line: bytes, at: int, mark: bytes) -> int:
    start = at + len(mark)
    end = _digits(line, start)
    if not line.startswith(mark, at) or end == start:
        raise Doubt("a position that is not understood")
    return end


def _digits(line: bytes, at: int) -> int:
    while line[at : at + 1].isdigit():
        at += 1
    return at


def _tail(line: bytes, at: int, waiting: "list[int]") -> int:
    """Behind a complete location: close what ends here; stop where another one has to begin."""
    while waiting:
        state = waiting[-1]
        if state == _CLOSE and line.startswith(b")", at):
            waiting.pop()
            at += 1
        elif state == _AT and line.startswith(b" at ", at):
            waiting[-1] = _CLOSE
            return at + 4
        elif state == _LIST and line.startswith(b", ", at):
            return at + 2
        elif state == _LIST and line.startswith(b"]", at):
            waiting.pop()
            at += 1
        else:
            raise Doubt("a location that does not end")
    return at
