"""Ground: a child that stands to our caller as we do: same group, every signal handed on."""

import _signal
import posix

from neffcache import become, kernel

# The kernel itself sent it, to the whole foreground group: the child has it already.
_SI_KERNEL = 0x80
_FROM_TERMINAL = frozenset((
    _signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTSTP, _signal.SIGTTIN,
    _signal.SIGTTOU, _signal.SIGWINCH, _signal.SIGCONT,
))  # fmt: skip
_STOPS = frozenset((_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[[], None]
    Hear = Callable[[int], None]


def all_signals() -> "set[int]":
    """Every signal that can wait."""
    return _signal.valid_signals() - {_signal.SIGKILL, _signal.SIGSTOP}


def run(
    start: "Start", mask: "set[int] | None" = None, hear: "Hear | None" = None
) -> "tuple[int, int]":
    """Run a child to its end, forwarding signals: (status or minus signal, peak bytes).

    The child keeps our process group, session, descriptors, umask, limits, ignored and blocked
    signals; it dies when we do.

    Args:
        start: becomes the program, in the child; never returns.
        mask: the signals that the child has blocked; None: those that are blocked now.
        hear: is told each signal that came to us, once it has been handed on. With it also the
            children are reaped that others left to us: we may be a container's first process.

    Raises:
        OSError: no process could be made.
    """
    prctl = kernel.load_prctl()  # before the fork: nothing is imported behind it
    everything = all_signals()
    # A caller that ignores SIGCHLD would take our child's status away; the child ignores it too.
    ignored = _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL) == _signal.SIG_IGN
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, everything)
    mask = before if mask is None else mask
    try:
        parent = posix.getpid()
        pid = posix.fork()
        if pid == 0:
            try:
                prctl(kernel.PR_SET_PDEATHSIG, _signal.SIGKILL)
                if posix.getppid() == parent:
                    if ignored:
                        _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
                    become.default_signals()
                    _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
                    start()
            finally:
                posix._exit(127)
        return _attend(pid, _stops(mask), hear)
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


def _stops(blocked: "set[int]") -> "set[int]":
    """The signals that stop the child, and us with it: not those that our caller ignores."""
    return {n for n in _STOPS if n not in blocked and _signal.getsignal(n) == _signal.SIG_DFL}


def _attend(pid: int, stops: "set[int]", hear: "Hear | None") -> "tuple[int, int]":
    """Forward what is sent to us until the child ends."""
    everything = all_signals()
    while True:
        info = _signal.sigwaitinfo(everything)
        if info.si_signo == _signal.SIGCHLD:
            ended = _reap(pid, pid if hear is None else -1)
            if ended is not None:
                return ended
        else:
            _forward(pid, info.si_signo, info.si_code == _SI_KERNEL)
            if info.si_signo in stops:
                stop(info.si_signo)
            if hear is not None:
                hear(info.si_signo)


def _reap(pid: int, which: int) -> "tuple[int, int] | None":
    """Take in children that have ended (-1: all of them); how ours did, None when it lives."""
    found = 1
    while found:
        found, status, usage = posix.wait4(which, posix.WNOHANG)
        if found == pid:
            return _code(status), usage.ru_maxrss * 1024
    return None


def _forward(pid: int, number: int, from_kernel: bool) -> None:
    # Of a terminal that hung up the kernel tells the session's leader alone.
    alone = number == _signal.SIGHUP and posix.getsid(0) == posix.getpid()
    if alone or not (from_kernel and number in _FROM_TERMINAL):
        try:
            posix.kill(pid, number)
        except OSError:
            pass  # it ended meanwhile


def stop(number: int) -> None:
    """Stop as the child does; the kernel knows where nobody could let us go on again."""
    posix.kill(posix.getpid(), number)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {number})


def _code(status: int) -> int:
    if posix.WIFSIGNALED(status):
        return -posix.WTERMSIG(status)
    return posix.WEXITSTATUS(status)
