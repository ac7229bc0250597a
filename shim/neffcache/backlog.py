"""World: the queue as people see it: what waits and for what, what was refused; and emptying it."""

import posix
import time

from neffcache import breaker, files, publishing, queue
from neffcache.errors import SettingError
from neffcache.queue import Marker
from neffcache.store import local

DEAD_LINE = "neffcache-dead 1"
_LIMIT = 64 << 10
_REASON = 500
_PAUSE = 0.05
# An uploader that has just been started has not locked yet: do not start another meanwhile.
_START = 2.0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from neffcache.queue import Destination
    from neffcache.store.local import Store


class Dead:
    """An entry that a destination refused for good, or that was gone before it could be sent.

    Attributes:
        remote: the destination's URL, or its directory's name when that cannot be told.
        time: seconds since the epoch.
    """

    __slots__ = ("destination", "key", "reason", "remote", "time")

    def __init__(self, destination: str, key: str, remote: str, reason: str) -> None:
        self.destination = destination
        self.key = key
        self.remote = remote
        self.reason = reason
        self.time = 0.0


class Waiting:
    """What waits for one destination.

    Attributes:
        remote: the destination's URL, or its directory's name when that cannot be told.
        keys: of the entries.
        oldest: when the first of them was queued, seconds since the epoch.
        reason: what it waits for; "" when nothing but time stands in the way.
        failing: whether that reason is the remote's failure (and not a missing credential).
    """

    __slots__ = ("failing", "keys", "name", "oldest", "reason", "remote")

    def __init__(self, name: str, found: "list[str]") -> None:
        self.name = name
        self.keys = found
        self.remote = name
        self.oldest = 0.0
        self.reason = ""
        self.failing = False

    @property
    def refused(self) -> bool:
        """Whether the remote answered, and what it said is no."""
        return self.failing and f": {publishing.REFUSED}" in self.reason


class Flushed:
    """How emptying the queue went.

    Attributes:
        sent: how many entries that waited at the start wait no more and were not refused.
        left: what still waits, and for what.
        dead: what was refused for good meanwhile.
    """

    __slots__ = ("dead", "left", "sent")

    def __init__(self, sent: int, left: "list[Waiting]", refused: "list[Dead]") -> None:
        self.sent = sent
        self.left = left
        self.dead = refused

    @property
    def unreachable(self) -> bool:
        """Whether something is left because its remote failed, without saying no."""
        return any(waiting.failing and not waiting.refused for waiting in self.left)


def pending(store: "Store", environ: "Mapping[bytes, bytes]") -> "list[Waiting]":
    """What waits, by destination, and what this environment lacks to send it."""
    found = []
    for name in _names(f"{store.path}/{local.QUEUE}"):
        waiting_keys = queue.keys(store, name)
        if waiting_keys:
            found.append(_waiting(store, Waiting(name, waiting_keys), environ))
    return found


def dead(store: "Store") -> "list[Dead]":
    """Every entry that was refused for good."""
    found = []
    top = f"{store.path}/{local.DEAD}"
    for name in _names(top):
        try:
            shown = queue.read_destination(store, name).remote
        except SettingError:
            shown = name
        found += [
            _read_dead(f"{top}/{name}/{key}", Dead(name, key, shown, ""))
            for key in _names(f"{top}/{name}")
            if queue.is_key(key)
        ]
    return found


def bury(store: "Store", marker: Marker, reason: str) -> None:
    """Take an entry out of the queue for good, and write down why. Raises OSError."""
    directory = store.directory(f"{local.DEAD}/{marker.destination.name}")
    line = " ".join(reason.split())[:_REASON]
    native = queue.native_of(store, marker.destination.name, marker.key)
    text = f"{DEAD_LINE}\nkey {marker.key}\ntime {time.time():.3f}\nreason {line}\n"
    text += queue.native_line(native)
    files.publish(f"{directory}/{marker.key}", files.encode(text), sync=True)
    files.discard(marker.path)


def revive(store: "Store", environ: "Mapping[bytes, bytes]") -> int:
    """Queue everything that was refused once more, as far as it is still stored: how many.

    By the settings of this environment: an uploader with others must not refuse it again.
    """
    count = 0
    for one in dead(store):
        native = _native_grave(store, one)
        path = files.join(*native) if native else store.entry_path(one.key)
        if files.state(path) is not None:
            try:
                destination = queue.read_destination(store, one.destination)
                if publishing.commits(destination.remote):
                    queue.ask_flush(store, destination.name, publishing.terms(environ))
                queue.put(store, destination, one.key, native)
            except SettingError:
                continue
            count += 1
    return count


def forget_failure(store: "Store", name: str) -> None:
    """Let a destination's uploader try again at once."""
    breaker.clear(store, f"write-{name}")


