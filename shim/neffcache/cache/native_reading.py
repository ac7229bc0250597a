"""Whole: bring an entry from a remote into libneuronxla's cache, checked file by file."""

from neffcache import files
from neffcache.errors import EntryError
from neffcache.native import content, graphs, manifest, names, planting, state
from neffcache.native.graphs import PLAIN, UNCHECKED, Verdict

# How it ended. All but the first two say why nothing was planted.
PLANTED, STANDS = "planted", "stands"
ABSENT, NOT_WHOLE, UNSAFE, DAMAGED = "absent", "not_whole", "unsafe", "damaged"
_ASKED = (names.HLO, names.FLAGS)  # the first of names.PLANTED
_MOST_FLAGS = 1 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from neffcache.native.manifest import Manifest
    from neffcache.native.planting import Stage
    from neffcache.remote import Progress, Remote

    # name -> (bytes, digest as the remote tells it), of the files of one entry.
    Found = dict[str, tuple[int, str]]


class _Stop(Exception):
    """The entry is not to be planted: how it ended, and why."""

    def __init__(self, word: str, detail: str) -> None:
        super().__init__(word, detail)
        self.word = word
        self.detail = detail


def by_entry(rows: "Iterable[tuple[str, int, str]]") -> "dict[str, Found]":
    """The entries among a remote's objects; what is none is left out."""
    made: dict[str, Found] = {}
    for path, size, digest in rows:
        entry, name = names.entry_of(path)
        if entry:
            made.setdefault(entry, {})[name] = (size, digest)
    return made


def fetch(
    remote: "Remote", entry: str, found: "Found", into: "Target", progress: "Progress"
) -> "tuple[str, str]":
    """Bring one entry here: (how it ended, why).

    Args:
        found: its files on the remote, see `by_entry`.
        into: where it goes, and whether its writers are trusted.

    Raises:
        RemoteError: the remote cannot tell; OSError: the entry cannot be written.
    """
    if not names.is_entry(entry):
        return NOT_WHOLE, "not a name of an entry"
    if into.is_taken(entry):
        return STANDS, ""
    stage = None
    try:
        _check_state(found)
        stage = planting.Stage(into.root, names.version_of(entry))
        _Fetching(remote, entry, found, stage, progress).run(into.trusted)
        return (PLANTED, "") if into.put(stage, entry) else (STANDS, "")
    except _Stop as reason:
        return reason.word, reason.detail
    except EntryError as error:
        return DAMAGED, str(error)
    finally:
        if stage is not None:
            stage.discard()


class Target:
    """Where entries go: a new directory below a root, or one whose lock the caller holds.

    Attributes:
        root: of libneuronxla's cache.
        trusted: whether an entry is taken although nobody checked its graph.
    """

    __slots__ = ("_held", "root", "trusted")

    def __init__(self, root: str, trusted: bool, held: str = "") -> None:
        """`held`: the path of the entry's directory below the root, locked by the caller."""
        self.root = root
        self.trusted = trusted
        self._held = held

    def is_taken(self, entry: str) -> bool:
        """Whether nothing may be put there."""
        return not self._held and planting.stands(self.root, entry)

    def put(self, stage: "Stage", entry: str) -> bool:
        """Plant what was staged; False when something stands there by now. Raises OSError."""
        return stage.fill(self._held) if self._held else stage.plant(entry)


def _check_state(found: "Found") -> None:
    its_state = state.of(found, locks=False)
    if not found:
        raise _Stop(ABSENT, "")
    if its_state != state.WHOLE:
        raise _Stop(NOT_WHOLE, state.WHY[its_state])
    if found[names.DONE][0]:
        raise _Stop(NOT_WHOLE, f"{names.DONE} is not empty")


class _Fetching:
    """One entry on its way into a stage."""

    def __init__(
        self, remote: "Remote", entry: str, found: "Found", stage: "Stage", progress: "Progress"
    ) -> None:
        self._remote = remote
        self._entry = entry
        self._found = found
        self._stage = stage
        self._progress = progress
        self._stated: Manifest | None = None

    def run(self, trusted: bool) -> None:
        """All of its files. What may forbid it comes first, the large files last."""
        if names.MANIFEST in self._found:
            self._stated = self._manifest()
        wanted = [name for name in names.PLANTED if name in self._files()]
        first = [name for name in wanted if name in _ASKED]
        if self._stated is not None and not trusted:
            _demand(self._stated.verdict)
        for name in first:
            self._file(name)
        if not trusted:
            _demand(self._own_verdict(wanted))
        for name in wanted[len(first) :]:
            self._file(name)
        if names.WRAPPED in wanted:
            content.check_wrapper(self._path(names.WRAPPED), self._path(names.NEFF))

    def _files(self) -> "set[str]":
        """The names to bring: with a manifest the ones that it states."""
        if self._stated is None:
            return set(self._found)
        missing = self._stated.files.keys() - self._found.keys()
        if missing:
            raise EntryError(f"its manifest names {min(missing)}, which is not there")
        return set(self._stated.files)

    def _own_verdict(self, wanted: "list[str]") -> Verdict:
        """What we see ourselves; of files that stayed at home the manifest's word holds."""
        at_home = Verdict(PLAIN) if self._stated is not None else None
        graph = at_home or Verdict(UNCHECKED, "it is not in the repository")
        given = at_home or Verdict(UNCHECKED, "its flags are not in the repository")
        if names.HLO in wanted:
            graph = graphs.of_graph(self._path(names.HLO))
        if names.FLAGS in wanted:
            given = graphs.of_flags(files.read(self._path(names.FLAGS), _MOST_FLAGS))
        return graphs.both(graph, given)

    def _path(self, name: str) -> str:
        return self._stage.inside(name)

    def _manifest(self) -> "Manifest":
        size, digest = self._found[names.MANIFEST]
        if size > manifest.MOST:
            raise EntryError("its manifest is too large")
        path = self._stage.file(names.MANIFEST)
        self._download(names.MANIFEST, path, size)
        text = files.read(path, manifest.MOST)
        if not content.examine(path, self._tick).matches(digest):
            raise EntryError("its manifest is not what the remote says it is")
        files.discard(path)
        return manifest.parse(text, self._entry)

    def _file(self, name: str) -> None:
        """Bring one file, checked against the remote's digest and the manifest's."""
        size, digest = self._found[name]
        path = self._stage.file(name)
        if name != names.DONE:
            self._download(name, path, size)
        made = content.examine(path, self._tick, as_neff=name == names.NEFF)
        if made.size != size or not made.matches(digest):
            raise EntryError(f"{name} is not what the remote says it is")
        if self._stated is not None and self._stated.files[name] != (made.size, made.sha256):
            raise EntryError(f"{name} is not what its manifest says it is")
        if made.problem:
            raise EntryError(f"{name} is not complete: {made.problem}")

    def _download(self, name: str, path: str, size: int) -> None:
        def passed(count: int) -> None:
            if count > size:
                raise EntryError(f"{name} is larger than the remote says it is")
            self._progress(count)

        if not self._remote.fetch(f"{self._entry}/{name}", path, passed):
            raise EntryError(f"{name} has vanished")

    def _tick(self) -> None:
        self._progress(0)


def _demand(verdict: Verdict) -> None:
    if verdict.word != PLAIN:
        raise _Stop(UNSAFE, verdict.why())
