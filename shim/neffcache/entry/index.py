"""Noun: a bundle's index: the fixed lines that a hit reads, and where each byte lies."""

from neffcache import files
from neffcache.errors import EntryError

FIRST_LINE = "neffcache-entry 1"
NEFF, WRAPPED, LOG = "neff", "wrapped", "log"
ROLES = (NEFF, WRAPPED, LOG)
# Where a file appeared: at --output; in the working directory; beside the output; in both,
# being one directory then; at the end of the compiler's log.
AT_OUTPUT, IN_CWD, BESIDE, IN_BOTH, IN_LOG = "output", "cwd", "beside", "both", "log"
PLACES = {NEFF: (AT_OUTPUT,), WRAPPED: (IN_CWD, BESIDE, IN_BOTH), LOG: (IN_LOG,)}
MOST_INDEX = 64 << 10
MOST_MANIFEST = 1 << 20
MOST_BYTES = 1 << 40
BLOCK = 512
_HEX = frozenset("0123456789abcdef")
_MOST_SEGMENTS = 64


class Segment:
    """A run of bytes of a file: from its own stored bytes (own) or from the NEFF."""

    __slots__ = ("own", "size", "start")

    def __init__(self, own: bool, start: int, size: int) -> None:
        self.own = own
        self.start = start
        self.size = size


class Member:
    """One file of an entry.

    Attributes:
        role: neff, wrapped or log.
        size: bytes of the whole file; digest: SHA-256 of it, hex.
        place: one of PLACES[role].
        stored: bytes that the bundle holds for it; offset: where they start.
        segments: how the file is put together.
    """

    __slots__ = ("digest", "offset", "place", "role", "segments", "size", "stored")

    def __init__(self, role: str, size: int, digest: str, place: str) -> None:
        self.role = role
        self.size = size
        self.digest = digest
        self.place = place
        self.stored = size
        self.offset = 0
        self.segments = [Segment(True, 0, size)]

    def compose(self, segments: "list[Segment]") -> None:
        """Say that the file repeats parts of the NEFF."""
        self.segments = segments
        self.stored = sum(segment.size for segment in segments if segment.own)

    def line(self) -> str:
        """Its line of the index."""
        runs = ",".join(f"{'own' if s.own else NEFF}:{s.start}:{s.size}" for s in self.segments)
        return f"{self.role} {self.size} {self.digest} {self.place} {self.stored} {runs}"


class Index:
    """What stands in a bundle.

    Attributes:
        key: 64 hex digits.
        seconds: what the compile took.
        manifest_size, manifest_digest: of manifest.json.
        members: the files, the NEFF first.
        end: size of the whole bundle in bytes.
    """

    __slots__ = ("end", "key", "manifest_digest", "manifest_offset", "manifest_size", "members",
                 "seconds")  # fmt: skip

    def __init__(self, key: str, seconds: float, manifest: "tuple[int, str]") -> None:
        self.key = key
        self.seconds = seconds
        self.manifest_size, self.manifest_digest = manifest
        self.manifest_offset = 0
        self.members: list[Member] = []
        self.end = 0

    def member(self, role: str) -> "Member | None":
        """The file of a role, if the entry has one."""
        for member in self.members:
            if member.role == role:
                return member
        return None

    def text(self) -> bytes:
        """The index as it is written."""
        lines = [
            FIRST_LINE,
            f"key {self.key}",
            f"seconds {self.seconds:.3f}",
            f"manifest {self.manifest_size} {self.manifest_digest}",
            *(member.line() for member in self.members),
        ]
        body = ("\n".join(lines) + "\n").encode()
        return body + f"end {files.digest(body)}\n".encode()

    def place(self, index_size: int) -> None:
        """Work out where each member lies, given the size of the index's text."""
        at = BLOCK + padded(index_size) + BLOCK
        self.manifest_offset = at
        at += padded(self.manifest_size)
        for member in self.members:
            member.offset = at + BLOCK
            at = member.offset + padded(member.stored)
        self.end = at + 2 * BLOCK


def padded(size: int) -> int:
    """A size rounded up to whole tar blocks."""
    return -(-size // BLOCK) * BLOCK


def parse(text: bytes, key: str) -> Index:
    """Read an index.

    Raises:
        EntryError: damaged, of another version, or of another key than the one asked for.
    """
    try:
        made = _parse(text)
    except (ValueError, IndexError) as error:
        raise EntryError(f"damaged index ({error})") from error
    if made.key != key:
        raise EntryError("the entry belongs to another key")
    made.place(len(text))
    return made


def _parse(text: bytes) -> Index:
    body, mark, last = text.rpartition(b"end ")
    if not mark or last != f"{files.digest(body)}\n".encode():
        raise ValueError("its digest does not match")
    lines = body.decode("ascii").split("\n")
    if lines[0] != FIRST_LINE or lines.pop() != "":
        raise ValueError("unknown version")
    manifest = _field(lines[3], "manifest").split(" ")
    made = Index(
        _hex(_field(lines[1], "key")),
        _seconds(_field(lines[2], "seconds")),
        (_size(manifest[0], MOST_MANIFEST), _hex(manifest[1])),
    )
    for line in lines[4:]:
        made.members.append(_member(line, made.members))
    if not made.members or made.members[0].role != NEFF:
        raise ValueError("no NEFF")
    return made


def _member(line: str, before: "list[Member]") -> Member:
    role, size, digest, place, stored, runs = line.split(" ")
    if role not in ROLES or place not in PLACES[role] or any(m.role == role for m in before):
        raise ValueError(f"member {role}")
    made = Member(role, _size(size, MOST_BYTES), _hex(digest), place)
    neff_size = before[0].size if before else 0
    made.compose(_segments(runs, neff_size))
    if sum(s.size for s in made.segments) != made.size or made.stored != _size(stored, MOST_BYTES):
        raise ValueError(f"sizes of {role}")
    return made


def _segments(text: str, neff_size: int) -> "list[Segment]":
    made = []
    own_end = 0
    for run in text.split(",", _MOST_SEGMENTS - 1):
        source, start_text, size_text = run.split(":")
        start, size = _size(start_text, MOST_BYTES), _size(size_text, MOST_BYTES)
        if source == "own":
            if start != own_end:
                raise ValueError("segments")
            own_end += size
        elif source != NEFF or start + size > neff_size:
            raise ValueError("segments")
        made.append(Segment(source == "own", start, size))
    return made


def _field(line: str, name: str) -> str:
    head, _, value = line.partition(" ")
    if head != name:
        raise ValueError(f"no {name}")
    return value


def _hex(text: str) -> str:
    if len(text) != 64 or not _HEX.issuperset(text):
        raise ValueError("not a digest")
    return text


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1e9:  # also false for NaN
        raise ValueError("not a number of seconds")
    return value


def _size(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15 or int(text) > most:
        raise ValueError("not a size")
    return int(text)
