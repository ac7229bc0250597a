"""Noun: what of a graph is hashed: the kept bytes, and beside them how long each piece is."""

from neffcache import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.graph.source import Source

    Edit = tuple[int, int, bytes]

_MANY = 4096


class Sink:
    """Two hashes: the pieces one after another, and their lengths with marks between them.

    Together they tell every piece apart, so nothing needs a terminator or a length of its own.
    """

    __slots__ = ("_frame", "_text", "pieces")

    def __init__(self, size: int, header: bytes) -> None:
        self._text = files.new_hash(size)
        self._frame = files.new_hash(size // 10)
        self._text.update(header)
        self.pieces: list[bytes] = []  # of instructions, to be added to from outside

    def settle(self) -> None:
        """Hash what has gathered."""
        if self.pieces:
            self._text.update(b"".join(self.pieces))
            self._frame.update(repr([*map(len, self.pieces)])[1:-1].encode() + b", ")
            self.pieces.clear()

    def relieve(self) -> None:
        """Hash what has gathered when it is much."""
        if len(self.pieces) >= _MANY:
            self.settle()

    def keep(self, mark: bytes, piece: bytes) -> None:
        """A piece of its own kind."""
        self.settle()
        self._text.update(piece)
        self._frame.update(b"%b%d, " % (mark, len(piece)))

    def stream(
        self, mark: bytes, source: "Source", span: "tuple[int, int]", edits: "list[Edit]"
    ) -> None:
        """A piece too large to hold: a span of the graph with some places replaced."""
        self.settle()
        size, at = 0, span[0]
        for start, stop, new in [*edits, (span[1], span[1], b"")]:
            for part in source.parts(at, start):
                self._text.update(part)
            self._text.update(new)
            size += start - at + len(new)
            at = stop
        self._frame.update(b"%b%d, " % (mark, size))

    def hexdigest(self) -> str:
        """The digest of everything; nothing may follow."""
        self.settle()
        self._text.update(bytes.fromhex(self._frame.hexdigest()))
        return self._text.hexdigest()
