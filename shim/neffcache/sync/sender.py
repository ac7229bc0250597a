"""Door: the process that writes to a remote, so that no uploader sits in a call that hangs."""

import posix

from neffcache import files, journal, ledger, processes, publishing, queue, remote
from neffcache.cache import bundles, reports
from neffcache.errors import EntryError, NeffcacheError, RefusedError, RemoteError
from neffcache.hub import answers
from neffcache.store import keep, local
from neffcache.store.local import Store
from neffcache.sync import committing, lanes

NAME = "neffcache-send"
# What is larger goes by itself: its parts alone fill what memory and line may take.
_LARGE = 16 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neffcache.remote import Remote


def main(arguments: "list[str]") -> None:
    """Send entries: `<store> <destination> <key>...`.

    Writes a line for each: `sent KEY`, `gone KEY why` (not stored, or damaged), `refused KEY why`;
    or `failing KEY` for those that a remote did not take now, then `failed why` or `parked
    <seconds> why` (it asks for a pause), and ends; `busy` in between, so that silence means
    something. Several are under way at once where the remote says so (`lanes`): begun in the order
    given, their lines come in any. To a remote that takes commits all go at once: `committed
    <files>` comes before their lines when one was made, or instead of them `parked <seconds> why`,
    `narrow why` (it may take fewer at once) or `failed why`.
    """
    processes.become_helper(NAME)
    processes.hush()
    store = Store(arguments[0])
    try:
        destination = queue.read_destination(store, arguments[1])
        spec = remote.parse(destination.remote)
        opened: Any = remote.open_remote(spec, dict(posix.environ))
        if publishing.commits(destination.remote):
            committing.send(store, destination.name, opened, arguments[2:])
        else:
            _send_all(store, opened, arguments[2:])
    except RefusedError as error:
        for key in arguments[2:]:
            reports.send(f"refused {key}", str(error))
    except Exception as error:  # outermost: the uploader is told, whatever it was
        _tell_failure(error)
    reports.end()


def _tell_failure(error: Exception) -> None:
    known = isinstance(error, NeffcacheError | OSError)
    why = f"{'' if known else type(error).__name__ + ': '}{answers.harmless(str(error))}"
    pause = error.pause if isinstance(error, RemoteError) else 0.0
    reports.send(*(("parked", f"{pause:.0f} {why}") if pause >= 1 else ("failed", why)))


def _send_all(store: Store, opened: "Remote", keys: "list[str]") -> None:
    """Send entries, as many at once as the remote says; those behind one that fails are left.

    Raises what the first that failed raised.
    """
    import threading

    alone = threading.Lock()

    def send(key: str) -> None:
        state = files.state(store.entry_path(key))
        if state is None or state[2] <= _LARGE:
            reports.send(*_send_one(store, opened, key))
            return
        with alone:
            reports.send(*_send_one(store, opened, key))

    failed = lanes.each(send, keys, getattr(opened, "lanes", 1))
    for key, _problem in failed:
        reports.send("failing", key)
    if failed:
        raise failed[0][1]


def _send_one(store: Store, opened: "Remote", key: str) -> "tuple[str, str]":
    fd, spare = keep.new_file(store, key)
    posix.close(fd)
    try:
        return _send(store, opened, key, spare)
    finally:
        files.discard(spare)


def _send(store: Store, opened: "Remote", key: str, spare: str) -> "tuple[str, str]":
    path = store.entry_path(key)
    found = files.state(path)
    try:
        if not bundles.publish(opened, key, path, spare, reports.Pulse().beat):
            _compare(store, opened, key, spare)
    except RefusedError as error:
        return f"refused {key}", str(error)
    except EntryError as error:
        if files.state(path) == found:  # not the good one that came in its place meanwhile
            store.drop(key)
        return f"gone {key}", str(error)
    except FileNotFoundError:
        if files.state(path) is not None:
            raise
        return f"gone {key}", "no longer in the store"
    return f"sent {key}", ""


def _compare(store: Store, opened: "Remote", key: str, spare: str) -> None:
    """The remote has the key already: from us, or somebody else compiled it, too. Write both
    results down, and into the journal if they differ. Failing to is never an error: it is sent."""
    mine = ledger.stored(store, key)
    try:
        record = bundles.fetch_record(opened, key, spare)
        if mine is None or record is None:
            return
        theirs = ledger.of_manifest(record.index, record.manifest)
        if theirs.neff != mine.neff and ledger.enter(store, key, (mine, theirs)):
            _tell(store, key, mine, theirs)
    except (NeffcacheError, OSError):
        pass


def _tell(store: Store, key: str, mine: "ledger.Compile", theirs: "ledger.Compile") -> None:
    if mine.differs(theirs):
        event = journal.Record()
        event.set(key=key, neff=mine.neff, neff_before=theirs.neff)
        event.note("nondeterministic", ledger.words(mine, theirs))
        journal.append(f"{store.path}/{local.JOURNAL}", event)
