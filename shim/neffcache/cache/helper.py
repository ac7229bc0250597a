"""Whole: the process that reads a remote, so that no caller ever sits in a call that hangs."""

import posix
import time

from neffcache import processes, publishing, remote
from neffcache.cache import bundles, reports
from neffcache.errors import EntryError, NeffcacheError, RemoteError
from neffcache.hub import answers

NAME = "neffcache-fetch"
# A download is judged by its speed only after this long.
_FAIR = 1.0
# Freed memory that is kept for the next piece: at most twice this.
_KEPT = 8 << 20


TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.entry.index import Index
    from neffcache.remote import Remote


class _Slow(Exception):
    """The rest of the download would take longer than the compile did."""


class _Watch:
    """Follows a download: says that it moves, and gives it up when compiling is quicker."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._first = size
        self._started = time.monotonic()
        self._pulse = reports.Pulse()

    def __call__(self, count: int) -> None:
        self._pulse.beat()
        now = time.monotonic()
        if not count:
            if now - self._started > max(self._seconds, _FAIR):
                raise _Slow(f"nothing came in {now - self._started:.1f} s")
            return
        if count < self._first:  # how long the first byte took says nothing of the others
            self._first, self._started = count, now
        spent, came = now - self._started, count - self._first
        left = self._size - count
        if spent >= _FAIR and left * spent > self._seconds * max(came, 1):
            raise _Slow(f"{left} bytes left after {count} in {spent:.1f} s")


def main(arguments: "list[str]") -> None:
    """Fetch one entry: `<key> <remote> <file>`. What it writes: see `reading`."""
    processes.become_helper(NAME)
    processes.hush()
    _tune_memory()
    try:
        word, detail = _fetch(*arguments)
    except Exception as error:  # outermost: the caller is told, whatever it was
        why = answers.harmless(str(error))
        word, detail = "failed", f"unexpected {type(error).__name__}: {why}"
    reports.send(word, detail)
    reports.end()


def _tune_memory() -> None:
    """Leave out what a process that fetches one entry and ends has nothing of."""
    import gc

    gc.disable()  # a tenth of what importing a client costs
    # glibc learns from a freed block that such come and go, and keeps what pieces of a download
    # leave behind, instead of asking the kernel for cleared pages for each. Never touched.
    bytes(_KEPT)


def _fetch(key: str, text: str, into: str) -> "tuple[str, str]":
    try:
        opened = remote.open_remote(remote.parse(text), dict(posix.environ))
        if publishing.commits(text):
            return _fetch_single(opened, key, into)
        return _fetch_pair(opened, key, into)
    except EntryError as error:
        return "damaged", str(error)
    except RemoteError as error:
        if error.pause:
            return "parked", f"{error.pause:.0f} {error}"
        return "failed", str(error)
    except NeffcacheError as error:
        return "failed", str(error)
    except _Slow as error:
        return "slow", str(error)
    except OSError as error:
        return "local", str(error)


def _fetch_pair(opened: "Remote", key: str, into: str) -> "tuple[str, str]":
    record = bundles.fetch_record(opened, key, into)
    if record is None:
        return "absent", ""
    reports.send("size", str(record.size))
    bundles.fetch_bundle(opened, record, into, _Watch(record.size, record.index.seconds))
    return "done", ""


def _fetch_single(opened: "Remote", key: str, into: str) -> "tuple[str, str]":
    """A bundle that is one object; what is absent is so in a commit, which is told, too."""
    pulse = reports.Pulse()
    watch: _Watch | None = None

    def passed(count: int, index: "Index | None") -> None:
        nonlocal watch
        if watch is None and index is not None:
            reports.send("size", str(index.end))
            watch = _Watch(index.end, index.seconds)
        if watch is not None and count:
            watch(count)
        else:
            pulse.beat()

    if bundles.fetch_single(opened, key, into, passed):
        return "done", ""
    return "absent", getattr(opened, "head", str)()
