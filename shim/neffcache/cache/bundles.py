"""Whole: how a bundle lies on a remote: a tar named by its digest, then the record of the key."""

import posix

from neffcache import files
from neffcache.cache import following
from neffcache.cache.following import Follower
from neffcache.cache.trailing import Trailing, hash_file
from neffcache.entry import index as layout
from neffcache.entry import read
from neffcache.errors import EntryError

FIRST_LINE = "neffcache-record 1"
_ROOT = "neffcache/v1"
_MOST_HEAD = 1024
MOST_RECORD = _MOST_HEAD + layout.MOST_INDEX + layout.MOST_MANIFEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.entry.index import Index
    from neffcache.entry.read import Bundle
    from neffcache.files import Hash
    from neffcache.remote import Remote


class Record:
    """The existence record of a key on a remote: `neffcache/v1/<first two>/<key>/entry`.

    Five lines, then the index and the manifest as they stand in the bundle, then one line:

        neffcache-record 1
        key <64 hex digits>
        bundle <bytes> <SHA-256 of the whole tar>
        index <bytes>
        manifest <bytes>
        <index><manifest>end <SHA-256 of everything before this "end">

    Attributes:
        key: 64 hex digits.
        size, digest: of the bundle, whose name is `<digest>.tar` beside the record.
        index: the parsed index; manifest: the text of manifest.json.
    """

    __slots__ = ("digest", "index", "key", "manifest", "size")

    def __init__(self, index: "Index", size: int, digest: str, manifest: bytes) -> None:
        self.key = index.key
        self.index = index
        self.size = size
        self.digest = digest
        self.manifest = manifest


class _Ticking:
    """A hash that tells somebody that work goes on."""

    def __init__(self, inner: "Hash", tick: "Callable[[], None]") -> None:
        self._inner = inner
        self._tick = tick

    def update(self, data: "bytes | memoryview", /) -> None:
        self._tick()
        self._inner.update(data)

    def hexdigest(self) -> str:
        return self._inner.hexdigest()


def record_name(key: str) -> str:
    """The remote name of a key's record."""
    return f"{_ROOT}/{key[:2]}/{key}/entry"


def tar_name(key: str, digest: str) -> str:
    """The remote name of a bundle."""
    return f"{_ROOT}/{key[:2]}/{key}/{digest}.tar"


def single_name(key: str) -> str:
    """The remote name of a bundle where objects appear in commits: nothing has to come last."""
    return f"{_ROOT}/{key[:2]}/{key}.tar"


