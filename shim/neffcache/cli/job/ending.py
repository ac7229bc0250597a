"""Door: signals of a job, and the time that is left behind its command."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

from neffcache import child
from neffcache.cli.progress import Progress

if TYPE_CHECKING:
    from neffcache.cli.job.flushing import Flush
    from neffcache.cli.job.guard import Guard
    from neffcache.options import Config

_STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_ENDS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_AT_ONCE = (signal.SIGINT, signal.SIGQUIT)
_FIRST_PAUSE, _LAST_PAUSE = 0.02, 0.25
# Some send a signal to a process and again to its group: that is one.
_TWICE = 0.5
# Of the grace so much is kept for the last words: a share, and at most so many seconds.
_SHARE, _MOST = 0.1, 1.0


class Ending:
    """Hears the signals of a job, and waits behind its command for as long as it may.

    Args:
        flush: None: there is nothing to wait for.
        guard: for the steps whose fault must not stop anything.
    """

    def __init__(self, config: Config, flush: Flush | None, guard: Guard) -> None:
        self._config = config
        self._flush = flush
        self._guard = guard
        self._heard = -_TWICE  # when a signal last asked to end
        self._told_to_end = False
        self._until = float("inf")

    def hear(self, number: int) -> None:
        """A signal has come, and the command has it, too."""
        if number in _ENDS and signal.getsignal(number) != signal.SIG_IGN:
            self._is_same(time.monotonic())
            if number == signal.SIGTERM:
                self._end_soon()

    def wait(self) -> None:
        """Wait until the job's entries are sent, or the time is up, or somebody is impatient."""
        flush = self._flush
        if flush is None:
            return
        until = time.monotonic() + self._config.flush_timeout
        pause = _FIRST_PAUSE
        working = self._guard(flush.begin)
        with Progress("uploading", quiet=not _is_terminal()) as shown:
            while working and not self._is_done(flush, shown):
                left = min(until, self._until) - time.monotonic()
                if left <= 0 or self._is_told(min(pause, left)):
                    return
                pause = min(pause * 1.2, _LAST_PAUSE)

    def _is_done(self, flush: Flush, shown: Progress) -> bool:
        done: list[bool] = []
        working = self._guard(lambda: done.append(flush.is_done()))
        if working and not done[0]:
            found = flush.look()
            waiting = {key for _name, key in found.waiting}
            shown.show(len(found.sent - waiting), len(found.sent | waiting))
        return not working or done[0]

    def _is_told(self, seconds: float) -> bool:
        """Sleep; whether a signal said that waiting is to end."""
        info = signal.sigtimedwait(child.all_signals(), seconds)
        if info is None or signal.getsignal(info.si_signo) == signal.SIG_IGN:
            return False
        if info.si_signo in _STOPS:
            child.stop(info.si_signo)
        if info.si_signo not in _ENDS:
            return False
        if self._is_same(time.monotonic()):
            return False
        if info.si_signo in _AT_ONCE or self._told_to_end:
            return True
        self._end_soon()
        return False

    def _is_same(self, now: float) -> bool:
        """Whether a signal is only the echo of another."""
        if now - self._heard < _TWICE:
            return True
        self._heard = now
        return False

    def _end_soon(self) -> None:
        """The first order to end: from now the grace counts, and what waits begins to go."""
        if self._told_to_end:
            return
        self._told_to_end = True
        grace = self._config.grace
        self._until = time.monotonic() + grace - min(grace * _SHARE, _MOST)
        if self._flush is not None:
            self._guard(self._flush.begin)


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
