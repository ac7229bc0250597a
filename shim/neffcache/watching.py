"""World: the watcher as jobs see it: being there, roots to look at, requests, starting it."""

import posix
import time

from neffcache import files, locks

TOP, PRESENT, LOCK, ROOTS, STATE = "watch", "present", "lock", "roots", "state"
# Requests are files. A save counts by its time, and TAKEN holds that of the last one seen to; an
# exit is renamed to its name with TAKEN when it is seen, and removed when it is answered.
SAVE, EXIT, ANSWER, TAKEN = "save", "exit", "answered", ".taken"
WATCHER = "neffcache.sync.watcher"
NATIVE, NEFFS = "native", "neffs"
ROOT_LINE = "neffcache-root 1"
# Made by a starter, removed by the watcher that has the lock: until then no other one is started,
# for so many seconds.
STARTED = "started"
_START = 2.0
# Without locks: one that has said something within this time is running.
BEAT, _SILENT = 30.0, 120.0
_REFRESH = 86400.0
# A watcher that looks for an instant whether anybody is there must not keep him out.
_TRIES, _PAUSE = 20, 0.0001
_LIMIT = 64 << 10
# This process's shares in `present`, by path: forks have them, too.
_held: "dict[str, int]" = {}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neffcache.options import Config
    from neffcache.queue import Destination
    from neffcache.store.local import Store
    from neffcache.watched import State


class Watch:
    """What the watcher of a host, with the destinations that hold in an environment, is known by.

    Attributes:
        directory: `<store>/watch/<32 hex>`; made by whoever first uses it.
        destinations: every place that entries go to from here; none: nothing is sent.
        natives: those of them that take entries of libneuronxla's cache.
        known: what the names of files begin with that say which entries have been seen to: the
            same for every host, and for every mode of uploading.
        upload: the setting.
    """

    __slots__ = ("destinations", "directory", "known", "natives", "store", "upload")

    def __init__(self, store: "Store", upload: str) -> None:
        self.store = store
        self.upload = upload
        self.destinations: list[Destination] = []
        self.natives: list[Destination] = []
        self.directory = self.known = ""

    def name(self) -> None:
        """Settle its directory, once the destinations are known."""
        names = "".join(f"{one.name}\n" for one in self.destinations)
        host = f"{self.upload}\n{posix.uname().nodename}\n"
        top = f"{self.store.path}/{TOP}"
        self.directory = f"{top}/{files.digest(files.encode(names + host))[:32]}"
        self.known = f"{top}/known/{files.digest(names.encode())[:32]}-"


def of(store: "Store", config: "Config", environ: "Mapping[bytes, bytes]") -> Watch:
    """The watch that an environment asks for; nothing is made but the store's salt.

    Raises:
        SettingError: a remote is malformed; OSError: the store cannot be read.
    """
    from neffcache import targets

    made = Watch(store, config.upload)
    specs = [] if config.readonly else targets.specs(config, environ)
    for spec in specs:
        if spec.writes:
            from neffcache import queue

            destination = queue.destination_of(store, spec, environ)
            made.destinations.append(destination)
            if spec.natives:
                made.natives.append(destination)
    made.name()
    return made


def join(watch: Watch) -> None:
    """Be present until this process and its forks have ended; again and again at no cost.

    Without working locks nobody can tell who is there: then the watcher stays for a while.

    Raises:
        OSError: the store cannot be written.
    """
    path = f"{watch.directory}/{PRESENT}"
    held = _held.get(path)
    if held is not None and locks.is_at(held, path):
        return
    files.make_directories(watch.directory)
    request = f"{watch.directory}/{SAVE}"
    if files.state(request) is None:  # made once: a save only touches it
        _make(request)
        posix.utime(request, (0, 0))
    try:
        for _ in range(_TRIES):
            fd = locks.share(path)
            if fd is not None:
                _held[path] = fd  # one that is there no more is left open: it may be another's
                return
            time.sleep(_PAUSE)
    except locks.NoLocks:
        pass


def leave(watch: Watch) -> None:
    """Be present no more, as far as this process goes; its forks stay."""
    path = f"{watch.directory}/{PRESENT}"
    held = _held.pop(path, None)
    if held is not None and locks.is_at(held, path):
        posix.close(held)


def is_attended(watch: Watch) -> bool:
    """Whether anybody is present.

    Raises:
        NoLocks: it cannot be told; OSError: the store is gone.
    """
    return not locks.is_free(f"{watch.directory}/{PRESENT}")


def add_root(watch: Watch, root: str, kind: str) -> None:
    """Have the watcher look at a directory, which need not be there yet.

    Args:
        root: absolute; anything else (`s3://...`) is no directory of this host and is left alone.
        kind: NATIVE (a cache of libneuronxla) or NEFFS (a directory of NEFFs without keys).

    Raises:
        OSError: the store cannot be written.
    """
    if not root.startswith("/") or "\0" in root:
        return
    root = root.rstrip("/") or "/"
    directory = f"{watch.directory}/{ROOTS}"
    path = f"{directory}/{files.digest(files.encode(f'{kind}:{root}'))[:32]}"
    known = files.state(path)
    if known is not None and 0 <= time.time() - known[3] / 1e9 < _REFRESH:
        return
    from neffcache import queue

    files.make_directories(directory)
    files.publish(path, f"{ROOT_LINE}\nkind {kind}\nroot {queue.quoted(root)}\n".encode())


