"""Ground: become another program, or end as one did."""

import _signal
import posix

from neffcache import kernel

CANNOT_EXEC, NOT_FOUND = 126, 127
_ENOENT = 2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def default_signals() -> None:
    """Undo what the interpreter changed at its start: it ignores these two."""
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)


def become(
    path: str,
    words: "list[str]",
    environ: "Mapping[bytes, bytes]",
    complain: "Callable[[str], None]",
) -> None:
    """Replace this process by a program; on failure end as a shell would.

    Args:
        words: what it finds as its arguments, the name it is called by first.
        complain: is told path and cause in one line when it cannot be started.
    """
    default_signals()
    try:
        posix.execve(path, words, environ)
    except OSError as error:
        complain(f"{path}: {error.strerror}")
        posix._exit(NOT_FOUND if error.errno == _ENOENT else CANNOT_EXEC)


def die(number: int) -> None:
    """End by a signal, as a child did, without a second core file."""
    _no_core()
    try:
        _signal.signal(number, _signal.SIG_DFL)
    except (OSError, ValueError):
        pass  # SIGKILL has no other disposition
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
    posix.kill(posix.getpid(), number)
    posix._exit(128 + number)  # a signal whose default is to do nothing, or the first process


def _no_core() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (ImportError, OSError, ValueError):
        pass
    # A core pattern that is a pipe does not look at the limit.
    kernel.load_prctl()(kernel.PR_SET_DUMPABLE, 0)