def may_hold_weights(manifest: bytes) -> bool:
    """Whether a bundle with this manifest may hold a model's weights: in any doubt it may.

    It says so itself, by the bytes of constants that its maker found in the compile's inputs; how
    many are harmless, and why, is said in `constants`. A manifest without that number is of an
    older version, and says nothing.
    """
    import json

    from neffcache.graph import constants

    try:
        stated = json.loads(manifest)["inlined"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return True
    return type(stated) is not int or constants.may_be_weights(stated)


def format_record(bundle: "Bundle", digest: str) -> bytes:
    """The record of a checked bundle whose file has this digest."""
    index = bundle.index
    head = posix.pread(bundle.fd, layout.BLOCK, 0)
    text = posix.pread(bundle.fd, int(head[124:136].rstrip(b"\0 "), 8), layout.BLOCK)
    lines = (
        f"{FIRST_LINE}\nkey {index.key}\nbundle {index.end} {digest}\n"
        f"index {len(text)}\nmanifest {index.manifest_size}\n"
    )
    body = lines.encode() + text + read.manifest(bundle)
    return body + f"end {files.digest(body)}\n".encode()


def parse_record(data: bytes, key: str) -> Record:
    """Read a record.

    Raises:
        EntryError: damaged, of another version, or of another key than the one asked for.
    """
    body, mark, end = data.rpartition(b"end ")
    try:
        if not mark or end != f"{files.digest(body)}\n".encode():
            raise ValueError("its digest does not match")
        first, its_key, bundle, index_size, manifest_size, rest = body.split(b"\n", 5)
        if first.decode() != FIRST_LINE:
            raise ValueError("unknown version")
        if its_key != b"key " + key.encode():
            raise ValueError("it belongs to another key")
        _word, size, digest = bundle.decode().split(" ")
        cut = int(index_size.partition(b" ")[2])
        index = layout.parse(rest[:cut], key)
        manifest = rest[cut:]
        sizes = (int(size), int(manifest_size.partition(b" ")[2]), len(manifest))
    except ValueError as error:
        raise EntryError(f"damaged record ({error})") from error
    if sizes != (index.end, index.manifest_size, index.manifest_size):
        raise EntryError("damaged record (its sizes contradict each other)")
    if files.digest(manifest) != index.manifest_digest or not files.is_digest(digest):
        raise EntryError("damaged record (a digest does not match)")
    return Record(index, index.end, digest, manifest)


def fetch_record(remote: "Remote", key: str, into: str) -> "Record | None":
    """A key's record, None when the remote does not have the key.

    Args:
        into: a file that may be overwritten.

    Raises:
        EntryError, RemoteError, OSError (the local file).
    """
    if not remote.fetch(record_name(key), into, _at_most(MOST_RECORD)):
        return None
    return parse_record(files.read(into, MOST_RECORD), key)


def fetch_bundle(
    remote: "Remote", record: Record, into: str, progress: "Callable[[int], None]"
) -> None:
    """A record's bundle: its digest is the record's, and its head, manifest and log are checked.

    What it says of its NEFF and of wrapped_neff.hlo is left to whoever restores them: see
    `Follower`.

    Raises:
        EntryError: missing, or not what the record says; RemoteError, OSError (the local file).
    """
    limited = _at_most(record.size)
    trailing = Trailing(into, record.size)
    done = 0

    def passed(count: int) -> None:
        nonlocal done
        done = count
        limited(count)
        trailing.arrived(count)
        progress(count)

    try:
        if not remote.fetch(tar_name(record.key, record.digest), into, passed):
            raise EntryError("the record stands there, its bundle does not")
        found = trailing.finish(lambda: progress(done))
    finally:
        trailing.stop()
    if found != (record.size, record.digest):
        raise EntryError("the bundle's digest does not match")
    following.check(into, record.key)


def fetch_single(
    remote: "Remote", key: str, into: str, watch: "Callable[[int, Index | None], None]"
) -> bool:
    """A bundle that is one object, as its remote says that it is; False: it is absent.

    The remote's own digest holds for every byte; what the bundle says of its NEFF and of
    wrapped_neff.hlo is left to whoever restores them: see `Follower`.

    Args:
        into: a file that is there and may be overwritten.
        watch: is given the bytes that have come, and the index once that is among them.

    Raises:
        EntryError: not the bundle of this key; RemoteError, OSError (the local file).
    """
    follower = Follower(into, key)

    def passed(count: int) -> None:
        follower.arrived(count)
        watch(count, follower.index)

    try:
        if not remote.fetch(single_name(key), into, passed):
            return False
        index = follower.finish()
        watch(index.end, index)
        return True
    finally:
        follower.close()


def publish(remote: "Remote", key: str, path: str, spare: str, tick: "Callable[[], None]") -> bool:
    """Put a stored bundle on a remote: the tar first, then the record; each create-only.

    Of two hosts that publish one key at once the first record wins; the other's tar stays behind,
    named by nobody. Killed between the two it is finished by whoever comes next.

    Args:
        path: the bundle's file.
        spare: a file that may be overwritten.
        tick: called again and again while work goes on.

    Returns:
        False when the remote had the key already.

    Raises:
        EntryError: the bundle is damaged; RemoteError, RefusedError, OSError (the local files).
    """
    bundle = check(path, key, tick)
    try:
        if remote.exists([record_name(key)]):
            return False
        # By the descriptor: what stands at the path may be replaced by a new compile meanwhile.
        opened = f"/proc/self/fd/{bundle.fd}"
        _size, digest = hash_file(opened, tick)
        record = format_record(bundle, digest)
        remote.store(tar_name(key, digest), opened, lambda _count: tick())
        files.publish(spare, record)
        return remote.store(record_name(key), spare, lambda _count: tick())
    finally:
        bundle.close()


def check(path: str, key: str, tick: "Callable[[], None]") -> "Bundle":
    """An open bundle, every byte of it checked. Raises EntryError, OSError."""
    bundle = read.open_bundle(path, key)
    try:
        read.verify(bundle, lambda size: _Ticking(files.new_hash(size), tick))
    except BaseException:
        bundle.close()
        raise
    return bundle


def _at_most(limit: int) -> "Callable[[int], None]":
    def check_size(count: int) -> None:
        if count > limit:
            raise EntryError(f"more than the {limit} bytes it may have")

    return check_size
