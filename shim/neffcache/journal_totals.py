"""World: reads the journal back: its lines, the counts over all time, rotation, set to zero."""

import errno
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, BinaryIO

from neffcache import files, journal, journal_counts, locks
from neffcache.journal_counts import Counts

TOTALS = "totals.json"
ZERO = "zero.json"
LOCK = "rotate.lock"
# A file is recognised by the beginning of its first line, which holds a time and a process.
_HEAD = 4096
_LIMIT = 1 << 20
_TRIES = 20
# So often its limit may the journal grow while a writer still holds the old file open.
_PATIENCE = 4


def records(directory: str) -> Iterator[dict[str, Any]]:
    """Every call that the journal still holds, the newest last.

    Torn and foreign lines are left out: each record is an object with a text `outcome`; so are
    those of the uploader, which have an empty one.

    Raises:
        OSError: the journal is there but cannot be read.
    """
    current, old = _open_pair(directory)
    for file in (old, current):
        if file is not None:
            with file:
                yield from (record for record in _records(file) if record["outcome"])


def counts(directory: str) -> Counts:
    """What has been counted since the last `zero`.

    Raises:
        OSError: the journal is there but cannot be read.
    """
    return journal_counts.difference(_cumulative(directory), _load(directory, ZERO))


def of_job(directory: str, job: str) -> Counts:
    """What the calls of one job add up to, as far as the journal still holds them.

    Raises:
        OSError: the journal is there but cannot be read.
    """
    mark = journal.dump(job).encode()
    made = Counts()
    for file in _open_pair(directory):
        if file is not None:
            with file:
                lines = _records(line for line in file if mark in line)
                found = journal_counts.total(one for one in lines if one.get("job") == job)
                made = journal_counts.add(made, found)
    return made


def zero(directory: str) -> None:
    """Start counting anew. What was counted is remembered, not erased.

    Raises:
        OSError: the journal's directory cannot be written.
    """
    if os.path.isdir(directory):
        _save(directory, ZERO, asdict(_cumulative(directory)) | {"taken": time.time()})


def rotate(directory: str) -> None:
    """Put the grown journal aside as the old one, whose lines before that become mere counts.

    One process rotates, under a lock; others go on appending, and a line that is late for its
    file lands in the old one, which is read as well. Killed before the counts are written,
    nothing has happened. Killed between them and the renaming, the counts name the file they hold
    (by its first line), so no reader and no later rotation counts it again. As long as somebody
    has the old file open for writing it is left alone; a line is lost only when its writer stops
    between open and write until the journal has grown to four times its limit.

    Raises:
        OSError: the directory cannot be written.
    """
    try:
        lock = locks.try_lock(files.join(directory, LOCK))
    except locks.NoLocks:
        _rotate(directory)  # the size is looked at again just before the renaming
        return
    if lock is not None:
        try:
            _rotate(directory)
        finally:
            lock.release()


def _rotate(directory: str) -> None:
    path, old_path = (files.join(directory, name) for name in (journal.NAME, journal.OLD))
    if not _grown(path):
        return  # another process was quicker
    old = _open(old_path)
    if old is not None:
        with old:
            if not _grown(path, _PATIENCE) and _has_writers(old):
                return
            total = _load(directory, TOTALS)
            if _head(old) != total.get("folded"):
                before = journal_counts.from_data(total)
                made = journal_counts.add(before, journal_counts.total(_records(old)))
                _save(directory, TOTALS, asdict(made) | {"folded": _head(old)})
    if _grown(path):
        os.rename(path, old_path)


def _grown(path: str, times: int = 1) -> bool:
    state = files.state(path)
    return state is not None and state[2] > journal.ROTATE_AT * times


def _has_writers(file: BinaryIO) -> bool:
    """Whether a process of this host has a file open for writing: the kernel grants a read lease
    only on files that nobody has. False where there are no leases."""
    try:
        # Should somebody open it just now the kernel tells us, by a signal that does nothing.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    return False


def _cumulative(directory: str) -> Counts:
    """Counts over all time; read again when a rotation came in between."""
    made = Counts()
    for _ in range(_TRIES):
        before = _generation(directory)
        current, old = _open_pair(directory)
        total = _load(directory, TOTALS)
        made = journal_counts.from_data(total)
        for file in (old, current):
            if file is not None:
                with file:
                    # Counted already, by a rotation that was killed before its last step.
                    if file is not old or _head(file) != total.get("folded"):
                        made = journal_counts.add(made, journal_counts.total(_records(file)))
        if _generation(directory) == before:
            break
    return made


def _generation(directory: str) -> list[tuple[int, ...]]:
    """What a rotation changes; inode numbers alone come back after two."""
    current = files.state(files.join(directory, journal.NAME))
    others = (files.state(files.join(directory, name)) for name in (journal.OLD, TOTALS))
    return [current[:2] if current else (), *(state or () for state in others)]


def _open_pair(directory: str) -> tuple[BinaryIO | None, BinaryIO | None]:
    """The current and the old file, as they stood together: without a rotation in between, which
    would hide one or show one twice."""
    path = files.join(directory, journal.NAME)
    pair = _open_both(path, files.join(directory, journal.OLD))
    for _ in range(_TRIES):
        if not _was_rotated(pair[0], path):
            break
        for file in pair:
            if file is not None:
                file.close()
        pair = _open_both(path, files.join(directory, journal.OLD))
    return pair


def _open_both(path: str, old_path: str) -> tuple[BinaryIO | None, BinaryIO | None]:
    current = _open(path)
    try:
        return current, _open(old_path)
    except OSError:
        if current is not None:
            current.close()
        raise


def _was_rotated(current: BinaryIO | None, path: str) -> bool:
    """Whether another file stands at the path than the one that was opened there."""
    state = files.state(path)
    if current is None or state is None:
        return (current is None) != (state is None)
    opened = os.fstat(current.fileno())
    return (opened.st_dev, opened.st_ino) != state[:2]


def _open(path: str) -> BinaryIO | None:
    try:
        return open(files.open_read(path), "rb")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _head(file: BinaryIO) -> str:
    data = os.pread(file.fileno(), _HEAD, 0)
    return files.digest(data.partition(b"\n")[0])


def _records(file: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in file:
        try:
            made = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError):
            continue
        if isinstance(made, dict) and isinstance(made.get("outcome"), str):
            yield made


def _no_number(text: str) -> float:
    raise ValueError(text)


def _load(directory: str, name: str) -> dict[str, Any]:
    """A file of counts; {} when it is not there or not one."""
    try:
        made = json.loads(files.read(files.join(directory, name), _LIMIT))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return made if isinstance(made, dict) else {}


def _save(directory: str, name: str, data: dict[str, Any]) -> None:
    files.publish(files.join(directory, name), json.dumps(data).encode() + b"\n", sync=True)
