"""World: what a remote was found to lack, per commit: not asked for again for a while."""

import time

from neffcache import files

DIRECTORY = "absent"
FIRST_LINE = "neffcache-absent 1"
# Of a job's graphs these are the last ones; a file of them is read in well under a millisecond.
_MOST = 4096
_LIMIT = 1 << 20
# What was seen that much in the future was not: the clock has been put back since.
_SKEW = 1.0
_LETTERS = frozenset("0123456789abcdef")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.store.local import Store


class _Known:
    """What is known of a remote: the commit it was at, when that was, the keys it lacks there."""

    __slots__ = ("head", "keys", "seen")

    def __init__(self, head: str, seen: float, keys: "list[str]") -> None:
        self.head = head
        self.seen = seen
        self.keys = keys


def knows(store: "Store", name: str, key: str, head_age: float) -> bool:
    """Whether a remote lacked the key at the commit it was seen at in the last `head_age` seconds.

    Args:
        name: of the remote as one credential sees it: 32 hex digits.
    """
    known = _read(_path(store, name))
    if known is None:
        return False
    age = time.time() - known.seen
    if age < -_SKEW:
        files.discard(_path(store, name))
        return False
    return max(age, 0.0) < head_age and key in known.keys


def learn(store: "Store", name: str, head: str, key: str) -> None:
    """A remote has just said that it lacks a key at a commit; never fails.

    What it lacked before holds on while it is still at that commit. Of two that learn at once one
    may be forgotten: it is asked for again.
    """
    if not head or not _LETTERS.issuperset(head):
        return
    known = _read(_path(store, name))
    keys = known.keys if known is not None and known.head == head else []
    made = _Known(head, time.time(), [*(other for other in keys if other != key), key][-_MOST:])
    try:
        files.publish(f"{store.directory(DIRECTORY)}/{name}", _text(made))
    except OSError:
        pass  # then it is asked for again


def forget(store: "Store", name: str) -> None:
    """Something has just been pushed to a remote: what it lacked before is asked again."""
    files.discard(_path(store, name))


def _path(store: "Store", name: str) -> str:
    return f"{store.path}/{DIRECTORY}/{name}"


def _text(known: _Known) -> bytes:
    keys = "".join(f"{key}\n" for key in known.keys)
    body = f"{FIRST_LINE}\nhead {known.head}\nseen {known.seen:.3f}\n{keys}".encode()
    return body + f"end {files.digest(body)}\n".encode()


def _read(path: str) -> "_Known | None":
    try:
        data = files.read(path, _LIMIT)
    except OSError:
        return None
    body, _, end = data.rpartition(b"end ")
    try:
        if end.decode() != f"{files.digest(body)}\n":
            raise ValueError("torn")
        first, head, seen, *keys = body.decode().split("\n")
        if first != FIRST_LINE or keys.pop() != "":
            raise ValueError("unknown version")
        return _Known(head.partition(" ")[2], float(seen.partition(" ")[2]), keys)
    except (ValueError, IndexError):
        files.discard(path)
        return None
