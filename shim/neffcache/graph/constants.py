"""Noun: how many bytes of constants a graph holds at most: a NEFF holds its weights, too."""

import posix

from neffcache import files
from neffcache.graph import directory, hlo, mlir_bytecode, mlir_text, source, wire
from neffcache.graph import hlo_fields as known

# Up to here nothing of a model can be in it but a few numbers. Graphs of real programs with their
# weights outside hold less than 200 bytes of different constants (scalars, short index lists; see
# tests/data/hlo), 300 more with the inverse frequencies of rotary positions. Whole rotary or mask
# tables are far above, as weights are: the two cannot be told apart, so both count as weights.
HARMLESS = 1024
# Text that a framework writes for itself (kernel configurations, attributes) is shorter.
_TEXT = 16 << 10
# Equal constants count once, as long as they are small and not too many to remember.
_SMALL, _MOST = 64, 4096
_HEAD = 4096
_ARRAYS = (".npy", ".npz")
_METADATA, _SHAPES = "metadata.json", "--io-config"
_LITERAL, _LITERAL_SHAPE = 8 << 3 | 2, 1 << 3 | 2
_INFEED, _OUTFEED = 27 << 3 | 2, 22 << 3 | 2
_TEXTS = frozenset((known.CONFIG, known.ATTRIBUTES, _INFEED, _OUTFEED))
_STRUCTURE = known.INSTRUCTION_KNOWN - _TEXTS - {_LITERAL, known.PAYLOAD}
# Name, opcode, shape and metadata: half of all fields.
_USUAL = frozenset(tag for tag in _STRUCTURE if tag < 128 and tag & 7 == 2)
_ELEMENTS = (b"dense<", b"sparse<", b"array<", b"opaque<")
_RESOURCES = b"{-#"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.graph.source import Source


def may_be_weights(count: "int | None") -> bool:
    """Whether so many bytes of constants (None: not known) may hold weights of a model."""
    return count is None or not 0 <= count <= HARMLESS


def inlined(path: str) -> int:
    """An upper bound of the bytes of different constants in a graph file or `model/` directory.

    What cannot be read (bytecode, an unknown form) counts whole, and so does every file of a
    directory beside its graph: the compiler makes constants of them.

    Raises:
        Bypass: there is something else than files in it.
        OSError: it cannot be read.
    """
    if not files.is_directory(posix.stat(path).st_mode):
        return _of_file(path)
    total = 0
    for name, full, _changed in directory.list_files(path):
        size = posix.stat(full).st_size
        if name == directory.GRAPH:
            total += _of_file(full)
        elif name != _METADATA or size > _TEXT:
            total += size
    return total


def in_option(option: str, path: str) -> int:
    """The same of a file that an option names: all of it, but for a description of shapes.

    Raises:
        OSError: it is gone.
    """
    size = posix.stat(path).st_size
    return 0 if option == _SHAPES and size <= _TEXT else size


def in_kernel(path: str, size: int) -> int:
    """The same of a file that a kernel's configuration names: code is none, an array is."""
    return size if path.endswith(_ARRAYS) else 0


def _of_file(path: str) -> int:
    opened = source.open_file(path)
    try:
        return _count(opened)
    except (wire.Malformed, IndexError):
        return opened.size
    finally:
        posix.close(opened.fd)


def _count(opened: "Source") -> int:
    head = opened.read(0, min(_HEAD, opened.size))
    if head.startswith(mlir_bytecode.MAGIC):
        return opened.size
    found = _Found()
    if mlir_text.looks_like(head):
        _Text(found).read(opened)
    else:
        _Module(opened, found).read()
    return found.total


class _Found:
    """What has been found so far, equal small constants once."""

    __slots__ = ("_seen", "total")

    def __init__(self) -> None:
        self.total = 0
        self._seen: set[bytes] = set()

    def add(self, what: bytes, size: int) -> None:
        """A constant that takes `size` bytes of `what`."""
        if len(what) <= _SMALL:
            if what in self._seen:
                return
            if len(self._seen) < _MOST:
                self._seen.add(what)
        self.total += size


