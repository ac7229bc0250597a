"""Door: the process that writes to a remote, so that no uploader sits in a call that hangs."""

import posix

from neffcache import files, journal, ledger, processes, publishing, queue, remote
from neffcache.cache import bundles, reports
from neffcache.errors import EntryError, NeffcacheError, RefusedError
from neffcache.hub import answers
from neffcache.store import keep, local
from neffcache.store.local import Store
from neffcache.sync import committing

NAME = "neffcache-send"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neffcache.remote import Remote


def main(arguments: "list[str]") -> None:
    """Send entries: `<store> <destination> <key>...`.

    Writes a line for each: `sent KEY`, `gone KEY why` (not stored, or damaged), `refused KEY why`;
    or `failed why` and ends; `busy` in between, so that silence means something. To a remote that
    takes commits all go at once: `committed <files>` comes before their lines when one was made,
    or instead of them `parked <seconds> why` (the remote asks for a pause), `narrow why` (it may
    take fewer at once) or `failed why`.
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
        known = isinstance(error, NeffcacheError | OSError)
        why = answers.harmless(str(error))
        reports.send("failed", f"{'' if known else type(error).__name__ + ': '}{why}")
    reports.end()


def _send_all(store: Store, opened: "Remote", keys: "list[str]") -> None:
    fd, spare = keep.new_file(store, keys[0])
    posix.close(fd)
    try:
        for key in keys:
            reports.send(*_send(store, opened, key, spare))
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
