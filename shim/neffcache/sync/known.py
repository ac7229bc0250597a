"""Door: which entries of a root a watch has seen to: a record that only grows, line by line."""

from neffcache import files

FIRST_LINE = "neffcache-known 1"
# Written by a watcher whose job came to its end in order.
_BEGIN, _END = "begin", "end"
MOST = 250_000
_DIGITS = 16
_LIMIT = 16 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def mark(name: str, stamp: int) -> int:
    """What stands for a file as it was made at one time (ns): made anew it has another."""
    return int(files.digest(files.encode(f"{name}\n{stamp}"))[:_DIGITS], 16)


class Known:
    """The marks of one root.

    Attributes:
        is_new: whether nobody has looked at this root for this watch before; ended: whether who
            did so last went in order, and not in the middle of a job.
    """

    __slots__ = ("_begun", "_lines", "_marks", "_path", "ended", "is_new")

    def __init__(self, path: str) -> None:
        """Read the record; a damaged line is passed over, and its entry queued again."""
        self._path = path
        self._marks: set[int] = set()
        self._lines = 0
        self._begun = False
        self.is_new, self.ended = True, False
        try:
            lines = files.read(path, _LIMIT).split(b"\n")
        except OSError:
            return
        if lines[0] == FIRST_LINE.encode():
            self.is_new = False
            self._lines = len(lines)
            self.ended = lines[-2:-1] == [_END.encode()]
            self._marks = set(_parsed(lines[1:]))

    def __contains__(self, one: int) -> bool:
        return one in self._marks

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, marks: "Iterable[int]") -> None:
        """Write down marks of what is queued; where the disk takes none, they hold for us alone."""
        new = [one for one in marks if one not in self._marks]
        self._marks.update(new)
        self._append(_text(new))
        self._lines += len(new)

    def begin(self) -> None:
        """The root has been looked at, and from now on somebody is at work."""
        if not self._begun:
            self._begun = self._append(f"{_BEGIN}\n")

    def end(self) -> None:
        """The job has ended in order."""
        self._begun = False
        self._append(f"{_END}\n")

    def shrink(self, present: "set[int]") -> None:
        """Having grown too long, forget what is not there any more."""
        if self._lines <= MOST:
            return
        self._marks &= present
        self._lines = len(self._marks)
        text = f"{FIRST_LINE}\n{_text(self._marks)}"
        try:
            files.publish(self._path, text.encode())
        except OSError:
            pass

    def _append(self, text: str) -> bool:
        try:
            if files.state(self._path) is None:
                files.make_directories(files.parent(self._path))
                text = f"{FIRST_LINE}\n{text}"
            if text:
                files.append(self._path, text.encode())
        except OSError:
            return False  # what is not in there is queued again one day, which changes nothing
        return True


def _text(marks: "Iterable[int]") -> str:
    return "".join(f"{one:0{_DIGITS}x}\n" for one in marks)


def _parsed(lines: "Iterable[bytes]") -> "Iterable[int]":
    for line in lines:
        if len(line) == _DIGITS:
            try:
                yield int(line, 16)
            except ValueError:
                continue
