"""Whole: the process that brings one native entry from a remote, whose lock its caller holds."""

import posix
import time

from neffcache import config, planted, processes, remote
from neffcache.cache import native_reading, reports
from neffcache.errors import NeffcacheError, RemoteError, SettingError, StoreError
from neffcache.hub import answers
from neffcache.native import names
from neffcache.store import local

NAME = "neffcache-entry"
MODULE = "neffcache.cache.native_helper"
TRUSTED, CHECKED = "trusted", "checked"
# Nobody wrote down how long the compile took. An ordinary graph takes minutes: a download that
# would take longer than this is not worth having the graph's other waiters wait.
WORTH = 120.0
# A download is judged by its speed only after this long.
_FAIR = 1.0
_NOWHERE = "/dev/null"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.cache.native_reading import Found
    from neffcache.native.planting import Stage


class _Slow(Exception):
    """The rest of the download would take longer than it is worth."""


class _Watch:
    """Follows the files of an entry: says that work goes on, and gives up what is too slow."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._started = time.monotonic()
        self._before = self._file = 0
        self._pulse = reports.Pulse()

    def __call__(self, count: int) -> None:
        """`count`: bytes of the file at hand; each begins anew, and 0 is said in between, too."""
        self._pulse.beat()
        if count < self._file:
            self._before += self._file
        self._file = count
        done = self._before + count
        spent = time.monotonic() - self._started
        left = self._size - done
        if spent >= _FAIR and left * spent > WORTH * max(done, 1):
            raise _Slow(f"{left} bytes left after {done} in {spent:.1f} s")


class _Target(native_reading.Target):
    """Where an entry goes, of which is written down that it came from a remote."""

    __slots__ = ()

    def put(self, stage: "Stage", entry: str) -> bool:
        """As above; written down first, because whoever watches the directory may be quick."""
        try:
            store = local.open_store(config.load(posix.environ))
            planted.note(store, f"{self.root}/{entry}", stage.inside(names.NEFF))
        except (StoreError, SettingError):
            pass
        return super().put(stage, entry)


def main(arguments: "list[str]") -> None:
    """Bring one entry: `<entry> <remote> <root> <trusted or checked> <held directory or "">`.

    Writes `busy` while at it and ends with one of `native_reading`'s words and why (`planted`
    names the NEFF's bytes, `absent` the commit), or `slow`, `local`, `parked <seconds>` or
    `failed` and why, as `cache/helper` does.
    """
    processes.become_helper(NAME)
    processes.hush()
    reports.send("busy")  # to import a client may take as long again as to come this far
    try:
        word, detail = _bring(*arguments)
    except Exception as error:  # outermost: the caller is told, whatever it was
        why = answers.harmless(str(error))
        word, detail = "failed", f"unexpected {type(error).__name__}: {why}"
    reports.send(word, detail)
    reports.end()


def _bring(entry: str, text: str, root: str, trust: str, held: str) -> "tuple[str, str]":
    into = _Target(root, trust == TRUSTED, held)
    try:
        return _ask(entry, text, into)
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


def _ask(entry: str, text: str, into: native_reading.Target) -> "tuple[str, str]":
    """Most entries are nowhere: one question tells, and says at which commit that was so."""
    opened = remote.open_remote(remote.parse(text), dict(posix.environ))
    pulse = reports.Pulse()
    if not opened.fetch(f"{entry}/{names.DONE}", _NOWHERE, lambda _count: pulse.beat()):
        return native_reading.ABSENT, getattr(opened, "head", str)()
    reports.send("busy")
    listing = getattr(opened, "listing", None)
    if listing is None:
        raise RemoteError("it cannot list what it holds", "take layout= out of its URL")
    found: Found = native_reading.by_entry(listing(entry)).get(entry, {})
    watch = _Watch(sum(size for size, _digest in found.values()))
    word, why = native_reading.fetch(opened, entry, found, into, watch)
    if word == native_reading.PLANTED:
        return word, str(found[names.NEFF][0])
    return word, why
