"""Door: become the compiler, or end as it did."""

import _signal
import posix

from neffcache import files, kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CANNOT_EXEC, _NOT_FOUND = 126, 127
_ENOENT = 2


def default_signals() -> None:
    """Undo what the interpreter changed at its start: it ignores these two."""
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)


def become(
    script: str,
    argv: "list[str]",
    environ: "Mapping[bytes, bytes]",
    say: "Callable[[bool, bytes], None]",
) -> None:
    """Replace this process by the compiler; on failure end as a shell would."""
    default_signals()
    try:
        posix.execve(script, [script, *argv], environ)
    except OSError as error:
        say(False, files.encode(f"neuronx-cc: {script}: {error.strerror}\n"))
        posix._exit(_NOT_FOUND if error.errno == _ENOENT else _CANNOT_EXEC)


def die(number: int) -> None:
    """End by a signal, as the compiler did, without a second core file."""
    _no_core()
    try:
        _signal.signal(number, _signal.SIG_DFL)
    except (OSError, ValueError):
        pass  # SIGKILL has no other disposition
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
    posix.kill(posix.getpid(), number)
    posix._exit(128 + number)  # a signal whose default is to do nothing


def _no_core() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (ImportError, OSError, ValueError):
        pass
    # A core pattern that is a pipe does not look at the limit.
    kernel.load_prctl()(kernel.PR_SET_DUMPABLE, 0)
