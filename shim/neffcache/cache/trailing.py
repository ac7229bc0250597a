"""Whole: the digest of a file that is still being written, made behind whoever writes it."""

import posix

from neffcache import files

# Less is hashed in one go when it is there: a thread costs more.
_LARGE = 8 << 20
# To wake a thread for less costs more than that it begins late.
_STEP = 4 << 20
# How often whoever waits for the end is told that it is being worked on.
_TICK = 0.1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Trailing:
    """SHA-256 of a file, behind the bytes that stand in it for good.

    The writer says how far it is with `arrived`; `finish` reads what is left, and what stands there
    beyond that. A writer that begins again, or puts another file in its place, costs a second
    reading.
    """

    def __init__(self, path: str, size: int) -> None:
        """Nothing is read yet.

        Args:
            size: about as many bytes are expected.
        """
        self._path = path
        self._size = size
        self._count = 0
        self._behind: _Behind | None = None

    def arrived(self, count: int) -> None:
        """So many bytes stand in the file, from its beginning. Raises OSError."""
        if count < self._count:
            self.stop()
        self._count = count
        if self._behind is None and self._size >= _LARGE and count:
            self._behind = _Behind(self._path, self._size)
        if self._behind is not None:
            self._behind.go(count)

    def finish(self, tick: "Callable[[], None]") -> "tuple[int, str]":
        """(bytes, SHA-256) of the file as it stands at the path now. Raises OSError.

        Args:
            tick: called again and again while work goes on; may raise.
        """
        behind, self._behind = self._behind, None
        if behind is None:
            return hash_file(self._path, tick)
        try:
            found = behind.finish(tick)
        finally:
            behind.close()
        return hash_file(self._path, tick) if found is None else found

    def stop(self) -> None:
        """No digest is wanted any more."""
        behind, self._behind = self._behind, None
        if behind is not None:
            behind.close()


class _Behind:
    """A thread that hashes a file up to where it may."""

    def __init__(self, path: str, size: int) -> None:
        import threading
        from _queue import SimpleQueue

        self._path = path
        self._fd = files.open_read(path)
        self._made = files.new_hash(size)
        self._at = self._told = 0
        self._ended = False
        self._problem: OSError | None = None
        self._goals: SimpleQueue[int] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def go(self, count: int) -> None:
        """Up to here the bytes stay as they are."""
        if count - self._told >= _STEP:
            self._told = count
            self._goals.put(count)

    def finish(self, tick: "Callable[[], None]") -> "tuple[int, str] | None":
        """(bytes, SHA-256); None when another file stands at the path now."""
        self._goals.put(1 << 62)
        while self._thread.is_alive():
            tick()
            self._thread.join(_TICK)
        if self._problem is not None:
            raise self._problem
        mine, there = posix.fstat(self._fd), posix.stat(self._path)
        if (mine.st_dev, mine.st_ino, mine.st_size) != (there.st_dev, there.st_ino, self._at):
            return None
        return self._at, self._made.hexdigest()

    def close(self) -> None:
        """End the thread, wherever it is."""
        self._ended = True
        self._goals.put(0)
        self._thread.join()
        posix.close(self._fd)

    def _work(self) -> None:
        buffer = memoryview(bytearray(files.CHUNK))
        try:
            while not self._ended:
                goal = self._goals.get()
                if not self._catch_up(goal, buffer):
                    return
        except OSError as error:
            self._problem = error

    def _catch_up(self, goal: int, buffer: memoryview) -> bool:
        """Hash up to a goal; False when the file ends before."""
        while self._at < goal and not self._ended:
            count = posix.preadv(self._fd, [buffer[: goal - self._at]], self._at)
            if not count:
                return False
            self._made.update(buffer[:count])
            self._at += count
        return True


def hash_file(path: str, tick: "Callable[[], None]") -> "tuple[int, str]":
    """(bytes, SHA-256) of a file."""
    fd = files.open_read(path)
    try:
        made = files.new_hash(posix.fstat(fd).st_size)
        size = 0
        while part := posix.read(fd, files.CHUNK):
            made.update(part)
            size += len(part)
            tick()
    finally:
        posix.close(fd)
    return size, made.hexdigest()