def flush(
    store: "Store",
    environ: "Mapping[bytes, bytes]",
    timeout: "float | None" = None,
    remotes: "Sequence[str]" = (),
    tell: "Callable[[int, int], None] | None" = None,
) -> Flushed:
    """Have everything uploaded that this environment has the credentials for, and wait for it.

    Args:
        timeout: seconds; None: until everything is sent or has been tried in vain once.
        remotes: URLs without options; only these, when any are given.
        tell: is told again and again how many entries are settled, of how many.

    Raises:
        OSError: no process could be started.
    """
    started = time.time()
    deadline = time.monotonic() + (1e9 if timeout is None else timeout)
    before = _chosen(store, environ, remotes)
    for waiting in before:
        # First: an uploader that fails with what it was started with is not to try again itself.
        if waiting.failing or publishing.commits(waiting.remote):
            queue.ask_flush(store, waiting.name, publishing.terms(environ))
        if waiting.failing:
            forget_failure(store, waiting.name)
    tried: dict[str, float] = {}
    while True:
        left = _of_then(_chosen(store, environ, remotes), before)
        if tell is not None:
            total = _number(before)
            tell(max(total - _number(left), 0), total)
        able = [one for one in left if not one.reason or (one.failing and timeout is not None)]
        if not able or time.monotonic() >= deadline:
            break
        _keep_served(store, environ, [one.name for one in able], tried)
        time.sleep(_PAUSE)
    refused = [one for one in dead(store) if one.time >= started and _is_chosen(one, remotes)]
    gone = {(one.name, key) for one in before for key in one.keys}
    gone -= {(one.name, key) for one in left for key in one.keys}
    gone -= {(one.destination, one.key) for one in refused}
    return Flushed(len(gone), left, refused)


def _keep_served(
    store: "Store",
    environ: "Mapping[bytes, bytes]",
    names: "Sequence[str]",
    tried: "dict[str, float]",
) -> None:
    now = time.monotonic()
    for name in names:
        if now - tried.get(name, -_START) >= _START:
            tried[name] = now
            try:
                marker = Marker(queue.read_destination(store, name), "", "")
            except SettingError:
                continue  # removed or damaged in this very moment: the next look tells
            queue.start_uploaders(store, [marker], environ)


def _chosen(
    store: "Store", environ: "Mapping[bytes, bytes]", remotes: "Sequence[str]"
) -> "list[Waiting]":
    return [one for one in pending(store, environ) if _is_chosen(one, remotes)]


def _number(found: "Sequence[Waiting]") -> int:
    return sum(len(one.keys) for one in found)


def _of_then(now: "Sequence[Waiting]", before: "Sequence[Waiting]") -> "list[Waiting]":
    """What still waits, less what came since for a remote that gathers: its time will come."""
    then = {one.name: set(one.keys) for one in before}
    for one in now:
        if publishing.commits(one.remote):
            one.keys = [key for key in one.keys if key in then.get(one.name, ())]
    return [one for one in now if one.keys]


def _is_chosen(one: "Waiting | Dead", remotes: "Sequence[str]") -> bool:
    return not remotes or one.remote.partition("?")[0] in remotes


def _waiting(store: "Store", made: Waiting, environ: "Mapping[bytes, bytes]") -> Waiting:
    times = []
    for key in made.keys:
        state = files.state(f"{store.path}/{local.QUEUE}/{made.name}/{key}")
        if state is not None:
            times.append(state[3] / 1e9)
    made.oldest = min(times, default=time.time())
    try:
        destination = queue.read_destination(store, made.name)
    except SettingError as error:
        made.reason = str(error)
        return made
    made.remote = destination.remote
    made.reason, made.failing = obstacle(store, destination, environ)
    return made


def obstacle(
    store: "Store", destination: "Destination", environ: "Mapping[bytes, bytes]"
) -> "tuple[str, bool]":
    """What an entry for a destination would wait for ("": nothing), and whether that is failing."""
    reason = queue.why_not(store, destination, environ)
    stamp = breaker.read(f"{store.path}/{local.BREAKERS}/write-{destination.name}")
    if reason or stamp is None:
        return reason, False
    often = f"failed {stamp.failures} times, the last time" if stamp.failures > 1 else "failed"
    return f"{often}: {stamp.reason}", True


def _native_grave(store: "Store", one: Dead) -> "tuple[str, str] | None":
    path = f"{store.path}/{local.DEAD}/{one.destination}/{one.key}"
    try:
        return queue.native_in(files.read(path, _LIMIT))
    except OSError:
        return None


def _read_dead(path: str, made: Dead) -> Dead:
    try:
        lines = files.decode(files.read(path, _LIMIT)).split("\n")
    except OSError:
        return made
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "reason":
            made.reason = value
        elif name == "time":
            try:
                made.time = float(value)
            except ValueError:
                pass
    return made


def _names(path: str) -> "list[str]":
    try:
        return sorted(posix.listdir(path))
    except OSError:
        return []
