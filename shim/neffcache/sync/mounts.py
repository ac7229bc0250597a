"""Door: which file system a directory lies on, and whether the kernel tells of changes there."""

import posix

from neffcache import files, machine

# Of these every change is made by this kernel; of all others another host may be the one who
# writes, and nobody tells.
_LOCAL = frozenset((
    "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs", "reiserfs",
    "tmpfs", "xfs", "zfs",
))  # fmt: skip
_LIMIT = 4 << 20


def kind(path: str) -> str:
    """The type of the file system that a directory lies on; "" when it cannot be told."""
    try:
        fd = posix.open(path, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError:
        return ""
    try:
        facts = files.decode(files.read(f"/proc/self/fdinfo/{fd}", _LIMIT)).split()
        table = files.decode(files.read("/proc/self/mountinfo", _LIMIT))
        number = facts[facts.index("mnt_id:") + 1]
    except (OSError, ValueError, IndexError):
        return ""
    finally:
        posix.close(fd)
    return machine.mount_type(table, number)


def tells(found: str) -> bool:
    """Whether a file system of this type tells of every change."""
    return found in _LOCAL


def identity(path: str) -> "tuple[int, int] | None":
    """(device, inode) of a directory, links followed; None when there is none. Raises OSError."""
    try:
        found = posix.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (found.st_dev, found.st_ino) if files.is_directory(found.st_mode) else None
