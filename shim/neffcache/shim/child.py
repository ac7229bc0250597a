"""Door: run the real compiler as a child that stands to our caller as we do."""

import _signal
import posix
import time

from neffcache import kernel
from neffcache.run.plan import Ran
from neffcache.shim import become

# The kernel itself sent it, to the whole foreground group: the compiler has it already.
_SI_KERNEL = 0x80
_FROM_TERMINAL = frozenset((
    _signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTSTP, _signal.SIGTTIN,
    _signal.SIGTTOU, _signal.SIGWINCH, _signal.SIGCONT,
))  # fmt: skip
_STOPS = frozenset((_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def run(
    script: str,
    argv: "list[str]",
    environ: "Mapping[bytes, bytes]",
    say: "Callable[[bool, bytes], None]",
) -> Ran:
    """Run the compiler to its end, forwarding signals.

    The child keeps our process group, session, descriptors, umask, limits, ignored and blocked
    signals; it dies when we do.

    Raises:
        OSError: no process could be made: the compiler has not been started.
    """
    started = time.monotonic()
    prctl = kernel.load_prctl()  # before the fork: nothing is imported behind it
    everything = _signal.valid_signals() - {_signal.SIGKILL, _signal.SIGSTOP}
    # A caller that ignores SIGCHLD would take our child's status away; the compiler ignores it too.
    ignored = _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL) == _signal.SIG_IGN
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, everything)
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
                    _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
                    become.become(script, argv, environ, say)
            finally:
                posix._exit(127)
        kernel.rename("neffcache")
        status, peak = _attend(pid, everything, _stops(before))
        kernel.rename("neuronx-cc")
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
    return Ran(status, time.monotonic() - started, peak)


def _stops(blocked: "set[int]") -> "set[int]":
    """The signals that stop the compiler, and us with it: not those that our caller ignores."""
    return {n for n in _STOPS if n not in blocked and _signal.getsignal(n) == _signal.SIG_DFL}


def _attend(pid: int, signals: "set[int]", stops: "set[int]") -> "tuple[int, int]":
    """Forward what is sent to us until the child ends: (status or minus signal, peak bytes)."""
    while True:
        info = _signal.sigwaitinfo(signals)
        if info.si_signo == _signal.SIGCHLD:
            found, status, usage = posix.wait4(pid, posix.WNOHANG)
            if found == pid:
                return _code(status), usage.ru_maxrss * 1024
        else:
            _forward(pid, info.si_signo, info.si_code == _SI_KERNEL)
            if info.si_signo in stops:
                _stop(info.si_signo)


def _forward(pid: int, number: int, from_kernel: bool) -> None:
    # Of a terminal that hung up the kernel tells the session's leader alone.
    alone = number == _signal.SIGHUP and posix.getsid(0) == posix.getpid()
    if alone or not (from_kernel and number in _FROM_TERMINAL):
        try:
            posix.kill(pid, number)
        except OSError:
            pass  # it ended meanwhile


def _stop(number: int) -> None:
    """Stop as the compiler does; the kernel knows where nobody could let us go on again."""
    posix.kill(posix.getpid(), number)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {number})


def _code(status: int) -> int:
    if posix.WIFSIGNALED(status):
        return -posix.WTERMSIG(status)
    return posix.WEXITSTATUS(status)
