"""Whole: look a key up in the remotes, in order, each in a process that may be given up."""

import posix

from neffcache import absences, breaker, credentials, files, processes, publishing, remote
from neffcache.entry import read
from neffcache.errors import EntryError, StoreError
from neffcache.hub import offline
from neffcache.store import keep

_HELPER = "neffcache.cache.helper"
# Starting and ending a helper takes time, too: no caller is kept for longer than he allows.
_ENDING = 0.2
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

    from neffcache.breaker import Permit
    from neffcache.entry.read import Bundle
    from neffcache.journal import Record
    from neffcache.options import Config
    from neffcache.remote import Spec
    from neffcache.store.local import Store


class Fetched:
    """An entry that a remote had.

    Attributes:
        bundle: open; every byte of it is what the remote means it to be.
        url: of the remote.
        checked: whether every byte is also what the bundle's index says; restoring it shows that.
        kept: whether the local store has it now, too.
    """

    __slots__ = ("bundle", "checked", "kept", "url")

    def __init__(self, bundle: "Bundle", url: str) -> None:
        self.bundle = bundle
        self.url = url
        self.checked = not publishing.commits(url)
        self.kept = False

    def close(self) -> None:
        """Give it back; what the store could not take is gone with it."""
        self.bundle.close()


class Reader:
    """Asks remotes on behalf of one call.

    Attributes:
        outages: lines for people, one for each outage that this call was the first to meet.
    """

    __slots__ = ("_config", "_environ", "_record", "_spare", "_store", "outages")

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
        self._store = store
        self._config = config
        self._environ = environ
        self._record = record
        self._spare = spare
        self.outages: list[str] = []

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
        if spec.credential and not remote.secret(spec, self._environ):
            self._note("failed", spec, f"{spec.credential} is not set")
            return None
        if publishing.commits(spec.url) and self._need_not_ask(key, spec):
            return None
        permit = breaker.ask(self._store, self._breaker_name(spec))
        if permit is None:
            self._record.note("remote_skipped", spec.url)
            return None
        try:
            word, detail, temp = self._download(key, spec)
            self._settle(permit, spec, word, detail)
        finally:
            permit.leave()
        if word == "done":
            return self._take(key, spec, temp)
        files.discard(temp)
        if word == "absent" and self._store is not None:
            absences.learn(self._store, self._identity(spec), detail, key)
        self._note(word, spec, "" if word == "absent" else detail)
        return None

    def _need_not_ask(self, key: str, spec: "Spec") -> bool:
        """Whether the answer of a Hub is known without asking it."""
        if offline.is_offline(self._environ):
            self._record.note("remote_offline", spec.url)
            return True
        age = self._config.head_age
        if self._store is None or not absences.knows(self._store, self._identity(spec), key, age):
            return False
        self._note("absent", spec, "said so a moment ago")
        return True

    def _breaker_name(self, spec: "Spec") -> str:
        return "read-" + self._identity(spec)

    def _identity(self, spec: "Spec") -> str:
        """The remote as this credential sees it."""
        mark = ""
        if self._store is not None:
            try:
                mark = credentials.fingerprint(self._store, spec, self._environ)
            except OSError:
                pass  # no stamps can be written either
        return credentials.identity(spec, mark)

    def _settle(self, permit: "Permit", spec: "Spec", word: str, detail: str) -> None:
        """Tell the breaker: a remote without the key, or with a bad one, has answered, too."""
        if word in ("failed", "parked"):
            pause, why = _stated(detail) if word == "parked" else (0.0, detail)
            probing = permit.probing
            stamp = permit.fail(why, pause)
            if stamp is not None or probing:
                self._have_probed(spec)
            if stamp is not None:
                rest = f"not asked for {pause or breaker.FIRST:.0f} s"
                self.outages.append(f"remote {spec.url} failed ({why}): {rest}")
        elif word == "local":
            permit.leave()
        else:
            permit.succeed()

    def _have_probed(self, spec: "Spec") -> None:
        """From here on a process of its own looks whether the remote is back; nobody waits."""
        if self._store is not None:
            from neffcache.cache import prober

            prober.start(self._store, self._breaker_name(spec), spec, self._environ)

    def _note(self, word: str, spec: "Spec", detail: str) -> None:
        if word == "parked":
            detail = _stated(detail)[1]
        self._record.note(_NOTES[word], f"{spec.url}: {detail}" if detail else spec.url)

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
            word, detail = self._run_helper(key, spec, temp)
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

    def _run_helper(self, key: str, spec: "Spec", temp: str) -> "tuple[str, str]":
        silence = self._config.remote_timeout
        try:
            helper = processes.Helper(
                processes.python(_HELPER, key, spec.text(), temp), self._environ
            )
        except OSError as error:
            return "local", f"no helper process ({error})"
        try:
            while (line := helper.line(max(silence - _ENDING, silence / 2))) is not None:
                word, _, detail = line.partition(" ")
                if word == "done" or word in _NOTES:
                    return word, detail
        except processes.Silent:
            return "failed", f"silent for {silence:g} s"
        finally:
            helper.stop()
        return "failed", "its helper process died"

    def _take(self, key: str, spec: "Spec", temp: str) -> "Fetched | None":
        """Open what the helper has fetched, and keep it if the store can."""
        try:
            made = Fetched(read.open_bundle(temp, key), spec.url)
        except (EntryError, OSError) as error:
            files.discard(temp)
            self._note("local", spec, str(error))
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


def _stated(detail: str) -> "tuple[float, str]":
    """(seconds for which a remote wants to be left alone, why)."""
    seconds, _, why = detail.partition(" ")
    return float(seconds) if seconds.isdigit() else 0.0, why
