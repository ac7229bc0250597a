"""Noun: a NEFF's payload: one digest over what a compile decides, and nothing that time does."""

from neffcache import files

UNKNOWN = "0" * 64
_FIRST_LINE = b"neffcache-payload 1\n"
# Of the header: the packed size, the hash of the packed data, the random uuid, the name. Packed,
# the archive also holds the times at which its files were written; the name is a label, and may be
# that of the input, which is not in the key either.
_VOLATILE = ((0x010, 8), (0x0AC, 32), (0x0CC, 16), (0x0DC, 256))
# What a compiler says of its own result. One that states there the digest of its optimised program
# is compared by that: machine code may differ in every compile of it (XLA's for the CPU does).
_DESCRIPTION = b"neff.json"
_PROGRAM = b'"optimized_hlo_sha256"'
_HEX = frozenset(b"0123456789abcdef")
_LONG_NAME, _LONG_LINK, _EXTENDED, _GLOBAL = b"L", b"K", b"x", b"g"
_TIMES = (b"mtime", b"atime", b"ctime")
# More than that is not held in memory: the payload is then unknown.
_MOST_MEMBERS = 20_000
_MOST_TEXT = 1 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.files import Hash


class Payload:
    """Fed a NEFF's header and the members of its archive, tells the digest of the payload.

    SHA-256 over `neffcache-payload 1`, the header with its volatile fields zeroed, and for each
    member, sorted by name (equal names in the archive's order), a line `<SHA-256 of its content>
    <bytes> <type> <name> <name it links to>`, names in hex. Left out are times, owners and modes.
    """

    __slots__ = ("_head", "_line", "_lines", "_made", "_names", "_stated", "_text", "_unknown")

    def __init__(self) -> None:
        self._head = b""
        self._lines: list[tuple[bytes, bytes]] = []  # name, line
        self._made: Hash | None = None
        self._line: tuple[bytes, bytes, bytes, int] = (b"", b"", b"", 0)  # type, name, link, bytes
        self._names: dict[bytes, bytes] = {}  # what goes before a member, by its type
        self._text: bytearray | None = None
        self._stated = b""
        self._unknown = False

    def header(self, data: bytes) -> None:
        """The 1024 bytes before the archive."""
        head = bytearray(data)
        for at, size in _VOLATILE:
            head[at : at + size] = bytes(size)
        self._head = bytes(head)

    def member(self, block: bytes, size: int) -> None:
        """A member begins: its block in the archive, and how many bytes follow."""
        kind = block[156:157].replace(b"\0", b"0")
        name = block[:100].rstrip(b"\0")
        if block[257:263] == b"ustar\0" and block[345:346] != b"\0":
            name = block[345:500].rstrip(b"\0") + b"/" + name
        self._line = (kind, name.removeprefix(b"./"), block[157:257].rstrip(b"\0"), size)
        self._made = files.new_hash(size)
        about = kind in (_LONG_NAME, _LONG_LINK, _EXTENDED, _GLOBAL)
        held = size <= _MOST_TEXT and (about or self._line[1] == _DESCRIPTION)
        self._text = bytearray() if held else None
        if len(self._lines) >= _MOST_MEMBERS or (about and not held):
            self._unknown = True

    def content(self, data: bytes) -> None:
        """The next bytes of the member."""
        if self._made is not None and not self._unknown:
            self._made.update(data)
            if self._text is not None:
                self._text += data

    def end(self) -> None:
        """The member is complete."""
        if self._made is None or self._unknown:
            return
        kind, name, link, size = self._line
        text = bytes(self._text or b"")
        if kind in (_LONG_NAME, _LONG_LINK):
            self._names[kind] = text.rstrip(b"\0")
        elif kind in (_EXTENDED, _GLOBAL):
            self._names[kind] = _without_times(text)
        else:
            name = self._names.pop(_LONG_NAME, name)
            link = self._names.pop(_LONG_LINK, link)
            extended = self._names.pop(_EXTENDED, b"") + b"\0" + self._names.get(_GLOBAL, b"")
            words = (self._made.hexdigest().encode(), b"%d" % size, kind.hex().encode())
            more = (name.hex().encode(), link.hex().encode(), extended.hex().encode())
            self._lines.append((name, b" ".join((*words, *more)) + b"\n"))
            if name == _DESCRIPTION:
                self._stated = _stated(text)
        self._made = None

    def digest(self) -> str:
        """The payload's digest, hex; UNKNOWN when it could not be told in bounded memory."""
        if self._unknown or not self._head:
            return UNKNOWN
        if self._stated:
            return files.digest(_FIRST_LINE + b"program " + self._stated + b"\n")
        self._lines.sort(key=lambda pair: pair[0])
        return files.digest(
            _FIRST_LINE + self._head + b"".join(line for _name, line in self._lines)
        )


def _stated(text: bytes) -> bytes:
    """The digest of the optimised program that neff.json states; b"" when it states none."""
    _before, found, rest = text.partition(_PROGRAM)
    value = rest.lstrip(b" \t\r\n:")[:66]
    digest = value[1:65]
    plain = found and _PROGRAM not in rest and value[:1] == value[65:] == b'"'
    return digest if plain and len(digest) == 64 and _HEX.issuperset(digest) else b""


def _without_times(text: bytes) -> bytes:
    """The records `<bytes> <name>=<value>` of an extended header, less those of times."""
    kept: list[bytes] = []
    while text:
        size, blank, _ = text.partition(b" ")
        if not blank or not size.isdigit() or not len(size) < int(size[:7]) <= len(text):
            return b"".join(kept) + text
        record, text = text[: int(size)], text[int(size) :]
        if record[len(size) + 1 :].partition(b"=")[0] not in _TIMES:
            kept.append(record)
    return b"".join(kept)
