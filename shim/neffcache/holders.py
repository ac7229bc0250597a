"""World: which process took which lock of libneuronxla: a file for each process, a line a lock."""

import _thread
import posix

from neffcache import files

DIRECTORY = "holders"
FIRST_LINE = "neffcache-holder 1"
# A head of fixed size, then lines of fixed size: a lock is noted by one small write in place.
_HEAD, _LINE = 512, 192
_LIMIT = 256 << 10
_FREE = b"free".ljust(_LINE - 1) + b"\n"
_FORGET_AFTER = 30 * 86400.0
_UNUSED_AFTER = 86400.0
_PROC = "/proc/self"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.store.local import Store


class Process:
    """A process, told apart from every other that this machine ever runs.

    Attributes:
        pid: in its PID namespace; start: in clock ticks since the boot, which no clock moves.
        pids: number of the PID namespace: one that lives has it, or none.
        clock: number of the time namespace, by which `start` is counted; "-": there is one only.
        boot: the kernel's random id of this boot.
    """

    __slots__ = ("boot", "clock", "pid", "pids", "start")

    def __init__(self, pid: int, start: int, pids: str, clock: str, boot: str) -> None:
        self.pid = pid
        self.start = start
        self.pids = pids
        self.clock = clock
        self.boot = boot

    def text(self) -> str:
        """The lines of a head."""
        made = f"{FIRST_LINE}\nprocess {self.pid} {self.start}\n"
        return made + f"namespace {self.pids} {self.clock}\nboot {self.boot}\n"


class Claim:
    """That a process took a lock, and had not let go of it when it last said anything.

    Attributes:
        device, inode, changed: of the lock file (changed: ctime in ns); name: digest of where.
    """

    __slots__ = ("changed", "device", "inode", "name", "process")

    def __init__(self, process: Process, found: "tuple[int, int, int]", name: str) -> None:
        self.process = process
        self.device, self.inode, self.changed = found
        self.name = name


def here() -> "Process | None":
    """This process; None where it cannot be told from others for certain.

    Such as below a /proc of another PID namespace, where its number means somebody else.
    """
    try:
        words = files.read(f"{_PROC}/status", _LIMIT).decode("ascii", "replace").split("\n")
        numbers = [line.split()[1:] for line in words if line.startswith("NSpid:")]
        if numbers != [[str(posix.getpid())]]:
            return None
        pids = posix.readlink(f"{_PROC}/ns/pid")
        boot = files.read("/proc/sys/kernel/random/boot_id", 64).decode("ascii").strip()
        start = started(posix.getpid())
    except (OSError, ValueError):
        return None
    return Process(posix.getpid(), start, _number(pids), _clock(), boot) if boot else None


def started(pid: int) -> int:
    """When a process started, in ticks since the boot. Raises OSError, ValueError."""
    text = files.read(f"/proc/{pid}/stat", 4096)
    # Its name stands in brackets and may hold anything; the start is the 22nd field.
    return int(text.rpartition(b")")[2].split()[19])


def note(store: "Store", lock_path: str) -> None:
    """Write down that this process has just taken a lock; never raises."""
    try:
        mine = _mine(store)
        if mine is not None:
            found = posix.lstat(lock_path)
            mine.hold(lock_path, (found.st_dev, found.st_ino, found.st_ctime_ns))
    except (OSError, ValueError):
        pass  # without it nobody can show that we died: the lock is reported, not removed


def forget(store: "Store", lock_path: str) -> None:
    """Strike it out, before the lock is let go: a line must not outlive it. Never raises."""
    mine = _files.get((posix.getpid(), store.path))
    if mine is not None:
        try:
            mine.drop(lock_path)
        except (OSError, ValueError):
            pass


def claims(store: "Store") -> "list[Claim]":
    """Every claim that stands in a store; damaged lines and files are passed over."""
    found: list[Claim] = []
    top = f"{store.path}/{DIRECTORY}"
    try:
        names = posix.listdir(top)
    except OSError:
        return []
    for name in names:
        process, rows = _read(f"{top}/{name}")
        if process is not None:
            found += [Claim(process, row[:3], row[3]) for row in rows]
    return found


def name_of(lock_path: str) -> str:
    """What stands for a lock's place: its last three names, however its root is spelled."""
    return files.digest(files.encode("/".join(lock_path.split("/")[-3:])))[:32]


