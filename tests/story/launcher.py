"""A caller: stands as it is told to, then becomes the program: no process lies between."""

import fcntl
import json
import os
import resource
import signal
import sys
import termios
from typing import Any

# Whatever Python, or who started the tests (a shell's background job), has done with a signal.
RESET = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


def become(told: dict[str, Any]) -> None:
    """Set everything a parent hands to a child, then exec."""
    if told["terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.umask(told["umask"])
    for name, pair in told["limits"].items():
        resource.setrlimit(getattr(resource, name), pair)
    for number in RESET:
        signal.signal(number, signal.SIG_DFL)
    for name in told["ignored"]:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, {getattr(signal, name) for name in told["blocked"]})
    if told["cwd_removed"]:
        os.rmdir(os.getcwd())
    _descriptors(told["opened"], told["closed"])
    if told["alarm"]:
        signal.setitimer(signal.ITIMER_REAL, told["alarm"])
    argv = [os.fsencode(word) for word in told["argv"]]
    environ = {os.fsencode(name): os.fsencode(value) for name, value in told["environ"].items()}
    os.execve(os.fsencode(told["program"]), argv, environ)


def _descriptors(opened: dict[str, str], closed: list[int]) -> None:
    for place, path in opened.items():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(descriptor, int(place))
        os.close(descriptor)
    for number in closed:
        os.close(number)


if __name__ == "__main__":
    become(json.loads(sys.argv[1]))
