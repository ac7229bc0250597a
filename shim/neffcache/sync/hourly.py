"""Door: how many commits a host has made to a repository within the hour, whoever made them."""

import time

from neffcache import files, locks, remote
from neffcache.hub import names

FIRST_LINE = "neffcache-commits 1"
DIRECTORY = "commits"
_HOUR = 3600.0
_LIMIT = 64 << 10

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.store.local import Store


class Hourly:
    """The commits of the last hour to one repository, in a file of the store.

    A commit is written down before it is tried: killed in the middle it counts.
    """

    def __init__(self, store: "Store", url: str) -> None:
        spec = remote.parse(url)
        spec.location, _revision = names.split(spec.location)
        repository = f"{spec.location}\n{spec.options.get('endpoint', '')}"
        self._path = f"{store.directory(DIRECTORY)}/{files.digest(repository.encode())[:32]}"
        self._mine = 0.0

    def free(self, most: int) -> bool:
        """Whether one more is within the limit."""
        return len(self._read()) < most

    def take(self, most: int) -> bool:
        """Write one down, if it is within the limit."""
        return self._change(most, 0.0)

    def settle(self, counts: bool) -> None:
        """The commit that was taken has been tried; strike it out unless it counts."""
        if self._mine and not counts:
            self._change(0, self._mine)
        self._mine = 0.0

    def _change(self, most: int, without: float) -> bool:
        """One at a time: two uploaders with two credentials may write to one repository."""
        try:
            lock = locks.try_lock(f"{self._path}.lock")
        except (locks.NoLocks, OSError):
            return self._write(most, without)
        if lock is None:
            return False  # in a moment
        try:
            return self._write(most, without)
        finally:
            lock.release()

    def _write(self, most: int, without: float) -> bool:
        times = [one for one in self._read() if f"{one:.6f}" != f"{without:.6f}"]
        if not without:
            if len(times) >= most:
                return False
            self._mine = time.time()
            times.append(self._mine)
        text = "".join(f"{one:.6f}\n" for one in times)
        try:
            files.publish(self._path, f"{FIRST_LINE}\n{text}".encode())
        except OSError:
            return False
        return True

    def _read(self) -> "list[float]":
        """The times, seconds since the epoch; none from the future: the clock was put back."""
        try:
            lines = files.decode(files.read(self._path, _LIMIT)).split("\n")
        except OSError:
            return []
        now = time.time()
        found = []
        for line in lines[1:] if lines[0] == FIRST_LINE else ():
            try:
                if 0 <= now - float(line) < _HOUR:
                    found.append(float(line))
            except ValueError:
                continue
        return found
