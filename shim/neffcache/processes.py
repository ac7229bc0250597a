"""Ground: processes of our own: helpers that die with their caller, and one that outlives it."""

import fcntl
import posix
import select
import sys
import time

from neffcache import files, kernel

# How long a stopped helper may take to go before it is killed, then before it is abandoned.
_TO_GO, _TO_DIE = 0.1, 0.2
_PAUSE = 0.001
_NULL = "/dev/null"
# A caller's ignored or handled signals are not ours: all that can be changed go to the default.
_SIGNALS = tuple(number for number in range(1, 32) if number not in (9, 19))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    # POSIX_SPAWN_OPEN has five fields, DUP2 three, CLOSE two.
    Action = tuple[int, int, str, int, int] | tuple[int, int, int] | tuple[int, int]

# Children that were given up: in an uninterruptible call, or not awaited; reaped when next seen.
_abandoned: "list[int]" = []
# Where a helper's caller listens.
_caller: "list[int]" = [1]


class Silent(Exception):
    """A helper has said nothing for as long as it may."""


def python(module: str, *arguments: str) -> "list[str]":
    """The command line that runs `main(arguments)` of one of our modules, without site-packages."""
    start = files.join(files.parent(__file__), "start.py")
    # Where the packages are that were there when the shim was installed: see cli/head.
    packages = sys._xoptions.get("neffcache", "")
    option = ["-X", f"neffcache={packages}"] if packages else []
    return [_interpreter(), "-I", "-S", *option, start, module, *arguments]


def _interpreter() -> str:
    """Python's own program; "" inside another one: what that names is itself, started once more."""
    alone = not hasattr(sys, "frozen") and any(sys.orig_argv[:1])
    return sys.executable if alone else ""


class Helper:
    """A child that works for us: it writes lines, and dies when we do.

    Its standard input is a pipe that only we hold: the kernel tells it when that closes.
    """

    __slots__ = ("_buffer", "_life", "_out", "_pid")

    def __init__(self, argv: "Sequence[str]", environ: "Mapping[bytes, bytes]") -> None:
        """Start it. Raises OSError when no process can be made."""
        reap_abandoned()
        self._buffer = b""
        opened: list[int] = []
        try:
            opened += posix.pipe2(posix.O_CLOEXEC)
            opened += posix.pipe2(posix.O_CLOEXEC)
            self._pid = _spawn(argv, environ, [
                (posix.POSIX_SPAWN_DUP2, opened[0], 0),
                (posix.POSIX_SPAWN_DUP2, opened[3], 1),
                (posix.POSIX_SPAWN_OPEN, 2, _NULL, posix.O_RDWR, 0),
            ])  # fmt: skip
        except BaseException:
            for fd in opened[1:3]:
                posix.close(fd)
            raise
        finally:
            for fd in opened[:1] + opened[3:]:
                posix.close(fd)
        self._life, self._out = opened[1], opened[2]

    def line(self, silence: float) -> "str | None":
        """The next line it wrote, None when it has ended.

        Raises:
            Silent: nothing came for `silence` seconds.
        """
        while b"\n" not in self._buffer:
            if not _readable(self._out, silence):
                raise Silent
            part = posix.read(self._out, 4096)
            if not part:
                return None
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("utf-8", "replace")

    def let_go(self) -> None:
        """It has said its last word: wait for it to go by itself, for an instant.

        Whoever reaps all children of this process then sees none that a signal ended.
        """
        try:
            while self.line(_TO_GO) is not None:
                pass
        except Silent:
            pass

    def stop(self) -> None:
        """End it, whatever it is doing; never waits long, not even for what cannot be killed."""
        posix.close(self._life)
        posix.close(self._out)
        if not _gone_within(self._pid, _TO_GO):
            try:
                posix.kill(self._pid, 9)
            except OSError:
                return
            if not _gone_within(self._pid, _TO_DIE):
                _abandoned.append(self._pid)


def spawn_detached(argv: "Sequence[str]", environ: "Mapping[bytes, bytes]") -> None:
    """Start a process that outlives us and holds nothing of ours; it has to call `detach`.

    Raises:
        OSError: no process can be made.
    """
    reap_abandoned()
    null: list[Action] = [(posix.POSIX_SPAWN_OPEN, fd, _NULL, posix.O_RDWR, 0) for fd in range(3)]
    # Not awaited: it forks at once and goes; until then it is a child that somebody reaps.
    _abandoned.append(_spawn(argv, environ, null))


def reap_abandoned() -> int:
    """Collect given-up children that have ended; how many have not."""
    for pid in list(_abandoned):
        if _gone(pid):
            try:
                _abandoned.remove(pid)
            except ValueError:
                pass  # another thread was quicker
    return len(_abandoned)


def become_helper(name: str) -> None:
    """First act of a helper: its own session, plain signals, and death together with its caller."""
    kernel.rename(name)
    _lead_session()
    _plain_signals()
    # When the caller's end of the pipe closes the kernel sends SIGIO, whose default is to end us:
    # that also works in the middle of a call that never returns to Python.
    fcntl.fcntl(0, fcntl.F_SETOWN, posix.getpid())
    flags = fcntl.fcntl(0, fcntl.F_GETFL)
    fcntl.fcntl(0, fcntl.F_SETFL, flags | posix.O_ASYNC | posix.O_NONBLOCK)
    try:
        posix.read(0, 1)
    except BlockingIOError:
        return
    posix._exit(1)  # he had gone before we listened


def hush() -> None:
    """Second act of a helper that loads what others wrote: its caller hears `say` alone.

    A library that prints something must not be taken at its word.
    """
    _caller.append(fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3))
    null = posix.open(_NULL, posix.O_WRONLY | posix.O_CLOEXEC)
    posix.dup2(null, 1)
    posix.close(null)


def say(data: bytes) -> None:
    """What a helper tells its caller. Raises OSError."""
    files.write_all(_caller[-1], data)


def detach(name: str) -> None:
    """First act of a process that stays: no child of the caller, no session leader, no place."""
    _lead_session()
    if posix.fork():
        posix._exit(0)
    posix.chdir("/")
    kernel.rename(name)
    _plain_signals()


def _lead_session() -> None:
    try:
        posix.setsid()
    except OSError:
        pass  # the spawn did it


def _plain_signals() -> None:
    import _signal

    for number in (_signal.SIGINT, _signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)


def _spawn(argv: "Sequence[str]", environ: "Mapping[bytes, bytes]", actions: "list[Action]") -> int:
    if not argv[0]:
        raise OSError(2, "this process does not know its interpreter")
    words = [files.encode(word) for word in argv]
    actions = actions + [(posix.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable()]
    try:
        return posix.posix_spawn(
            words[0], words, environ, file_actions=actions, setsid=True,
            setsigmask=(), setsigdef=_SIGNALS,
        )  # fmt: skip
    except NotImplementedError:  # an old C library: the child does it itself, a moment later
        return posix.posix_spawn(
            words[0], words, environ, file_actions=actions, setsigmask=(), setsigdef=_SIGNALS
        )


def _inheritable() -> "list[int]":
    """Descriptors above 2 that a child would inherit."""
    found = []
    try:
        names = posix.listdir("/proc/self/fd")
    except OSError:
        return []
    for name in names:
        try:
            if int(name) > 2 and posix.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            pass  # the listing's own, or closed by another thread
    return found


def _readable(fd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _gone(pid: int) -> bool:
    try:
        return posix.waitpid(pid, posix.WNOHANG)[0] == pid
    except ChildProcessError:
        return True  # somebody else reaped it


def _gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not _gone(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True