class _File:
    """This process's own file; made when the first lock is taken."""

    __slots__ = ("_fd", "_held", "_identity", "_mutex", "_store", "process")

    def __init__(self, store: "Store", process: "Process | None") -> None:
        self._store = store
        self.process = process
        self._fd = -1
        self._identity = (0, 0)
        self._held: list[tuple[str, bytes] | None] = []
        self._mutex = _thread.allocate_lock()

    def hold(self, lock_path: str, found: "tuple[int, int, int]") -> None:
        line = _line(found, name_of(lock_path))
        with self._mutex:
            place = self._place(lock_path)
            self._held[place : place + 1] = [(lock_path, line)]
            self._write(place, line)

    def drop(self, lock_path: str) -> None:
        with self._mutex:
            for place, row in enumerate(self._held):
                if row is not None and row[0] == lock_path:
                    self._held[place] = None
                    self._write(place, _FREE)
                    return

    def close(self) -> None:
        """Give the descriptor back, if it is still ours; the file stays."""
        if self._is_open():
            posix.close(self._fd)
        self._fd = -1

    def _place(self, lock_path: str) -> int:
        free = len(self._held)
        for place, row in enumerate(self._held):
            if row is not None and row[0] == lock_path:
                return place
            if row is None:
                free = min(free, place)
        return free

    def _write(self, place: int, line: bytes) -> None:
        if self._is_open():
            posix.pwrite(self._fd, line, _HEAD + place * _LINE)
        else:
            self._make()

    def _is_open(self) -> bool:
        """Whether the descriptor is the file that was opened: a daemon may have closed it, and
        something else may have its number; and whether nobody has removed the file."""
        if self._fd < 0:
            return False
        try:
            found = posix.fstat(self._fd)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity and found.st_nlink > 0

    def _make(self) -> None:
        if self.process is None:
            return
        directory = self._store.directory(DIRECTORY)
        _sweep(directory, self.process)
        text = self.process.text()
        head = f"{text}end {files.digest(files.encode(text))}".encode().ljust(_HEAD - 1) + b"\n"
        name = f"{directory}/{self.process.pid}-{posix.urandom(6).hex()}"
        fd = files.above_standard(files.create(name, posix.O_RDWR | posix.O_EXCL))
        found = posix.fstat(fd)
        self._fd, self._identity = fd, (found.st_dev, found.st_ino)
        rows = [_FREE if row is None else row[1] for row in self._held]
        posix.pwrite(fd, head + b"".join(rows), 0)


# By process: a forked child has inherited what its parent holds, and holds none of it.
_files: "dict[tuple[int, str], _File]" = {}


def _mine(store: "Store") -> "_File | None":
    key = (posix.getpid(), store.path)
    mine = _files.get(key)
    if mine is None:
        for other in [one for one in list(_files) if one[0] != key[0]]:
            inherited = _files.pop(other, None)
            if inherited is not None:
                inherited.close()
        mine = _files.setdefault(key, _File(store, here()))
    return mine if mine.process is not None else None


def _sweep(directory: str, process: Process) -> None:
    """Remove what processes left that are gone and hold nothing, or of which nobody cares."""
    import time

    for name in posix.listdir(directory):
        path = f"{directory}/{name}"
        try:
            age = time.time() - posix.stat(path).st_mtime
            other, rows = _read(path)
            ours = other is not None and (other.boot, other.pids) == (process.boot, process.pids)
            if ours and other is not None and not rows and not _lives(other):
                files.discard(path)
            elif age > (_FORGET_AFTER if rows else _UNUSED_AFTER) and not ours:
                files.discard(path)
        except OSError:
            continue


def _lives(process: Process) -> bool:
    try:
        return started(process.pid) == process.start
    except (OSError, ValueError):
        return False


def _line(found: "tuple[int, int, int]", name: str) -> bytes:
    words = ["held", *map(str, found), name]
    return " ".join([*words, _check(words)]).encode().ljust(_LINE - 1) + b"\n"


def _check(words: "list[str]") -> str:
    """Against a line that is being written while somebody reads it."""
    return files.digest(" ".join(words).encode())[:16]


def _read(path: str) -> "tuple[Process | None, list[tuple[int, int, int, str]]]":
    """(the process, its locks) of a file; None when it is damaged."""
    try:
        data = files.read(path, _LIMIT)
        process = _parse(data[:_HEAD].decode("ascii"))
    except (OSError, ValueError, IndexError):
        return None, []
    rows = []
    for start in range(_HEAD, len(data), _LINE):
        words = data[start : start + _LINE].decode("ascii", "replace").split()
        if words[:1] == ["held"] and len(words) == 6 and words[5] == _check(words[:5]):
            rows.append((int(words[1]), int(words[2]), int(words[3]), words[4]))
    return process, rows


def _parse(head: str) -> Process:
    text, _, end = head.partition("end ")
    first, line, namespace, boot, _ = text.split("\n")
    if first != FIRST_LINE or end.strip() != files.digest(text.encode()):
        raise ValueError("damaged")
    pid, start = line.removeprefix("process ").split()
    pids, clock = namespace.removeprefix("namespace ").split()
    return Process(int(pid), int(start), pids, clock, boot.removeprefix("boot "))


def _number(link: str) -> str:
    """The number in a namespace's link, `pid:[4026531836]`. Raises ValueError."""
    number = link.partition("[")[2].rstrip("]")
    if not number.isdigit():
        raise ValueError(link)
    return number


def _clock() -> str:
    try:
        return _number(posix.readlink(f"{_PROC}/ns/time"))
    except FileNotFoundError:
        return "-"