class _Module:
    """One look at every field of an HLO module: what is not known to be structure counts."""

    def __init__(self, opened: "Source", found: _Found) -> None:
        self._source = opened
        self._found = found

    def read(self) -> None:
        """Add up what the file holds. Malformed or IndexError: it is no module as we know them."""
        place = hlo.recognise(self._source)
        for start, stop in place.around:  # a snapshot's arguments are the weights themselves
            self._found.total += stop - start
        for tag, _start, value, stop in source.fields(self._source, place.begin, place.end):
            if tag == known.COMPUTATION:
                self._computation(value, stop)
            elif tag not in known.MODULE:
                self._found.total += stop - value
            elif tag == known.MODULE_ATTRIBUTES:
                self._text(value, stop)

    def _computation(self, begin: int, end: int) -> None:
        for tag, _start, value, stop in source.fields(self._source, begin, end):
            if tag == known.INSTRUCTION:
                self._instruction(value, stop)
            elif tag not in known.COMPUTATION_KNOWN:
                self._found.total += stop - value

    def _instruction(self, begin: int, end: int) -> None:
        opened = self._source
        if end - begin > _TEXT:  # not held for it
            for tag, _start, value, stop in source.fields(opened, begin, end):
                if tag not in _STRUCTURE:
                    self._other(tag, value, stop)
            return
        opened.load(begin, end - begin)
        data, base = opened.data, opened.base
        at, limit = begin - base, end - base
        while at < limit:
            size = data[at + 1]
            if size < 128 and data[at] in _USUAL:
                at += 2 + size
                continue
            tag, value, at = _step(data, at)
            if tag not in _STRUCTURE:
                self._other(tag, value + base, at + base)
        if at > limit:
            raise wire.Malformed("a field is longer than its message")

    def _other(self, tag: int, begin: int, end: int) -> None:
        """A field of an instruction that is not known to be structure."""
        if tag == _LITERAL:
            self._literal(begin, end)
        elif tag in _TEXTS:
            self._text(begin, end)
        elif end - begin <= _SMALL:
            self._found.add(self._source.read(begin, end), end - begin)
        else:
            self._found.total += end - begin

    def _literal(self, begin: int, end: int) -> None:
        """Its numbers: all but the shape at its start."""
        if end - begin > _SMALL:
            self._found.total += end - begin
            return
        body = self._source.read(begin, end)
        size = len(body)
        if size > 1 and body[0] == _LITERAL_SHAPE and body[1] < 128:
            size = max(size - 2 - body[1], 0)
        self._found.add(body, size)

    def _text(self, begin: int, end: int) -> None:
        if end - begin > _TEXT:
            self._found.total += end - begin


def _step(data: bytes, at: int) -> "tuple[int, int, int]":
    """(tag, where the value starts, where it ends) of a field; most take one or two looks."""
    tag, size = data[at], data[at + 1]
    if tag > 127:
        tag, size, at = tag & 127 | size << 7, data[at + 2], at + 1
    if size < 128 and 7 < tag < 1 << 14:
        kind = tag & 7
        if kind == 2:
            return tag, at + 2, at + 2 + size
        if kind == 0:
            return tag, at + 1, at + 2
    found = wire.field(data, at - (tag > 127))
    return found[0], found[2], found[3]


class _Text:
    """A StableHLO program's text: what stands between `dense<` and `>`, long strings, resources."""

    def __init__(self, found: _Found) -> None:
        self._found = found
        self._elements = [_Elements(word, found) for word in _ELEMENTS]
        self._tail = b""
        self._in_resources = False
        self._string = _String(found)

    def read(self, opened: "Source") -> None:
        """Add up what the file holds."""
        for part in mlir_text.parts(opened):
            self._feed(part)
        for elements in self._elements:
            elements.finish()
        self._string.finish()

    def _feed(self, part: bytes) -> None:
        if self._in_resources:
            self._found.total += len(part)
            return
        data = self._tail + part
        self._tail = data[1 - len(_RESOURCES) :]
        at = data.find(_RESOURCES)
        if at >= 0:
            self._in_resources = True
            self._found.total += len(data) - at
        for elements in self._elements:
            elements.feed(part)
        self._string.feed(part)


class _Elements:
    """What stands between one word and the next `>`, also where that is in a string."""

    def __init__(self, word: bytes, found: _Found) -> None:
        self._word = word
        self._found = found
        self._tail = b""
        self._open = -1  # bytes of the one that has not ended yet

    def feed(self, data: bytes) -> None:
        """The next part of the text."""
        if self._open >= 0:
            body, closed, data = data.partition(b">")
            self._open += len(body)
            if not closed:
                return
            self.finish()
        data = self._tail + data
        self._tail = data[1 - len(self._word) :]
        pieces = data.split(self._word)
        for piece in pieces[1:]:
            body, closed, _rest = piece.partition(b">")
            if not closed and piece is pieces[-1]:
                self._open, self._tail = len(body), b""
            else:
                self._found.add(body, len(body))

    def finish(self) -> None:
        """The one that is open has ended."""
        self._found.total += max(self._open, 0)
        self._open = -1


class _String:
    """Strings longer than any that a framework writes; the signature of a function is none."""

    def __init__(self, found: _Found) -> None:
        self._found = found
        self._size = 0
        self._is_code = False

    def feed(self, data: bytes) -> None:
        """The next part of the text."""
        pieces = data.split(b'"')
        for piece in pieces[:-1]:
            self._take(piece)
            self.finish()
        self._take(pieces[-1])

    def finish(self) -> None:
        """What may be a string has ended."""
        if self._size > _TEXT and not self._is_code:
            self._found.total += self._size
        self._size, self._is_code = 0, False

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if len(piece) > _SMALL:
            self._is_code = self._is_code or b"\n" in piece or b"tensor<" in piece
