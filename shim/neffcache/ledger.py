"""World: the determinism ledger: the compiles that one key has had, and whether they agree."""

import json
import posix
import time

from neffcache import files
from neffcache.entry import read
from neffcache.errors import EntryError
from neffcache.payload import UNKNOWN
from neffcache.store import local

_FIRST_LINE = "neffcache-ledger 1"
_MOST = 64 << 10
_HEX = frozenset("0123456789abcdef")
# A key that nobody has compiled twice for so long is of no interest any more.
_KEEP = 180 * 86400.0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from neffcache.entry.index import Index
    from neffcache.store.local import Store


class Compile:
    """One compile of a key.

    Attributes:
        maker: SHA-256 of the host and user that did it.
        neff: SHA-256 of the NEFF's bytes; no two compiles share it, as the uuid in it is random.
        payload: see neffcache.payload; UNKNOWN when an older version made it.
        created: seconds since 1970.
        version: of neffcache.
    """

    __slots__ = ("created", "maker", "neff", "payload", "version")

    def __init__(self, maker: str, neff: str, payload: str, created: float, version: str) -> None:
        self.maker = maker
        self.neff = neff
        self.payload = payload
        self.created = created
        self.version = version

    def differs(self, other: "Compile") -> bool:
        """Whether both are known and not the same."""
        return UNKNOWN not in (self.payload, other.payload) and self.payload != other.payload

    def line(self) -> bytes:
        """Its line of the ledger."""
        words = (self.maker, self.neff, self.payload, f"{self.created:.3f}", self.version)
        return files.encode(" ".join(words) + "\n")


def of_manifest(index: "Index", manifest: bytes) -> Compile:
    """The compile that made an entry with this index and manifest. Raises EntryError."""
    try:
        made = json.loads(manifest)
        maker, payload = made.get("maker", UNKNOWN), made.get("payload", UNKNOWN)
        return _checked(
            (maker, index.members[0].digest, payload),
            float(made.get("created", 0)),
            str(made.get("neffcache", "-")),
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise EntryError(f"a manifest that is not understood ({error})") from error


def stored(store: "Store", key: str) -> "Compile | None":
    """The compile whose result stands in the local store; None when there is none to be told."""
    return of_file(store.entry_path(key), key)


def of_file(path: str, key: str) -> "Compile | None":
    """The compile that made the bundle in a file; None when that cannot be told."""
    try:
        bundle = read.open_bundle(path, key)
        try:
            return of_manifest(bundle.index, read.manifest(bundle))
        finally:
            bundle.close()
    except (OSError, EntryError):
        return None


def enter(store: "Store", key: str, compiles: "Sequence[Compile]") -> "list[Compile]":
    """Write down compiles of one key: those that were not known yet.

    Raises:
        OSError: the ledger cannot be written.
    """
    known = {one.neff for one in compiles_of(store, key)}
    new = list({one.neff: one for one in compiles if one.neff not in known}.values())
    if new:
        path = _path(store, key)
        store.directory(local.LEDGER)
        state = files.state(path)
        if state is None:
            _clear(store)
        if state is None or state[2] < _MOST // 2:
            first = b"" if state else f"{_FIRST_LINE}\n".encode()
            files.append(path, first + b"".join(one.line() for one in new))
    return new


def compiles_of(store: "Store", key: str) -> "list[Compile]":
    """What the ledger holds of a key, oldest entry first; damaged lines are left out."""
    try:
        lines = files.decode(files.read(_path(store, key), _MOST)).split("\n")
    except OSError:
        return []
    found: dict[str, Compile] = {}
    for line in lines:
        try:
            maker, neff, payload, created, version = line.split(" ")
            found.setdefault(neff, _checked((maker, neff, payload), float(created), version))
        except ValueError:
            continue
    return list(found.values())


def words(new: Compile, old: Compile) -> str:
    """Two compiles that differ, for a note."""
    return (
        f"NEFF {new.neff} with payload {new.payload[:16]}, "
        f"and NEFF {old.neff} with payload {old.payload[:16]}"
        f"{'' if new.maker == old.maker else ' of another host or user'}"
    )


def _checked(digests: "tuple[str, str, str]", created: float, version: str) -> Compile:
    for text in digests:
        if len(text) != 64 or not _HEX.issuperset(text):
            raise ValueError("not a digest")
    if not 0 <= created <= 1e12:
        raise ValueError("not a time")
    if not version.isprintable() or " " in version or not 0 < len(version) <= 64:
        raise ValueError("not a version")
    return Compile(*digests, created, version)


def _path(store: "Store", key: str) -> str:
    return f"{store.path}/{local.LEDGER}/{key}"


def _clear(store: "Store") -> None:
    """Forget the keys of long ago."""
    for name in posix.listdir(f"{store.path}/{local.LEDGER}"):
        path = _path(store, name)
        state = files.state(path)
        if state is not None and time.time() - state[3] / 1e9 > _KEEP:
            files.discard(path)
