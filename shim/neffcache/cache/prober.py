"""Whole: the process that asks a failed remote again, so that no compile waits to find out."""

import posix
import time

from neffcache import breaker, config, files, locks, processes
from neffcache.compiler import find
from neffcache.errors import NeffcacheError, SettingError
from neffcache.store import local
from neffcache.store.local import Store

NAME = "neffcache-probe"
_MODULE, _HELPER = "neffcache.cache.prober", "neffcache.cache.helper"
# What a helper says of a remote that has answered, and of one that has not.
_WELL = ("absent", "damaged", "done", "slow")
_ILL = ("failed", "local", "parked")
# How often it looks whether it is still wanted.
_LOOK = 1.0
# With the remote failing for so long it ends; the next compile asks for itself.
_LIFE = 3600.0
_NOWHERE = "/dev/null"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.remote import Spec


def start(store: "Store", name: str, spec: "Spec", environ: "Mapping[bytes, bytes]") -> None:
    """Have the remote behind a breaker's stamp asked in the background; never fails.

    Where no process can be started, or once it has died, compiles ask for themselves.
    """
    clean = {
        name: value for name, value in environ.items() if name not in (b"LD_PRELOAD", find.ACTIVE)
    }
    try:
        processes.spawn_detached(processes.python(_MODULE, store.path, name, spec.text()), clean)
    except OSError:
        pass


def main(arguments: "list[str]") -> None:
    """Ask until it answers: `<store> <breaker's name> <remote>`."""
    processes.detach(NAME)
    try:
        store, name, remote = arguments
        run(store, name, remote, dict(posix.environ))
    except (NeffcacheError, OSError):
        pass  # whoever compiles next asks for himself
    posix._exit(0)


def run(store: str, name: str, remote: str, environ: "Mapping[bytes, bytes]") -> None:
    """Keep the breaker's place of the one who asks until the remote is well or the stamp is gone.

    Ends at once when somebody else has that place, where locks do not work, or without a stamp.

    Raises:
        OSError: the store is gone.
    """
    path = f"{store}/{local.BREAKERS}/{name}"
    if breaker.read(path) is None:
        return
    try:
        lock = locks.try_lock(path + ".probe")
    except locks.NoLocks:
        return
    if lock is None:
        return
    try:
        _Probe(path, remote, environ).until_well()
    finally:
        lock.release()


class _Probe:
    """One remote, the stamp of its outage, and whose eyes it is seen with."""

    def __init__(self, path: str, remote: str, environ: "Mapping[bytes, bytes]") -> None:
        self._path = path
        self._remote = remote
        self._environ = environ
        self._silence = _timeout(environ)

    def until_well(self) -> None:
        """Wait for the end of each pause, ask, and go on while it fails."""
        deadline = time.monotonic() + _LIFE
        while time.monotonic() < deadline:
            stamp = breaker.read(self._path)
            if stamp is None:
                return
            left = stamp.until - time.time()
            if left > 0:
                time.sleep(min(left, _LOOK))
            elif not self._try():
                return

    def _try(self) -> bool:
        """Ask once and write down what came of it: whether to go on."""
        word, detail = self._ask()
        stamp = breaker.read(self._path)
        if stamp is None:
            return False  # cleared meanwhile, or the store is gone: that is not to be undone
        permit = breaker.Permit(self._path, stamp, None)
        if word in _WELL:
            permit.succeed()
            return False
        pause, reason = _stated(detail) if word == "parked" else (0.0, detail)
        permit.fail(reason, pause)
        return self._is_renewed()

    def _is_renewed(self) -> bool:
        """A disk too full for a stamp must not make us ask without a pause."""
        stamp = breaker.read(self._path)
        return stamp is not None and stamp.until > time.time()

    def _ask(self) -> "tuple[str, str]":
        """Have a child ask for a key that nobody has: (how that ended, what exactly)."""
        if processes.reap_abandoned():
            return "failed", "the last process that asked there still hangs"
        nobody = posix.urandom(32).hex()
        argv = processes.python(_HELPER, nobody, self._remote, _NOWHERE)
        try:
            helper = processes.Helper(argv, self._environ)
        except OSError as error:
            return "local", f"no helper process ({error})"
        try:
            return self._answer(helper)
        finally:
            helper.stop()

    def _answer(self, helper: processes.Helper) -> "tuple[str, str]":
        heard = time.monotonic()
        while time.monotonic() - heard < self._silence:
            try:
                line = helper.line(min(_LOOK, self._silence))
            except processes.Silent:
                if files.state(self._path) is None:
                    return "local", "nobody wants to know any more"
                continue
            if line is None:
                return "failed", "its helper process died"
            word, _, detail = line.partition(" ")
            if word in _WELL or word in _ILL:
                return word, detail
            heard = time.monotonic()
        return "failed", f"silent for {self._silence:g} s"


def _stated(detail: str) -> "tuple[float, str]":
    """The seconds that a remote stated, and why: `<seconds> <why>`."""
    seconds, _, why = detail.partition(" ")
    try:
        return max(float(seconds), 0.0), why
    except ValueError:
        return 0.0, detail


def _timeout(environ: "Mapping[bytes, bytes]") -> float:
    try:
        return config.load(environ).remote_timeout
    except SettingError:
        return 5.0
