"""World: what this machine can swear to: when it booted, and whether a file is on its own disk."""

import posix
import time

from neffcache import files

# File systems whose files no other machine can have open. Not overlay: what lies below may be far.
LOCAL = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "jfs", "reiserfs"))
# In memory: no time in them is older than the boot, but for a clock that was moved since.
_FLEETING = ("tmpfs", "devtmpfs", "devpts", "ramfs", "mqueue", "hugetlbfs", "cgroup2")
# Looked for only where no dead mount can lie on the way.
_SYSTEM = (["dev"], ["run"], ["sys"], ["tmp"])
_MOST = 30
_LIMIT = 4 << 20
_FIRST_CLOCK = "time:[4026531834]"
# The clock at the boot is known to the second, and put right by a little soon after.
TOLERANCE = 30.0


def local_reason(fd: int) -> str:
    """Why processes of other machines may use an open file; "" when they cannot."""
    return far_reason(mount_type(*_mounts(fd)), _text("/proc/filesystems"))


def far_reason(kind: str, known: str) -> str:
    """The same, of a type of file system, and /proc/filesystems."""
    if kind not in LOCAL:
        return f"it is on {kind}" if kind else "nobody knows on what file system it is"
    if kind not in known.split():
        return "nobody knows whether this machine serves files to others"
    return "this machine can serve its files to others (nfsd)" if "nfsd" in known.split() else ""


def mount_type(mountinfo: str, number: str) -> str:
    """The type of the file system that is mounted under a number; "" when it is not listed."""
    for line in mountinfo.split("\n"):
        head, _, tail = line.partition(" - ")
        if number and head.split(" ", 1)[0] == number:
            return tail.partition(" ")[0]
    return ""


def booted() -> "tuple[float, str]":
    """(seconds since the epoch, "") of the boot; or (0.0, why nobody can tell)."""
    try:
        if posix.readlink("/proc/self/ns/time") != _FIRST_CLOCK:
            return 0.0, "this process has a clock of its own (a time namespace)"
    except FileNotFoundError:
        pass  # a kernel with one clock for all
    except OSError as error:
        return 0.0, f"the clock cannot be asked ({error.strerror})"
    boot = time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_BOOTTIME)
    return boot, moved(boot, witnesses())


def moved(boot: float, seen: "list[float]") -> str:
    """Why a boot's time is not to be believed: times of this very boot lie before it."""
    if any(time_of < boot - TOLERANCE for time_of in seen):
        return "the clock has been put forward since the boot"
    return ""


def witnesses() -> "list[float]":
    """Times by the clock, each taken since the boot: of files that are only in memory."""
    found: list[float] = []
    for point in fleeting(_text("/proc/self/mountinfo"))[:_MOST]:
        found += _times(point)
    return [one for one in found if one > 0]


def fleeting(mountinfo: str) -> "list[str]":
    """Where the system's own file systems in memory are mounted."""
    found = []
    for line in mountinfo.split("\n"):
        head, _, tail = line.partition(" - ")
        point = "".join(head.split(" ")[4:5])
        if tail.partition(" ")[0] in _FLEETING and point.split("/")[1:2] in _SYSTEM:
            found.append(point.replace("\\040", " "))
    return found


def _times(directory: str) -> "list[float]":
    """Of a directory and what stands in it. Only the change time: no program can set that."""
    try:
        names = ["", *posix.listdir(directory)[:100]]
    except OSError:
        return []
    found = []
    device = None
    for name in names:
        try:
            state = posix.lstat(f"{directory}/{name}")
        except OSError:
            continue
        device = state.st_dev if device is None else device
        if state.st_dev == device:  # not what is mounted upon it
            found.append(state.st_ctime)
    return found


def _mounts(fd: int) -> "tuple[str, str]":
    """(mountinfo, the number of the mount through which a file was opened)."""
    for line in _text(f"/proc/self/fdinfo/{fd}").split("\n"):
        if line.startswith("mnt_id:"):
            return _text("/proc/self/mountinfo"), line.split()[1]
    return "", ""


def _text(path: str) -> str:
    try:
        return files.read(path, _LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""
