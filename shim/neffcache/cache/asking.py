"""Whole: what it takes to ask a remote once: leave to, a helper that does, what comes of it."""

import time

from neffcache import absences, breaker, credentials, files, processes, publishing, remote, targets
from neffcache.hub import offline

# Starting and ending a helper takes time, too: no caller is kept for longer than he allows.
_ENDING = 0.2
# What is said of one that sent nothing for as long as it may.
SILENT = "silent for "

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from neffcache.breaker import Permit
    from neffcache.journal import Record
    from neffcache.options import Config
    from neffcache.remote import Spec
    from neffcache.store.local import Store


class Asking:
    """Remotes as one call meets them; what keeps one from answering is noted in its record.

    Attributes:
        outages: lines for people, one for each outage that this call was the first to meet.
    """

    __slots__ = ("_config", "_environ", "_notes", "_record", "_store", "outages")

    def __init__(
        self,
        store: "Store | None",
        config: "Config",
        environ: "Mapping[bytes, bytes]",
        record: "Record",
        notes: "Mapping[str, str]",
    ) -> None:
        """Nothing is asked yet.

        Args:
            store: where is kept what is known of remotes; None: nowhere.
            notes: what a helper may end with, besides good words, and the note that it becomes.
        """
        self._store = store
        self._config = config
        self._environ = environ
        self._record = record
        self._notes = notes
        self.outages: list[str] = []

    def permit(self, spec: "Spec", key: str) -> "Permit | None":
        """Leave to ask a remote for a key now; None when it cannot or need not be asked."""
        if spec.credential and not remote.secret(spec, self._environ):
            self.tell("failed", spec, f"{spec.credential} is not set")
            return None
        if publishing.commits(spec.url) and self._need_not_ask(key, spec):
            return None
        permit = breaker.ask(self._store, self._breaker_name(spec))
        if permit is None:
            self._record.note("remote_skipped", spec.url)
        return permit

    def run(
        self, argv: "list[str]", good: "tuple[str, ...]", most: float = float("inf")
    ) -> "tuple[str, str]":
        """Have a helper ask: (how it ended, what exactly). It never hangs, and leaves no process.

        Args:
            good: what the helper may end with besides the words that become notes.
            most: seconds that it may take however busy it says it is.
        """
        try:
            helper = processes.Helper(argv, self._environ)
        except OSError as error:
            return "local", f"no helper process ({error})"
        try:
            return self._listen(helper, good, most)
        finally:
            helper.stop()

    def settle(self, permit: "Permit", spec: "Spec", word: str, detail: str) -> None:
        """Tell the breaker: a remote without the key, or with a bad one, has answered, too."""
        if word in ("failed", "parked"):
            pause, why = _stated(detail) if word == "parked" else (0.0, detail)
            probing = permit.probing
            stamp = permit.fail(why, pause)
            if stamp is not None or probing:
                self._have_probed(spec)
            if stamp is not None:
                rest = f"not asked for {pause or breaker.FIRST:.0f} s"
                self.outages.append(_outage(spec, why, rest))
        elif word == "local":
            permit.leave()
        else:
            permit.succeed()

    def learn(self, spec: "Spec", head: str, key: str) -> None:
        """It has just said that it lacks a key at a commit."""
        if self._store is not None:
            absences.learn(self._store, self._identity(spec), head, key)

    def tell(self, word: str, spec: "Spec", detail: str) -> None:
        """Write down how asking ended."""
        if word == "parked":
            detail = _stated(detail)[1]
        self._record.note(self._notes[word], f"{spec.url}: {detail}" if detail else spec.url)

    def _listen(
        self, helper: processes.Helper, good: "tuple[str, ...]", most: float
    ) -> "tuple[str, str]":
        silence = self._config.remote_timeout
        patience = max(silence - _ENDING, silence / 2)
        deadline = time.monotonic() + most
        try:
            while (line := helper.line(patience)) is not None:
                word, _, detail = line.partition(" ")
                if word in good or word in self._notes:
                    helper.let_go()
                    return word, detail
                if time.monotonic() > deadline:
                    return "slow", f"not through after {most:g} s"
        except processes.Silent:
            return "failed", f"{SILENT}{silence:g} s"
        return "failed", "its helper process died"

    def _need_not_ask(self, key: str, spec: "Spec") -> bool:
        """Whether the answer of a Hub is known without asking it."""
        if offline.is_offline(self._environ):
            self._record.note("remote_offline", spec.url)
            return True
        age = self._config.head_age
        if self._store is None or not absences.knows(self._store, self._identity(spec), key, age):
            return False
        self.tell("absent", spec, "said so a moment ago")
        return True

    def _breaker_name(self, spec: "Spec") -> str:
        return "read-" + self._seen(spec, credentials.momentary)

    def _identity(self, spec: "Spec") -> str:
        """The remote as this credential sees it."""
        return self._seen(spec, credentials.fingerprint)

    def _seen(
        self, spec: "Spec", mark_of: "Callable[[Store, Spec, Mapping[bytes, bytes]], str]"
    ) -> str:
        mark = ""
        if self._store is not None:
            try:
                mark = mark_of(self._store, spec, self._environ)
            except OSError:
                pass  # no stamps can be written either
        return credentials.identity(spec, mark)

    def _have_probed(self, spec: "Spec") -> None:
        """From here on a process of its own looks whether the remote is back; nobody waits."""
        if self._store is not None:
            from neffcache.cache import prober

            prober.start(self._store, self._breaker_name(spec), spec, self._environ)


def key_of(text: str) -> str:
    """What stands for something that is no key where keys are kept: 64 hex digits."""
    return files.digest(files.encode(text))


def _outage(spec: "Spec", why: str, rest: str) -> str:
    """One line for people."""
    if spec.origin != targets.PUBLIC_ORIGIN:
        return f"remote {spec.url} failed ({why}): {rest}"
    cause = why.partition("; ")[0]  # the remedy is for a place that somebody named
    line = f"{spec.origin} {spec.url} failed ({cause}): {rest}"
    return f"{line}; compiles go on without it, NEFFCACHE_HUB_EVERYBODY=0 leaves it alone"


def _stated(detail: str) -> "tuple[float, str]":
    """(seconds for which a remote wants to be left alone, why)."""
    seconds, _, why = detail.partition(" ")
    return float(seconds) if seconds.isdigit() else 0.0, why
