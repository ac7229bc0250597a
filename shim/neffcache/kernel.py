"""Ground: what this process is to the kernel: its name and its prctl switches."""

import posix

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def rename(name: str) -> None:
    """Set the process's name as ps and pgrep show it; failing to changes nothing."""
    try:
        fd = posix.open("/proc/self/comm", posix.O_WRONLY | posix.O_CLOEXEC)
    except OSError:
        return
    try:
        posix.write(fd, name.encode())
    except OSError:
        pass
    finally:
        posix.close(fd)


def load_prctl() -> "Callable[[int, int], None]":
    """A function prctl(option, argument); one that does nothing where ctypes is missing."""
    try:
        import ctypes

        library = ctypes.CDLL(None)
        call = library.prctl
    except (ImportError, OSError, AttributeError):
        return lambda _option, _argument: None

    def prctl(option: int, argument: int) -> None:
        call(option, argument, 0, 0, 0)

    return prctl
