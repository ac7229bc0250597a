"""Whole: which key a NEFF has, by its digest: what the journal and the local store know of it."""

import posix

from neffcache import files, journal
from neffcache.entry import read
from neffcache.errors import EntryError
from neffcache.store import keep, local

_FIELD = b'"neff":"'

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.store.local import Store


def find(store: "Store", digest: str) -> str:
    """The key of the bundle that has, or had, this NEFF; "" when it did not come through the shim.

    Args:
        digest: SHA-256 of the NEFF, 64 hex digits.
    """
    return _in_journal(store, digest) or _in_store(store, digest)


def _in_journal(store: "Store", digest: str) -> str:
    """Compiles that were kept write their NEFF's digest down; most lines need not be parsed."""
    import json

    needle = _FIELD + digest.encode() + b'"'
    for name in (journal.NAME, journal.OLD):
        try:
            text = files.read(f"{store.path}/{local.JOURNAL}/{name}", 4 * journal.ROTATE_AT)
        except OSError:
            continue
        at = text.find(needle)
        while at >= 0:
            line = text[text.rfind(b"\n", 0, at) + 1 : text.find(b"\n", at)]
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if isinstance(record, dict) and record.get("outcome") == "compiled":
                return str(record.get("key", ""))
            at = text.find(needle, at + 1)
    return ""


def _in_store(store: "Store", digest: str) -> str:
    for _used, _size, key in keep.entries(store):
        try:
            bundle = read.open_bundle(store.entry_path(key), key)
        except (EntryError, OSError):
            continue
        posix.close(bundle.fd)
        if bundle.index.members[0].digest == digest:
            return key
    return ""
