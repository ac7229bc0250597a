"""Whole: ask the remotes for one native entry, each by a process that may be given up."""

from neffcache import files, journal, processes, targets
from neffcache.cache import native_helper, native_reading
from neffcache.cache.asking import SILENT, Asking, key_of
from neffcache.hub import names as hub_names
from neffcache.store import local

# Who asks, in the journal.
DOOR = "hook"
# However busy a helper says it is. It gives up by itself what would take longer than WORTH.
MOST = 2 * native_helper.WORTH
_GOOD = (native_reading.PLANTED, native_reading.STANDS)
_NOTES = {
    native_reading.ABSENT: "native_absent",
    native_reading.NOT_WHOLE: "native_refused",
    native_reading.UNSAFE: "native_refused",
    native_reading.DAMAGED: "remote_damaged",
    "slow": "remote_slow",
    "failed": "remote_failed",
    "parked": "remote_failed",
    "local": "native_unwritten",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.options import Config
    from neffcache.remote import Spec
    from neffcache.store.local import Store


class Place:
    """Where an entry is wanted.

    Attributes:
        root: of libneuronxla's cache, absolute.
        entry: `neuronxcc-<version>/MODULE_<...>`.
        held: its directory, whose lock the caller holds; "" when nothing stands at its name.
    """

    __slots__ = ("entry", "held", "root")

    def __init__(self, root: str, entry: str, held: str = "") -> None:
        self.root = root
        self.entry = entry
        self.held = held


class Answer:
    """What asking all remotes came to.

    Attributes:
        word: how it ended with the last one that was asked, see `native_reading`; "" none was.
        detail: why, or the NEFF's bytes.
        url: of that remote.
        outages: lines for people, one for each outage that this call was the first to meet.
    """

    __slots__ = ("detail", "outages", "url", "word")

    def __init__(self) -> None:
        self.word = ""
        self.detail = ""
        self.url = ""
        self.outages: list[str] = []

    @property
    def found(self) -> bool:
        """Whether the entry is there now."""
        return self.word in _GOOD


def ask(
    store: "Store | None", config: "Config", environ: "Mapping[bytes, bytes]", place: Place
) -> Answer:
    """Bring an entry from the first remote that has it and may be believed; journals what came.

    Waits for at most remote_timeout seconds of silence for each Hub, whichever repository it was
    asked for, and not at all for a remote that has just failed. What goes wrong is a note of the
    line, which has no outcome then: the compile that follows has a line of its own.

    Raises:
        SettingError: a remote is malformed.
    """
    record = journal.Record()
    asking = Asking(store, config, environ, record, _NOTES)
    made = Answer()
    made.outages = asking.outages
    silent: dict[str, str] = {}  # Hub → for how long it was
    for spec in targets.native_specs(config, environ):
        if not spec.reads or made.found:
            continue
        hub = spec.options.get("endpoint", spec.url)
        if hub in silent:
            _give_up(asking, spec, key_of(place.entry), silent[hub])
            continue
        _ask(asking, spec, place, made, _trust(spec, config))
        if made.word == "failed" and made.detail.startswith(SILENT):
            silent[hub] = made.detail
    if made.word == native_reading.PLANTED:
        record.outcome = "hit_native"
        record.set(remote=made.url, bytes=int(made.detail) if made.detail.isdigit() else 0)
    if record.outcome or record.notes:
        record.set(door=DOOR, entry=place.entry)
        _write(store, config, record)
    return made


def _trust(spec: "Spec", config: "Config") -> str:
    repo, _revision = hub_names.split(spec.location)
    return native_helper.TRUSTED if repo in config.hub_trusted else native_helper.CHECKED


def _ask(asking: Asking, spec: "Spec", place: Place, made: Answer, trust: str) -> None:
    key = key_of(place.entry)
    permit = asking.permit(spec, key)
    if permit is None:
        return
    argv = processes.python(
        native_helper.MODULE, place.entry, spec.text(), place.root, trust, place.held
    )
    try:
        word, detail = asking.run(argv, _GOOD, MOST)
        asking.settle(permit, spec, word, detail)
    finally:
        permit.leave()
    made.word, made.detail, made.url = word, detail, spec.url
    if word in _GOOD:
        return
    if word == native_reading.ABSENT:
        asking.learn(spec, detail, key)
    asking.tell(word, spec, "" if word == native_reading.ABSENT else detail)


def _give_up(asking: Asking, spec: "Spec", key: str, why: str) -> None:
    """Another repository of a Hub that has just been silent: nobody waits for it once more."""
    permit = asking.permit(spec, key)
    if permit is not None:
        try:
            asking.settle(permit, spec, "failed", why)
        finally:
            permit.leave()
        asking.tell("failed", spec, why)


def _write(store: "Store | None", config: "Config", record: journal.Record) -> None:
    """Into the journal, and into the log where one is asked for; failing to is never an error."""
    if config.job:
        record.set(job=config.job)
    try:
        if config.log:
            files.append(config.log, record.line(), 0o666)
    except OSError:
        pass
    try:
        if store is not None:
            journal.append(f"{store.path}/{local.JOURNAL}", record)
    except OSError:
        pass
