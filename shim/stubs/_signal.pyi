# The built-in module under `signal`, which typeshed does not describe: `signal` itself loads enum.
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Final

_Handler = Callable[[int, FrameType | None], Any] | int | None

SIG_DFL: Final = 0
SIG_IGN: Final = 1
SIG_BLOCK: Final = 0
SIG_UNBLOCK: Final = 1
SIG_SETMASK: Final = 2
SIGHUP: Final = 1
SIGINT: Final = 2
SIGQUIT: Final = 3
SIGKILL: Final = 9
SIGPIPE: Final = 13
SIGTERM: Final = 15
SIGCHLD: Final = 17
SIGCONT: Final = 18
SIGSTOP: Final = 19
SIGTSTP: Final = 20
SIGTTIN: Final = 21
SIGTTOU: Final = 22
SIGXFSZ: Final = 25
SIGWINCH: Final = 28

class struct_siginfo:  # noqa: N801
    si_signo: int
    si_code: int
    si_pid: int

def signal(number: int, handler: _Handler, /) -> _Handler: ...
def getsignal(number: int, /) -> _Handler: ...
def pthread_sigmask(how: int, mask: Iterable[int], /) -> set[int]: ...
def sigwaitinfo(sigset: Iterable[int], /) -> struct_siginfo: ...
def valid_signals() -> set[int]: ...
