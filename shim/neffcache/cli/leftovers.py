"""Door: the process that looks for locks and failures in libneuronxla's cache, for `doctor`."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neffcache import files, orphans, processes, queue, remote
from neffcache.cache import reports
from neffcache.native import names, poison
from neffcache.store.local import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "neffcache-look"
MODULE = "neffcache.cli.leftovers"
# Kinds of what is found.
HELD, ORPHAN, UNKNOWN = "held", "orphan", "unknown"
AGAIN, REPEATED = "again", "repeated"
# The helper says so often that it still works.
_EVERY = 100
_LETTERS = 160


@dataclass(frozen=True)
class Leftover:
    """A lock or the log of a failed compile.

    Attributes:
        kind: of a lock: held (its taker lives), orphan (it is dead), unknown (nobody can tell);
            of a failure: again (the host was to blame), repeated (the graph).
        path: of the file; why: in words.
    """

    kind: str
    path: str
    why: str

    @property
    def command(self) -> str:
        """Clears it by hand."""
        return f"rm -f -- {shlex.quote(self.path)}"


class Unfinished(Exception):
    """The look was given up; what was found before counts."""


def look(root: str, store: Store | None, silence: float) -> Iterator[Leftover]:
    """What lies below a root, found by a process of its own: a dead mount ignores time-outs.

    Raises:
        Unfinished: it said nothing for so many seconds, or could not go on.
    """
    command = processes.python(MODULE, root, store.path if store else "")
    try:
        helper = processes.Helper(command, dict(os.environb))
    except OSError as error:
        raise Unfinished(f"no helper process ({error})") from error
    try:
        while (line := helper.line(silence)) is not None:
            word, _, rest = line.partition(" ")
            if word == "done":
                return
            if word == "failed":
                raise Unfinished(rest)
            if word != "busy":
                path, _, why = rest.partition(" ")
                yield Leftover(word, remote.unquote(path), why)
    except processes.Silent:
        raise Unfinished(f"it is silent for {silence:g} s") from None
    finally:
        helper.stop()
    raise Unfinished("the helper process died")


def main(arguments: list[str]) -> None:
    """Look below one root: `<root> <store, or nothing>`. A line for each find, then `done`."""
    processes.become_helper(NAME)
    processes.hush()
    root, store = arguments
    try:
        for found in scan(root, Store(store) if store else None):
            line = f"{found.kind} {queue.quoted(found.path)} {' '.join(found.why.split())}\n"
            processes.say(files.encode(line))
        reports.send("done")
    except OSError as error:
        reports.send("failed", error.strerror or str(error))
    reports.end()


def scan(root: str, store: Store | None) -> Iterator[Leftover]:
    """Every lock and failure of a cache. Raises OSError when its root cannot be read."""
    number = 0
    for version in sorted(_names(root)):
        if not names.is_version(version):
            continue
        beside = f"{root}/{version}"
        for module in sorted(_names(beside)):
            number += 1
            if number % _EVERY == 0:
                reports.send("busy")
            path = f"{beside}/{module}"
            if names.is_entry(f"{version}/{module}"):
                yield from _entry(path, store)
            elif module.startswith(names.MODULE) and module.endswith(names.LOCK):
                yield _lock(path, store)


def _entry(directory: str, store: Store | None) -> Iterator[Leftover]:
    inside = _names(directory)
    for name in inside:
        if name.endswith(names.LOCK):
            yield _lock(f"{directory}/{name}", store)
    if names.LOG in inside:
        try:
            text = poison.read(directory)
        except OSError:
            return
        if text is not None:
            reason = poison.judge(text)
            kind, why = (AGAIN, reason) if reason else (REPEATED, _told(text))
            yield Leftover(kind, f"{directory}/{names.LOG}", why)


def _lock(path: str, store: Store | None) -> Leftover:
    verdict = orphans.judge(store, path)
    kind = ORPHAN if verdict.dead else HELD if verdict.alive else UNKNOWN
    return Leftover(kind, path, verdict.why)


def _told(text: bytes) -> str:
    """The line of a log that says most: with a code of the compiler's, else the last."""
    lines = [line.strip() for line in text.split(b"\n") if line.strip(b" .")]
    best = next((line for line in lines if poison.has_code(line)), lines[-1] if lines else b"")
    return " ".join(best.decode("utf-8", "replace").split())[:_LETTERS]


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