def add_roots(watch: Watch, config: "Config", environ: "Mapping[bytes, bytes]", cwd: str) -> None:
    """Have the watcher look wherever a job with this environment may leave NEFFs. OSError."""
    for root, kind in roots(config, environ, cwd):
        add_root(watch, root, kind)


def roots(config: "Config", environ: "Mapping[bytes, bytes]", cwd: str) -> "list[tuple[str, str]]":
    """(directory, kind) of each place where a job with this environment may leave NEFFs."""
    from neffcache.errors import SettingError
    from neffcache.native import root as native

    found = []
    try:
        found.append((native.find(environ, cwd), NATIVE))
    except SettingError:
        pass  # a cache on S3, or a place that nobody can tell
    for path in config.watch:
        found += [(path, NATIVE), (path, NEFFS)]
    plain = files.decode(environ.get(b"TORCH_NEURONX_NEFF_CACHE_DIR", b""))
    if plain and "://" not in plain:
        found.append((files.join(cwd, plain), NEFFS))
    vllm = environ.get(b"VLLM_CACHE_ROOT", b"")
    base = environ.get(b"XDG_CACHE_HOME", b"")
    if not base and environ.get(b"HOME"):
        base = environ[b"HOME"] + b"/.cache"
    if vllm or base:
        top = vllm or base + b"/vllm"
        found.append((files.join(cwd, files.decode(top + b"/neuron/compile_cache")), NEFFS))
    return found


def ask_save(watch: Watch) -> None:
    """Have what waits sent soon, because a checkpoint was saved: one touched file; never fails."""
    path = f"{watch.directory}/{SAVE}"
    try:
        posix.utime(path)
    except FileNotFoundError:
        _make(path)
    except OSError:
        pass  # then it goes at the end


def ask_exit(watch: Watch) -> float:
    """Have everything looked at, queued and sent now: the number of this request.

    Whoever waits for the answer has to see to it that a watcher runs (`start`, now and then).

    Raises:
        OSError: the store cannot be written.
    """
    asked = time.clock_gettime(time.CLOCK_BOOTTIME)  # nobody sets that clock
    files.make_directories(watch.directory)
    files.discard(f"{watch.directory}/{ANSWER}")  # one from before a restart may be higher
    files.publish(f"{watch.directory}/{EXIT}", repr(asked).encode())
    return asked


def exit_done(watch: Watch, asked: float) -> bool:
    """Whether the watcher has answered a request: all it found is queued, uploaders run."""
    return number(f"{watch.directory}/{ANSWER}") >= asked


def number(path: str) -> float:
    """The number in a small file; 0 when there is none."""
    try:
        return float(files.read(path, _LIMIT))
    except (OSError, ValueError):
        return 0.0


def start(watch: Watch, environ: "Mapping[bytes, bytes]") -> None:
    """Start a watcher, unless one runs or has just been started. It lives on when we end.

    Raises:
        OSError: the store cannot be written, or no process can be started.
    """
    started = f"{watch.directory}/{STARTED}"
    before = files.state(started)
    just = before is not None and 0 <= time.time() - before[3] / 1e9 < _START
    if just or is_served(watch):
        return
    from neffcache import processes
    from neffcache.compiler import find
    from neffcache.hub import home

    files.make_directories(watch.directory)
    files.publish(started, b"")
    clean = home.pinned(environ)
    for variable in (b"LD_PRELOAD", find.ACTIVE):
        clean.pop(variable, None)
    name = files.basename(watch.directory)
    processes.spawn_detached(processes.python(WATCHER, watch.store.path, name), clean)


def is_served(watch: Watch) -> bool:
    """Whether a watcher is running."""
    return is_running(watch.directory)


def is_running(directory: str) -> bool:
    """Whether the watcher of this directory is running."""
    path = f"{directory}/{LOCK}"
    if files.state(path) is None:
        return False
    try:
        return not locks.is_free(path)
    except OSError:
        return False
    except locks.NoLocks:
        said = files.state(f"{directory}/{STATE}")
        return said is not None and abs(time.time() - said[3] / 1e9) < _SILENT


def state(store: "Store") -> "State":
    """What all watchers of this store have seen, added up."""
    from neffcache import watched

    return watched.total(f"{store.path}/{TOP}")


def _make(path: str) -> None:
    try:
        posix.close(files.create(path, posix.O_WRONLY))
    except OSError:
        pass


def waiting(watch: Watch, destinations: "Sequence[Destination]") -> "list[Destination]":
    """Those of some destinations for which something waits in the queue."""
    from neffcache import queue

    return [one for one in destinations if queue.keys(watch.store, one.name)]
