"""Noun: read a bundle: check it against its key, restore its files, every byte hashed."""

import posix

from neffcache import files
from neffcache.entry import index as layout
from neffcache.errors import EntryError

_FIRST_READ = 16 << 10
_TAR_SIZE = slice(124, 136)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.entry.index import Index, Member
    from neffcache.files import Hash


class Bundle:
    """An open bundle whose index has been checked against the key asked for."""

    __slots__ = ("fd", "index")

    def __init__(self, fd: int, index: "Index") -> None:
        self.fd = fd
        self.index = index

    def close(self) -> None:
        """Give the descriptor back."""
        posix.close(self.fd)


def open_bundle(path: str, key: str) -> "Bundle":
    """Open a bundle for a key.

    Raises:
        FileNotFoundError: there is none.
        EntryError: damaged, truncated, or of another key.
        OSError: it cannot be read.
    """
    fd = files.open_read(path)
    try:
        return Bundle(fd, _check(fd, key))
    except BaseException:
        posix.close(fd)
        raise


def _check(fd: int, key: str) -> "Index":
    found = posix.fstat(fd)
    if not files.is_regular(found.st_mode):
        raise EntryError("not a regular file")
    head = posix.pread(fd, _FIRST_READ, 0)
    end = layout.BLOCK + index_size(head)
    if len(head) < end:
        head += posix.pread(fd, end - len(head), len(head))
    made = layout.parse(head[layout.BLOCK : end], key)
    if made.end != found.st_size:
        raise EntryError(f"{found.st_size} bytes instead of {made.end}")
    return made


def index_size(head: bytes) -> int:
    """How long the index is, by the first block of a bundle. Raises EntryError."""
    try:
        size = int(head[_TAR_SIZE].rstrip(b"\0 ") or b"x", 8)
    except ValueError:
        raise EntryError("not a bundle") from None
    if not 0 < size <= layout.MOST_INDEX:
        raise EntryError("not a bundle")
    return size


def restore(bundle: Bundle, member: "Member", target: str) -> None:
    """Write one file of the entry: a temp beside the target, renamed once the digest matches.

    An existing target keeps its permissions, as it would if the compiler had written into it.

    Raises:
        EntryError: the bytes are not those of the index.
        OSError: the target cannot be written.
    """
    fd, temp = files.temporary(target, 0o666)
    try:
        try:
            _copy_mode(target, fd)
            made = files.new_hash(member.size)
            pour(bundle, member, made, fd)
        finally:
            posix.close(fd)
        if made.hexdigest() != member.digest:
            raise EntryError(f"the digest of {member.role} does not match")
        posix.rename(temp, target)
    except BaseException:
        files.discard(temp)
        raise


def verify(bundle: Bundle, new_hash: "Callable[[int], Hash]" = files.new_hash) -> None:
    """Check every byte without writing any. Raises EntryError."""
    manifest(bundle)
    for member in bundle.index.members:
        verify_member(bundle, member, new_hash)


def verify_member(
    bundle: Bundle, member: "Member", new_hash: "Callable[[int], Hash]" = files.new_hash
) -> None:
    """Check every byte of one file without writing any. Raises EntryError."""
    made = new_hash(member.size)
    pour(bundle, member, made, -1)
    if made.hexdigest() != member.digest:
        raise EntryError(f"the digest of {member.role} does not match")


def manifest(bundle: Bundle) -> bytes:
    """The manifest's text, checked. Raises EntryError."""
    index = bundle.index
    data = posix.pread(bundle.fd, index.manifest_size, index.manifest_offset)
    if files.digest(data) != index.manifest_digest:
        raise EntryError("the digest of the manifest does not match")
    return data


def pour(bundle: Bundle, member: "Member", made: "Hash", out: int) -> None:
    """Hash a file's bytes, and write them to a descriptor unless it is -1; bounded memory."""
    neff = bundle.index.members[0]
    for segment in member.segments:
        at = (member.offset if segment.own else neff.offset) + segment.start
        left = segment.size
        while left:
            part = posix.pread(bundle.fd, min(left, files.CHUNK), at)
            if not part:
                raise EntryError("truncated")
            made.update(part)
            if out >= 0:
                files.write_all(out, part)
            at += len(part)
            left -= len(part)


def _copy_mode(target: str, fd: int) -> None:
    try:
        mode = posix.lstat(target).st_mode
    except FileNotFoundError:
        return
    if files.is_regular(mode):
        posix.fchmod(fd, mode & 0o7777)
