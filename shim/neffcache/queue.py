"""World: what waits for an upload: markers on disk, left by compiles, taken by the uploader."""

import posix
import time

from neffcache import credentials, files, locks, processes
from neffcache.compiler import find
from neffcache.errors import SettingError
from neffcache.hub import home
from neffcache.store import local

FIRST_LINE = "neffcache-destination 1"
MARKER_LINE = "neffcache-marker 1"
DESTINATION, LOCK = "destination", ".lock"
# Somebody wants all that waits sent now; its mtime says what "all" was.
FLUSH = "flush"
# Somebody waits for what was queued before: sent as soon as the hour's commits allow it.
AWAITED = "awaited"
_NATIVE = "native "
UPLOADER = "neffcache.sync.uploader"
NONE = "-"
_LIMIT = 64 << 10
_FIRST_PAUSE, _LAST_PAUSE = 0.01, 0.25
_PLAIN = frozenset(b"/._-+=~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neffcache.remote import Spec
    from neffcache.store.local import Store


class Destination:
    """Where a compile's entry is to go, as it was resolved for that compile.

    Attributes:
        name: 32 hex digits; names its directory in the queue.
        remote: the remote's URL with what is needed to open it; no secrets.
        credential: the source of its secret ("env:NAME"), or "".
        fingerprint: of the secret as it was then; "" when there was none.
    """

    __slots__ = ("credential", "fingerprint", "name", "remote")

    def __init__(self, name: str, remote: str, credential: str, fingerprint: str) -> None:
        self.name = name
        self.remote = remote
        self.credential = credential
        self.fingerprint = fingerprint

    def text(self) -> bytes:
        """The file that describes it."""
        body = files.encode(
            f"{FIRST_LINE}\nremote {self.remote}\ncredential {self.credential or NONE}\n"
            f"fingerprint {self.fingerprint or NONE}\n"
        )
        return body + f"end {files.digest(body)}\n".encode()


class Marker:
    """One entry that waits for one destination.

    Attributes:
        path: of the file that stands for it; gone once it has been sent or refused for good.
    """

    __slots__ = ("destination", "key", "path")

    def __init__(self, destination: Destination, key: str, path: str) -> None:
        self.destination = destination
        self.key = key
        self.path = path


def enqueue(
    store: "Store", key: str, specs: "Sequence[Spec]", environ: "Mapping[bytes, bytes]"
) -> "list[Marker]":
    """Mark a stored entry for every remote that takes bundles from us; survives a power cut.

    Raises:
        OSError: the store cannot take the markers.
    """
    writable = [spec for spec in specs if spec.writes and spec.bundles]
    return [put(store, destination_of(store, spec, environ), key) for spec in writable]


def destination_of(store: "Store", spec: "Spec", environ: "Mapping[bytes, bytes]") -> Destination:
    """A remote with the secret that holds here. Raises OSError."""
    mark = credentials.fingerprint(store, spec, environ)
    return Destination(credentials.identity(spec, mark), spec.text(), spec.credential, mark)


def put(
    store: "Store", destination: Destination, key: str, native: "tuple[str, str] | None" = None
) -> Marker:
    """Write one marker, and its destination's description when that is missing or damaged.

    Args:
        native: (root, entry) of libneuronxla's cache when the marker stands for an entry there
            and not for the bundle of that key; then the key is `native_key` of the two.
    """
    top = store.directory(local.QUEUE)
    directory = f"{top}/{destination.name}"
    described = f"{directory}/{DESTINATION}"
    if _content(described) != destination.text():
        files.make_directories(directory)
        files.publish(described, destination.text(), sync=True)
        files.sync_directory(top)
        files.sync_directory(store.path)
    path = f"{directory}/{key}"
    files.publish(path, marker_text(key, time.time(), native), sync=True)
    files.discard(f"{store.path}/{local.DEAD}/{destination.name}/{key}")
    return Marker(destination, key, path)


def marker_text(key: str, now: float, native: "tuple[str, str] | None") -> bytes:
    """A marker's file."""
    return f"{MARKER_LINE}\nkey {key}\ntime {now:.3f}\n{native_line(native)}".encode()


def read_destination(store: "Store", name: str) -> Destination:
    """What a directory of the queue stands for.

    Raises:
        SettingError: its description is missing or damaged.
    """
    try:
        data = files.read(f"{store.path}/{local.QUEUE}/{name}/{DESTINATION}", _LIMIT)
        body, _, end = data.rpartition(b"end ")
        lines = files.decode(body).split("\n")
        if end.strip().decode() != files.digest(body) or lines[0] != FIRST_LINE:
            raise ValueError("damaged")
        remote, credential, mark = (line.partition(" ")[2] for line in lines[1:4])
    except (OSError, ValueError) as error:
        raise SettingError(
            f"queue {name}: its destination cannot be told ({error})", "remove that directory"
        ) from error
    return Destination(name, remote, _given(credential), _given(mark))


def keys(store: "Store", name: str) -> "list[str]":
    """The keys that wait for a destination, sorted; what is no plain file is no marker."""
    try:
        with posix.scandir(f"{store.path}/{local.QUEUE}/{name}") as rows:
            plain = [one.name for one in rows if one.is_file(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(filter(is_key, plain))


def native_key(root: str, entry: str) -> str:
    """The key under which an entry of libneuronxla's cache waits: never that of a bundle."""
    return files.digest(files.encode(f"neffcache-native\n{root}\n{entry}"))


def native_line(native: "tuple[str, str] | None") -> str:
    """The line that names an entry of libneuronxla's cache: percent-encoded; "" for None."""
    if native is None:
        return ""
    return f"{_NATIVE}{quoted(native[0])}\t{quoted(native[1])}\n"


def native_of(store: "Store", name: str, key: str) -> "tuple[str, str] | None":
    """(root, entry) when a destination's marker stands for an entry of libneuronxla's cache."""
    found = native_in(_content(f"{store.path}/{local.QUEUE}/{name}/{key}"))
    return found if found and native_key(*found) == key else None


def native_in(data: bytes) -> "tuple[str, str] | None":
    """What `native_line` wrote into a file with this content."""
    from neffcache import remote

    for line in files.decode(data).split("\n"):
        if line.startswith(_NATIVE):
            root, _, entry = map(remote.unquote, line[len(_NATIVE) :].partition("\t"))
            return None if "\0" in root + entry else (root, entry)
    return None


def ask_flush(store: "Store", name: str, terms: str = "") -> None:
    """Have all that waits for a destination now sent as soon as can be. Raises OSError.

    Args:
        terms: see `publishing.terms`: an uploader with others makes room for one with these.
    """
    directory = f"{store.path}/{local.QUEUE}/{name}"
    if files.state(directory) is not None:
        files.publish(f"{directory}/{FLUSH}", terms.encode())


def hasten(markers: "Sequence[Marker]") -> None:
    """Say that somebody waits for these: no longer gathered than need be. Never fails."""
    for directory in {files.parent(marker.path) for marker in markers}:
        try:
            files.publish(f"{directory}/{AWAITED}", b"")
        except OSError:
            pass  # then they go when their time has come


def is_key(name: str) -> bool:
    """Whether a file's name is a key."""
    return files.is_digest(name)


def why_not(store: "Store", wanted: Destination, environ: "Mapping[bytes, bytes]") -> str:
    """What an environment lacks to send to a destination; "" when it lacks nothing.

    A secret that was missing when the entry was queued may come from anyone who names the same
    source; one that was there must be the same one now.
    """
    from neffcache import remote

    on_hub = wanted.remote.startswith("hf://")
    if not wanted.credential and not on_hub and not wanted.fingerprint:
        return ""
    try:
        spec = remote.parse(wanted.remote)
        mark = credentials.held(store, spec, environ)
    except (SettingError, OSError) as error:
        return str(error)
    if on_hub:
        from neffcache.hub import login, offline

        if offline.is_offline(environ):
            return "HF_HUB_OFFLINE is set"
        if not (mark or wanted.credential or wanted.fingerprint):
            return login.missing(environ)
    from neffcache.objects import lasting

    name = wanted.credential or lasting.NAMES.get(spec.scheme, "HF_TOKEN")
    if not mark:
        return f"{name} is not set"
    if wanted.fingerprint and mark != wanted.fingerprint:
        name = name if remote.secret_in(spec, environ) else "the login"
        remedy = "`neffcache flush --adopt` sends it with this one"
        return f"{name} holds another secret than when it was queued; {remedy}"
    return ""


def start_uploaders(
    store: "Store", markers: "Sequence[Marker]", environ: "Mapping[bytes, bytes]"
) -> None:
    """Start an uploader for each destination that has none; they live on when we end.

    Raises:
        OSError: no process could be started; the markers stay for the next one.
    """
    unwanted = (b"LD_PRELOAD", find.ACTIVE)
    clean = {one: text for one, text in home.pinned(environ).items() if one not in unwanted}
    wanted = {marker.destination.name: marker.destination for marker in markers}
    for name, destination in wanted.items():
        if not why_not(store, destination, environ) and not is_served(store, name):
            processes.spawn_detached(processes.python(UPLOADER, store.path, name), clean)


def is_served(store: "Store", name: str) -> bool:
    """Whether an uploader of this destination is running now."""
    try:
        lock = locks.try_lock(lock_path(store, name))
    except (locks.NoLocks, OSError):
        return False
    if lock is None:
        return True
    lock.release(remove=False)
    return False


def lock_path(store: "Store", name: str) -> str:
    """The file that a destination's uploader holds locked."""
    return f"{store.path}/{local.QUEUE}/{name}/{LOCK}"


def wait_for(markers: "Sequence[Marker]", seconds: float) -> "list[Marker]":
    """Wait until markers are gone (sent, or refused for good); those left after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        markers = [marker for marker in markers if files.state(marker.path) is not None]
        left = deadline - time.monotonic()
        if not markers or left <= 0:
            return list(markers)
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LAST_PAUSE)


def quoted(text: str) -> str:
    """Plain letters; `remote.unquote` gives the text back."""
    return "".join(chr(one) if one in _PLAIN else f"%{one:02X}" for one in files.encode(text))


def _given(text: str) -> str:
    return "" if text == NONE else text


def _content(path: str) -> bytes:
    try:
        return files.read(path, _LIMIT)
    except OSError:
        return b""
