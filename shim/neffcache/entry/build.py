"""Noun: write a bundle: index, manifest, then the files, in one uncompressed tar, in one pass."""

import posix

from neffcache import files
from neffcache.entry.index import BLOCK, Index, Member, Segment, padded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# ustar's octal size field ends here; larger sizes take GNU's binary form.
_OCTAL_END = 8**11


class Source:
    """One file for a bundle.

    Attributes:
        role, place: see index.PLACES.
        fd: open for positioned reads.
        size: bytes; start: where they begin in the file.
        segments: for a file that repeats the NEFF: its runs, `start` counted in the file itself
            for own ones and in the NEFF for the others; None: all its own.
    """

    __slots__ = ("fd", "place", "role", "segments", "size", "start")

    def __init__(self, role: str, place: str, fd: int, size: int) -> None:
        self.role = role
        self.place = place
        self.fd = fd
        self.size = size
        self.start = 0
        self.segments: list[Segment] | None = None


def write(
    out: int,
    head: Index,
    manifest: bytes,
    sources: "Sequence[Source]",
    tap: "Callable[[bytes], None]",
) -> None:
    """Write a bundle into an empty file; fills in the index's members.

    Args:
        out: descriptor of the empty file.
        head: an index with key, seconds and manifest, no members yet.
        manifest: the text of manifest.json.
        sources: the files, the NEFF first.
        tap: is given each piece of the NEFF as it passes.

    Raises:
        OSError: the disk is full, or a source is unreadable or shorter than it was.
    """
    for source in sources:
        member = Member(source.role, source.size, "0" * 64, source.place)
        if source.segments is not None:
            member.compose(_renumbered(source.segments))
        head.members.append(member)
    # Digests have a fixed length, so the index's size is known before they are.
    head.place(len(head.text()))
    for source, member in zip(sources, head.members, strict=True):
        _copy(out, source, member, tap if member is head.members[0] else _no_tap)
        _pad(out, member.offset + member.stored)
    _put(out, head.manifest_offset - BLOCK, "manifest.json", manifest)
    _put(out, 0, "index", head.text())
    posix.ftruncate(out, head.end)


def restate(out: int, head: Index, manifest: bytes) -> None:
    """Put another manifest of the same size in the place of the one that was written."""
    if len(manifest) != head.manifest_size:
        raise ValueError("a manifest of another size")
    head.manifest_digest = files.digest(manifest)
    _put(out, head.manifest_offset - BLOCK, "manifest.json", manifest)
    _put(out, 0, "index", head.text())


def _no_tap(_data: bytes) -> None:
    return


def _renumbered(segments: "list[Segment]") -> "list[Segment]":
    """The same runs, the own ones numbered by where they lie among the stored bytes."""
    made, at = [], 0
    for segment in segments:
        made.append(Segment(segment.own, at if segment.own else segment.start, segment.size))
        at += segment.size if segment.own else 0
    return made


def _copy(out: int, source: Source, member: Member, tap: "Callable[[bytes], None]") -> None:
    """Hash the whole file; store the runs that are its own."""
    _write_at(out, header(member.role, member.stored), member.offset - BLOCK)
    made = files.new_hash(source.size)
    at, to = source.start, member.offset
    for segment in source.segments or [Segment(True, 0, source.size)]:
        left = segment.size
        while left:
            part = posix.pread(source.fd, min(left, files.CHUNK), at)
            if not part:
                raise OSError(5, f"{member.role} became shorter while it was read")
            made.update(part)
            tap(part)
            if segment.own:
                _write_at(out, part, to)
                to += len(part)
            at += len(part)
            left -= len(part)
    member.digest = made.hexdigest()


def _put(out: int, at: int, name: str, data: bytes) -> None:
    _write_at(out, header(name, len(data)) + data + bytes(padded(len(data)) - len(data)), at)


def _pad(out: int, end: int) -> None:
    _write_at(out, bytes(padded(end) - end), end)


def _write_at(out: int, data: bytes, at: int) -> None:
    while data:
        done = posix.pwrite(out, data, at)
        data = data[done:]
        at += done


def header(name: str, size: int) -> bytes:
    """A ustar header for a plain file: mode 0600, no owner, time 0."""
    number = f"{size:011o}\0".encode() if size < _OCTAL_END else b"\x80" + size.to_bytes(11, "big")
    block = bytearray(BLOCK)
    block[0 : len(name)] = name.encode()
    block[100:124] = b"0000600\0" + b"0000000\0" * 2
    block[124:136] = number
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = b"0"
    block[257:265] = b"ustar\x0000"
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)
