"""Whole: an entry of libneuronxla's cache as it goes to a remote, and what is said of it."""

import posix

from neffcache import files
from neffcache.cache import bundles, native_keys
from neffcache.entry import read
from neffcache.errors import EntryError
from neffcache.graph import constants
from neffcache.invocation import Bypass
from neffcache.native import content, graphs, names, opening
from neffcache.native.graphs import NAMES, UNCHECKED, Verdict
from neffcache.native.manifest import MOST, Manifest
from neffcache.publishing import Object
from neffcache.version import __version__

_MOST_FLAGS = 1 << 20
_ELSEWHERE = "a path of the host that compiled it"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.native.opening import Opened
    from neffcache.store.local import Store


class Offer:
    """An entry that may be pushed; to be closed when it has been.

    Attributes:
        objects: its files and its manifest, for one commit; none of them beside another's NEFF.
        manifest: what is said of it.
    """

    __slots__ = ("_manifest_fd", "_opened", "manifest", "objects")

    def __init__(self, opened: "Opened", manifest: Manifest) -> None:
        self._opened = opened
        self.manifest = manifest
        self._manifest_fd = _in_memory(manifest.text())
        neff = f"{manifest.entry}/{names.NEFF}"
        paths = {name: opened.path(name) for name in manifest.files}
        paths[names.MANIFEST] = f"/proc/self/fd/{self._manifest_fd}"
        self.objects = [
            Object(f"{manifest.entry}/{name}", path, manifest.weights, neff)
            for name, path in paths.items()
        ]

    def close(self) -> None:
        """Give the descriptors back: the objects' paths end to exist."""
        self._opened.close()
        posix.close(self._manifest_fd)


def _nothing() -> None:
    return


def offer(
    root: str,
    entry: str,
    store: "Store",
    hlo: bool = False,
    tick: "Callable[[], None]" = _nothing,
) -> Offer:
    """An entry as it may be pushed: successful, ours, every byte of it looked at.

    What is pushed are files that are held open, so that nobody can put others in their places. The
    graph stays at home unless `hlo`, and so do flags that tell of directories.

    Args:
        root: of libneuronxla's cache; entry: `neuronxcc-<version>/MODULE_<...>`.
        store: tells whether the NEFF came through the shim.
        tick: called again and again while work goes on.

    Raises:
        EntryError: why it may not be pushed; OSError: it cannot be read, or is not there.
    """
    try:
        return _offer(opening.open_entry(root, entry), entry, store, hlo, tick)
    except EntryError as error:
        raise EntryError(f"{entry}: {error}") from error


def _offer(
    opened: "Opened", entry: str, store: "Store", hlo: bool, tick: "Callable[[], None]"
) -> Offer:
    try:
        verdict = _verdict(opened)
        if "/" in verdict.detail:  # where things lie on this host is nobody else's business
            verdict = Verdict(verdict.word, _ELSEWHERE)
        made = Manifest(entry, verdict, __version__)
        for name in sorted(opened.files):
            found = content.examine(opened.path(name), tick, as_neff=name == names.NEFF)
            if found.problem:
                raise EntryError(f"{name} is not complete: {found.problem}")
            if hlo or not _stays(opened, name):
                made.files[name] = (found.size, found.sha256)
        if names.WRAPPED in opened.files:
            content.check_wrapper(opened.path(names.WRAPPED), opened.path(names.NEFF))
        made.key = native_keys.find(store, made.files[names.NEFF][1])
        made.weights = _may_hold_weights(store, made.key, opened, verdict)
        opened.check_unchanged()
        return Offer(opened, made)
    except BaseException:
        opened.close()
        raise


def _verdict(opened: "Opened") -> Verdict:
    graph = Verdict(UNCHECKED, "it is not there")
    if names.HLO in opened.files:
        graph = graphs.of_graph(opened.path(names.HLO))
    given = Verdict(UNCHECKED, "its flags are not there")
    if names.FLAGS in opened.files:
        given = graphs.of_flags(files.read(opened.path(names.FLAGS), _MOST_FLAGS))
    return graphs.both(graph, given)


def _may_hold_weights(store: "Store", key: str, opened: "Opened", verdict: Verdict) -> bool:
    """As the bundle of the same NEFF says, else the graph; in any doubt it may."""
    stated = _bundle_manifest(store, key) if key else b""
    if stated:
        return bundles.may_hold_weights(stated)
    if verdict.word == NAMES or names.HLO not in opened.files:
        return True  # of what it names it may have all
    try:
        return constants.may_be_weights(constants.inlined(opened.path(names.HLO)))
    except (Bypass, OSError):
        return True


def _bundle_manifest(store: "Store", key: str) -> bytes:
    try:
        bundle = read.open_bundle(store.entry_path(key), key)
        try:
            return read.manifest(bundle)
        finally:
            bundle.close()
    except (EntryError, OSError):
        return b""


def _stays(opened: "Opened", name: str) -> bool:
    """Whether a file is not pushed unasked."""
    if name == names.FLAGS:
        return graphs.holds_paths(files.read(opened.path(name), _MOST_FLAGS))
    return name == names.HLO


def _in_memory(text: bytes) -> int:
    if len(text) > MOST:
        raise EntryError("its manifest would be too large")
    fd = posix.memfd_create("manifest", posix.MFD_CLOEXEC)
    files.write_all(fd, text)
    return fd
