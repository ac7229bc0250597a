"""Noun: whether a failed compile's log tells of the host, not of the graph; sets it aside."""

import posix

from neffcache import files
from neffcache.native import names

# What the shim writes when a hit was required: nothing was compiled at all.
MARK = b"[NEFFCACHE-MISS]"
MISS = "a hit was required, nothing was compiled"
_MEMORY, _KILLED = "out of memory", "killed"
_INTERRUPTED, _DISK = "interrupted", "no space left on the disk"
# Of a log that is longer: so much of its beginning and twice of its end.
_PART = 512 << 10
_ASIDE = "model.log.neffcache"
_KEPT = 50

# Words of commands and paths say nothing of what happened: they are taken out first.
_ARGUMENTS = rb"\[(?:'[^'\n]*'(?:, )?)+\]"
# The compiler has made up its mind about the graph: NCC_EVRF059, [NLA001]; not F137, a status.
_CODE = rb"\bNCC_(?!F\d)[A-Z]{1,6}\d+|\[(?!F\d)[A-Z]{2,6}\d{3}\]"
_HARMLESS = rb"\b(?:WARN|WARNING|INFO|DEBUG)\b"
# Memory of the device is as large on every host.
_DEVICE = rb"(?i)\b(?:HBM|SBUF|PSUM|DRAM|scratchpad|device|neuron ?core|partition|tensors?)\b"
_STATUS = (
    rb"(?i)(?:\b(?:exit(?:ed)?|status|code|exitcode|retcode|returned|(?:failed|died) with)\b"
    rb"(?:[ :=(]|with|code|status|signal)*)"
)
_END = rb"(?!\w|\.\d|\s+times\b)"
# Beyond doubt, even in the message of a code.
_CERTAIN = (
    (_MEMORY, rb"\bbad_alloc\b|(?:^|[\s.'\"])(?:_Array)?MemoryError\b"),
    (_MEMORY, rb"(?i:cannot allocate memory)|Errno 12\b"),
    (_DISK, rb"(?i:no space left on device)|\bENOSPC\b|Errno 28\b|(?i:disk quota exceeded)"),
)
_SIGNS = (
    (_MEMORY, rb"\bF137\]|(?i:forcibly killed)|(?i:insufficient (?:system |host )?memory)"),
    (_MEMORY, rb"(?i:\boom[- _]?kill(?:ed|er)?\b)|(?i:virtual memory exhausted)"),
    (_MEMORY, rb"(?i:\b(?:ran )?out of (?:system |host )?memory\b)"),
    (_INTERRUPTED, rb"^\s*KeyboardInterrupt\b|\bSIG(?:INT|TERM|HUP)\b|\bF(?:130|143)\]"),
    (_INTERRUPTED, _STATUS + rb"(?:-15|-2|143|130)" + _END),
    (_INTERRUPTED, rb"(?i:\bsignal[: ]+(?:15|2|1)\b)|^\s*Terminated\s*$|: Terminated\s*$"),
    (_KILLED, rb"\bSIGKILL\b|(?i:\bsignal[: ]+9\b)|^\s*Killed\s*$|(?::|\s\d+)\s+Killed\b"),
    (_KILLED, _STATUS + rb"(?:-9|137)" + _END),
)  # fmt: skip


def judge(log_text: bytes) -> str:
    """Why the next try may well succeed, from the log of a failed compile; "" when it will not.

    What the compiler says of the graph, by a code of its own, is no reason to try again.
    """
    import re

    if MARK in log_text:
        return MISS
    found = ""
    for line in re.sub(_ARGUMENTS, b" ", log_text).split(b"\n"):
        line = _plain(line)
        certain = _first(_CERTAIN, line)
        if has_code(line) and not certain:
            return ""
        found = found or certain or _first(_SIGNS, line)
    return found


def has_code(line: bytes) -> bool:
    """Whether the compiler says something of the graph here, by a code of its own."""
    import re

    return bool(re.search(_CODE, line) and not re.search(_HARMLESS, line))


def _plain(line: bytes) -> bytes:
    """A line without options and paths; blanks stay as they are."""
    words = line.split(b" ")
    return b" ".join(b"" if b"/" in word or _is_option(word) else word for word in words)


def _is_option(word: bytes) -> bool:
    return word[:1] == b"-" and word.lstrip(b"-")[:1].isalpha()


def read(directory: str) -> "bytes | None":
    """The log of an entry that failed; None when it has none, or has its result all the same.

    Raises:
        OSError: it cannot be read.
    """
    try:
        fd = files.open_read(f"{directory}/{names.LOG}")
    except FileNotFoundError:
        return None
    try:
        found = posix.fstat(fd)
        if not files.is_regular(found.st_mode) or _succeeded(directory):
            return None
        data = posix.pread(fd, _PART, 0)
        if found.st_size > _PART:
            data += b"\n" + posix.pread(fd, 2 * _PART, max(found.st_size - 2 * _PART, _PART))
        return data
    finally:
        posix.close(fd)


def set_aside(directory: str, archive: str = "") -> bool:
    """Take the log of a failed compile out of its entry, which counts as empty then.

    Args:
        archive: the directory of ours that keeps the last ones; what lies beside an entry is
            pushed by others. "" (or one that cannot be written): it stays there, by a name that
            libneuronxla does not look at.

    Raises:
        OSError: it cannot be done, and the log is where it was.
    """
    path = f"{directory}/{names.LOG}"
    aside = f"{directory}/{_ASIDE}"
    try:
        posix.rename(path, aside)
    except FileNotFoundError:
        return False
    if archive and _archived(aside, archive):
        files.discard(aside)
    return True


def _archived(path: str, archive: str) -> bool:
    try:
        fd = files.open_read(path)
        try:
            data = posix.pread(fd, 2 * _PART, 0)
        finally:
            posix.close(fd)
        files.make_directories(archive)
        name = files.digest(files.encode(path) + data)[:32]
        files.publish(f"{archive}/{name}.log", files.encode(path) + b"\n" + data)
        _thin(archive)
    except OSError:
        return False
    return True


def _thin(archive: str) -> None:
    """Keep the newest."""
    found = [f"{archive}/{name}" for name in posix.listdir(archive) if name.endswith(".log")]
    if len(found) > _KEPT:
        found.sort(key=lambda path: posix.stat(path).st_mtime)
        for path in found[:-_KEPT]:
            files.discard(path)


def _succeeded(directory: str) -> bool:
    return all(files.mode(f"{directory}/{name}") for name in (names.NEFF, names.DONE))


def _first(signs: "tuple[tuple[str, bytes], ...]", line: bytes) -> str:
    import re

    for reason, pattern in signs:
        if re.search(pattern, line):
            if reason == _MEMORY and re.search(_DEVICE, line) and signs is _SIGNS:
                continue
            return reason
    return ""
