"""Door: where the faults of our own end that must not stop a job: one line each, told once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from neffcache import locks
from neffcache.cli import text
from neffcache.cli.usage import Usage
from neffcache.errors import NeffcacheError

if TYPE_CHECKING:
    from collections.abc import Callable


class Guard:
    """Runs steps whose fault changes nothing for the command.

    Attributes:
        problems: what went wrong and has not been told yet, one line each.
    """

    def __init__(self, *, strict: bool) -> None:
        """With `strict` an unexpected fault is raised: for tests."""
        self._strict = strict
        self._told: set[str] = set()
        self.problems: list[str] = []

    def __call__(self, step: Callable[[], object]) -> bool:
        """Run a step; False when it failed."""
        try:
            step()
        except OSError as error:
            self.note(_words(error))
        except (NeffcacheError, Usage, locks.NoLocks) as error:
            self.note(str(error))
        except Exception as error:  # the law: a fault of ours never stops the command
            if self._strict:
                raise
            self.note(f"unexpected fault ({type(error).__name__}: {error})")
        else:
            return True
        return False

    def note(self, problem: str) -> None:
        """Keep a line for `tell`."""
        if problem not in self._told:
            self._told.add(problem)
            self.problems.append(problem)

    def tell(self) -> None:
        """Say what has been noted since."""
        for problem in self.problems:
            say(problem)
        self.problems.clear()


def say(line: str) -> None:
    """One line on standard error; that nobody listens changes nothing."""
    try:
        os.write(2, f"neffcache: {text.safe(line)}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def _words(error: OSError) -> str:
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
    return f"{name}: {error.strerror}" if name else str(error.strerror or error)
