"""World: reads the journal back: its lines, the counts over all time, rotation, set to zero."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from neffcache import files, journal, locks

TOTALS = "totals.json"
ZERO = "zero.json"
LOCK = "rotate.lock"
# A file is recognised by the beginning of its first line, which holds a time and a process.
_HEAD = 4096
_LIMIT = 1 << 20
_TRIES = 5
_AMOUNTS = ("saved_seconds", "compile_seconds", "bytes")


@dataclass(frozen=True)
class Counts:
    """What the journal adds up to.

    Attributes:
        outcomes, notes: how often each id occurred; ids that never did are absent.
        saved_seconds: compile time that hits saved; compile_seconds: spent in the compiler.
        bytes: sum of the sizes of the NEFFs answered and made.
        since: time of the first call counted (seconds since 1970), 0 when there is none.
    """

    outcomes: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    saved_seconds: float = 0.0
    compile_seconds: float = 0.0
    bytes: int = 0
    since: float = 0.0


def records(directory: str) -> Iterator[dict[str, Any]]:
    """Every call that the journal still holds, the newest last.

    Torn and foreign lines are left out: each record is an object with a text `outcome`.

    Raises:
        OSError: the journal is there but cannot be read.
    """
    current, old = _open_pair(directory)
    for file in (old, current):
        if file is not None:
            with file:
                yield from _records(file)


def counts(directory: str) -> Counts:
    """What has been counted since the last `zero`.

    Raises:
        OSError: the journal is there but cannot be read.
    """
    return _difference(_cumulative(directory), _load(directory, ZERO))


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
    (by its first line), so no reader and no later rotation counts it again. What can be lost is a
    line by a process that held a file open over two rotations.

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
            total = _load(directory, TOTALS)
            if _head(old) != total.get("folded"):
                made = _add(_counts(total), _sum(_records(old)))
                _save(directory, TOTALS, asdict(made) | {"folded": _head(old)})
    if _grown(path):
        os.rename(path, old_path)


def _grown(path: str) -> bool:
    state = files.state(path)
    return state is not None and state[2] > journal.ROTATE_AT


def _cumulative(directory: str) -> Counts:
    """Counts over all time; read again when a rotation came in between."""
    made = Counts()
    for _ in range(_TRIES):
        before = _generation(directory)
        current, old = _open_pair(directory)
        total = _load(directory, TOTALS)
        made = _counts(total)
        for file in (old, current):
            if file is not None:
                with file:
                    # Counted already, by a rotation that was killed before its last step.
                    if file is not old or _head(file) != total.get("folded"):
                        made = _add(made, _sum(_records(file)))
        if _generation(directory) == before:
            break
    return made


def _generation(directory: str) -> list[tuple[int, int]]:
    names = (journal.NAME, journal.OLD, TOTALS)
    states = (files.state(files.join(directory, name)) for name in names)
    return [state[:2] if state else (0, 0) for state in states]


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


def _records(file: BinaryIO) -> Iterator[dict[str, Any]]:
    for line in file:
        try:
            made = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError):
            continue
        if isinstance(made, dict) and isinstance(made.get("outcome"), str):
            yield made


def _no_number(text: str) -> float:
    raise ValueError(text)


def _sum(found: Iterator[dict[str, Any]]) -> Counts:
    outcomes: dict[str, int] = {}
    notes: dict[str, int] = {}
    amounts = dict.fromkeys(_AMOUNTS, 0.0)
    since = 0.0
    for record in found:
        outcomes[record["outcome"]] = outcomes.get(record["outcome"], 0) + 1
        for name in note_ids(record):
            notes[name] = notes.get(name, 0) + 1
        for name in _AMOUNTS:
            amounts[name] += number(record.get(name))
        since = since or number(record.get("time"))
    saved, spent, size = amounts.values()
    return Counts(outcomes, notes, saved, spent, int(size), since)


def note_ids(record: Mapping[str, Any]) -> list[str]:
    """The ids of a record's notes; what is malformed is left out."""
    notes = record.get("notes")
    rows = notes if isinstance(notes, list) else []
    return [row[0] for row in rows if isinstance(row, list) and row and isinstance(row[0], str)]


def number(value: object) -> float:
    """A number from a foreign line, 0 when it is none or beyond reason."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if -1e15 < value < 1e15 else 0.0


def _add(one: Counts, two: Counts) -> Counts:
    return Counts(
        _added(one.outcomes, two.outcomes),
        _added(one.notes, two.notes),
        one.saved_seconds + two.saved_seconds,
        one.compile_seconds + two.compile_seconds,
        one.bytes + two.bytes,
        one.since or two.since,
    )


def _added(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + two.get(name, 0) for name in one | two}


def _difference(now: Counts, zeroed: Mapping[str, Any]) -> Counts:
    """What came after a snapshot; never below zero, should the journal have been removed."""
    if not zeroed:
        return now
    then = _counts(zeroed)
    return Counts(
        _left(now.outcomes, then.outcomes),
        _left(now.notes, then.notes),
        max(now.saved_seconds - then.saved_seconds, 0.0),
        max(now.compile_seconds - then.compile_seconds, 0.0),
        max(now.bytes - then.bytes, 0),
        number(zeroed.get("taken")) or now.since,
    )


def _left(now: dict[str, int], then: dict[str, int]) -> dict[str, int]:
    left = {name: count - then.get(name, 0) for name, count in now.items()}
    return {name: count for name, count in left.items() if count > 0}


def _counts(data: Mapping[str, Any]) -> Counts:
    return Counts(
        _whole(data.get("outcomes")),
        _whole(data.get("notes")),
        number(data.get("saved_seconds")),
        number(data.get("compile_seconds")),
        int(number(data.get("bytes"))),
        number(data.get("since")),
    )


def _whole(rows: object) -> dict[str, int]:
    found = rows.items() if isinstance(rows, dict) else ()
    return {name: int(number(count)) for name, count in found}


def _load(directory: str, name: str) -> dict[str, Any]:
    """A file of counts; {} when it is not there or not one."""
    try:
        made = json.loads(files.read(files.join(directory, name), _LIMIT))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return made if isinstance(made, dict) else {}


def _save(directory: str, name: str, data: dict[str, Any]) -> None:
    files.publish(files.join(directory, name), json.dumps(data).encode() + b"\n", sync=True)
