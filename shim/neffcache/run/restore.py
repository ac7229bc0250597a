"""Story: where a compile's files go, and putting an entry's files there."""

import posix
import time

from neffcache import files
from neffcache.entry import index, read
from neffcache.errors import EntryError
from neffcache.invocation import WRAPPED, Bypass
from neffcache.store import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.entry.index import Member
    from neffcache.entry.read import Bundle
    from neffcache.invocation import Invocation
    from neffcache.store.local import Store


def check_places(call: "Invocation") -> None:
    """Refuse outputs that are not plain files in existing directories. Raises Bypass."""
    _check(call.output, ())
    _check(call.logfile, (0o020000,))  # a log may go to /dev/null
    if call.wrapper:
        for path in wrapped_paths(call, index.IN_BOTH):
            _check(path, ())


def _check(path: str, other_types: "tuple[int, ...]") -> None:
    try:
        mode = posix.lstat(path).st_mode
    except FileNotFoundError:
        directory = files.state(files.parent(path))
        if directory is None:
            raise Bypass("output_unreachable", path) from None
        return
    except (OSError, ValueError) as error:
        raise Bypass("output_unreachable", f"{path}: {error}") from error
    if not files.is_regular(mode) and mode & 0o170000 not in other_types:
        raise Bypass("output_special", path)


def wrapped_paths(call: "Invocation", place: str) -> "list[str]":
    """Where wrapped_neff.hlo belongs for a recorded place; each path once."""
    in_cwd = files.join(call.cwd, WRAPPED)
    beside = files.join(files.parent(call.output), WRAPPED)
    if place == index.IN_CWD or same_directory(call):
        return [in_cwd]
    return [in_cwd, beside] if place == index.IN_BOTH else [beside]


def place_file(store: "Store", output: str) -> str:
    """The file through which those who write to an output at the same time see each other."""
    state = files.state(files.parent(output))
    place = f"{state[:2] if state else ''}/{files.basename(output)}"
    return f"{store.path}/{local.LOCKS}/out.{files.digest(files.encode(place))[:32]}"


def tell_compiles(store: "Store", output: str) -> None:
    """Tell a compile that is about to keep what it finds at an output that we write there, too.

    Before the output is replaced, for those that may look at it any moment; and afterwards, for
    one that started in between. A compile that starts later sees our file as the one from before.
    """
    flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CLOEXEC
    try:
        fd = posix.open(place_file(store, output), flags)
    except OSError:
        return
    try:
        posix.write(fd, b"!")
    except OSError:
        pass
    finally:
        posix.close(fd)


def same_directory(call: "Invocation") -> bool:
    """Whether the working directory and that of the output are one."""
    here, there = files.state(call.cwd), files.state(files.parent(call.output))
    return here is not None and there is not None and here[:2] == there[:2]


def restore_all(bundle: "Bundle", call: "Invocation", key: str) -> None:
    """Put every file of the entry in its place, the NEFF last of the files a caller reads.

    Raises:
        EntryError: the bundle is damaged.
        OSError: a place cannot be written.
    """
    if call.wrapper and bundle.index.member(index.WRAPPED) is None:
        raise EntryError("wrapped_neff.hlo is missing")
    log = _open_log(call.logfile)
    try:
        for member in reversed(bundle.index.members):
            if member.role == index.LOG:
                read.pour(bundle, member, files.new_hash(member.size), log)
            else:
                for path in _targets(call, member):
                    read.restore(bundle, member, path)
        files.write_all(log, _log_line(key, bundle.index.seconds))
    finally:
        posix.close(log)


def _targets(call: "Invocation", member: "Member") -> "list[str]":
    if member.role == index.NEFF:
        return [call.output]
    return wrapped_paths(call, member.place)


def _open_log(path: str) -> int:
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC
    return posix.open(path, flags | posix.O_NOCTTY | posix.O_NONBLOCK, 0o666)


def _log_line(key: str, seconds: float) -> bytes:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return f"{stamp} neffcache: answered from {key}, compiled once in {seconds:.1f} s\n".encode()
