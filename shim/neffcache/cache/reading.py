"""Whole: look a key up in the remotes, in order, each in a process that may be given up."""

import posix

from neffcache import files, processes
from neffcache.cache.asking import Asking
from neffcache.entry import read
from neffcache.errors import EntryError, StoreError
from neffcache.store import keep

_HELPER = "neffcache.cache.helper"
# What a helper ends with, and the note that it becomes.
_NOTES = {
    "absent": "remote_absent",
    "damaged": "remote_damaged",
    "slow": "remote_slow",
    "failed": "remote_failed",
    "parked": "remote_failed",
    "local": "remote_failed",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neffcache.entry.read import Bundle
    from neffcache.journal import Record
    from neffcache.options import Config
    from neffcache.remote import Spec
    from neffcache.store.local import Store


class Fetched:
    """An entry that a remote had.

    Attributes:
        bundle: open; every byte of it is what the remote means it to be. Whether that is also what
            its index says, restoring it shows.
        spec: the remote, which answers for that; url: of it.
        kept: whether the local store has it now, too.
    """

    __slots__ = ("bundle", "kept", "spec", "url")

    def __init__(self, bundle: "Bundle", spec: "Spec") -> None:
        self.bundle = bundle
        self.spec = spec
        self.url = spec.url
        self.kept = False

    def close(self) -> None:
        """Give it back; what the store could not take is gone with it."""
        self.bundle.close()


class Reader:
    """Asks remotes on behalf of one call."""

    __slots__ = ("_asking", "_config", "_spare", "_store")

    def __init__(
        self,
        store: "Store | None",
        config: "Config",
        environ: "Mapping[bytes, bytes]",
        record: "Record",
        spare: str,
    ) -> None:
        """Nothing is asked yet.

        Args:
            store: where downloads go and what they leave behind; None: nowhere.
            spare: a directory for a download that the store cannot take.
        """
        self._asking = Asking(store, config, environ, record, _NOTES)
        self._store = store
        self._config = config
        self._spare = spare

    @property
    def outages(self) -> "list[str]":
        """Lines for people, one for each outage that this call was the first to meet."""
        return self._asking.outages

    def fetch(self, key: str, specs: "Sequence[Spec]") -> "Fetched | None":
        """The entry of a key from the first remote that has it and can be read; None: none has.

        What kept a remote from answering is noted in the record and never stands in the way of
        another. Waits for at most remote_timeout seconds of silence for each, and not at all for
        one that has just failed.
        """
        for spec in specs:
            if spec.reads and spec.bundles:
                found = self._ask(key, spec)
                if found is not None:
                    return found
        return None

    def _ask(self, key: str, spec: "Spec") -> "Fetched | None":
        permit = self._asking.permit(spec, key)
        if permit is None:
            return None
        try:
            word, detail, temp = self._download(key, spec)
            self._asking.settle(permit, spec, word, detail)
        finally:
            permit.leave()
        if word == "done":
            return self._take(key, spec, temp)
        files.discard(temp)
        if word == "absent":
            self._asking.learn(spec, detail, key)
        self._asking.tell(word, spec, "" if word == "absent" else detail)
        return None

    def _download(self, key: str, spec: "Spec") -> "tuple[str, str, str]":
        """(how it ended, what exactly, the file): into the store, or beside the output."""
        word, detail, temp = "local", "no place for a download", ""
        for in_store in (True, False):
            files.discard(temp)
            try:
                fd, temp = self._new_file(key, in_store)
            except OSError as error:
                detail = str(error)
                continue
            posix.close(fd)
            argv = processes.python(_HELPER, key, spec.text(), temp)
            word, detail = self._asking.run(argv, ("done",))
            if word != "local":
                break
        return word, detail, temp

    def _new_file(self, key: str, in_store: bool) -> "tuple[int, str]":
        """A store that cannot take it is no reason not to serve what a remote has."""
        if not in_store:
            return files.temporary(files.join(self._spare, "x"))
        if self._store is None:
            raise FileNotFoundError(2, "no store")
        return keep.new_file(self._store, key)

    def _take(self, key: str, spec: "Spec", temp: str) -> "Fetched | None":
        """Open what the helper has fetched, and keep it if the store can."""
        try:
            made = Fetched(read.open_bundle(temp, key), spec)
        except (EntryError, OSError) as error:
            files.discard(temp)
            self._asking.tell("local", spec, str(error))
            return None
        if not self._config.readonly and self._store is not None:
            try:
                self._adopt(self._store, key, temp, made.bundle.index.end)
                made.kept = True
            except (StoreError, OSError):
                pass
        files.discard(temp)
        return made

    def _adopt(self, store: "Store", key: str, temp: str, size: int) -> None:
        if not temp.startswith(f"{store.path}/"):
            raise StoreError("downloaded elsewhere")
        keep.make_room(store, size, keep.limit(store, self._config.max_size))
        keep.adopt(store, temp, key)
