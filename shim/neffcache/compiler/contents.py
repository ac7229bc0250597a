"""World: the files of a compiler's package held against its RECORD: which were edited in place."""

import binascii
import posix
import time

from neffcache import files
from neffcache.compiler import package
from neffcache.compiler.identity import RECORD, UNIDENTIFIED, Identity, parse_stamp, stamp
from neffcache.invocation import Bypass

STAT, CONTENT = "stat", "content"
ALTERED = "compiler altered"
MISSING = "missing"
_FIRST_LINE = "neffcache-package 1"
_MOST = 64 << 20
# What is known of a file: only that its size is right, or that its content is RECORD's; else the
# digest of what it holds instead.
_SIZE, _SAME = "size", "same"
# A file touched so lately could be touched again without its times showing it: look again.
_SETTLED = 2 * 10**9

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.compiler.identity import Stamp


class TimeIsUp(Exception):
    """Checking was given up at its deadline; carries what had been found by then."""

    def __init__(self, found: "list[Found]", looked_at: int, of: int) -> None:
        super().__init__(looked_at, of)
        self.found = found
        self.looked_at = looked_at
        self.of = of


class Found:
    """What is known of one file of the package.

    Attributes:
        name: as in RECORD, relative to the site-packages directory.
        state: as it was just before it was judged; None: not there, or not known any more.
        verdict: "size", "same", "missing", or the SHA-256 of content that is not RECORD's.
        settled: whether its state, should it be met again, stands for that content.
    """

    __slots__ = ("name", "settled", "state", "verdict")

    def __init__(self, name: str, state: "Stamp | None", verdict: str) -> None:
        self.name = name
        self.state = state
        self.verdict = verdict
        self.settled = True

    @property
    def altered(self) -> bool:
        """Whether the file is not the one that was installed."""
        return self.verdict not in (_SIZE, _SAME)

    def holds(self, now: "Stamp | None") -> bool:
        """Whether the verdict is still right for a file that is in this state now."""
        return self.state == now and (now is not None or self.verdict == MISSING)

    def line(self) -> str:
        """As it is remembered."""
        numbers = " ".join(map(str, self.state)) if self.state and self.settled else "-"
        return f"{self.verdict}\t{numbers}\t{self.name}"


class Contents:
    """What is known of all files of a package that RECORD lists as its own."""

    __slots__ = ("found", "record", "site")

    def __init__(self, site: str, record: str, found: "list[Found]") -> None:
        self.site = site
        self.record = record
        self.found = found

    def holds(self) -> bool:
        """Whether no file has been touched since it was judged."""
        return all(found.holds(stamp(f"{self.site}/{found.name}")) for found in self.found)

    def serves(self, check: str) -> bool:
        """Whether this, remembered, is enough for a mode of checking."""
        known = check == STAT or all(found.verdict != _SIZE for found in self.found)
        return known and self.holds()

    def part(self) -> "list[tuple[str, bytes]]":
        """What the key says of it: nothing as long as every file is the one installed."""
        lines = [f"{found.name} {found.verdict}" for found in self.found if found.altered]
        return [(ALTERED, files.encode("\n".join(sorted(lines))))] if lines else []

    def text(self) -> bytes:
        """As it is remembered."""
        lines = [_FIRST_LINE, f"site {self.site}", f"record {self.record}"]
        lines += [found.line() for found in self.found]
        body = files.encode("\n".join(lines) + "\n")
        return body + f"end {files.digest(body)}\n".encode()


def check(made: Identity, mode: str, place: str) -> None:
    """Add to an identity what its package's files say: `contents`, and a part if any was edited.

    Args:
        made: as RECORD has it.
        mode: "stat": a file counts as edited when its size is not RECORD's, or when it is newer
            than RECORD or changed since it was first seen and its content is not RECORD's;
            "content": when its content is not RECORD's.
        place: the file that remembers it between calls; "" for none.

    Raises:
        Bypass: a file cannot be read, or RECORD is not understood.
    """
    record = dict(made.parts)[RECORD].decode()
    known = _recall(place, made.site, record) if place else None
    if known is None or not known.serves(mode):
        known = _judge_all(made, record, mode, known)
        if place:
            _remember(place, known)
    made.contents = known
    made.parts = [*made.parts, *known.part()]


def compare(made: Identity, seconds: float) -> "tuple[list[Found], int]":
    """The files that are not the ones installed, by their content; and how many there are.

    Raises:
        TimeIsUp: after so many seconds not all had been read.
        Bypass: as `check` does.
    """
    deadline = time.monotonic() + seconds
    judged: list[Found] = []
    rows = _rows(made, dict(made.parts)[RECORD].decode())

    def tick() -> None:
        if time.monotonic() > deadline:
            raise TimeIsUp([found for found in judged if found.altered], len(judged), len(rows))

    for row in rows:
        tick()
        judged.append(_judge(made.site, row, True, tick))
    return [found for found in judged if found.altered], len(rows)


class _Row:
    """A line of RECORD."""

    __slots__ = ("digest", "name", "size")

    def __init__(self, line: bytes) -> None:
        name, method, size = line.rsplit(b",", 2)
        if name[:1] == b'"':
            name = name[1:-1].replace(b'""', b'"')
        kind, _, text = method.partition(b"=")
        self.name = files.decode(name)
        # Without a digest that we know nothing proves the file: it then always counts as altered.
        self.digest = _hex(text) if kind == b"sha256" else ""
        self.size = int(size) if size else -1


def _hex(text: bytes) -> str:
    data = text.replace(b"-", b"+").replace(b"_", b"/")
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4)).hex()


def _rows(made: Identity, record: str) -> "list[_Row]":
    path = made.record
    try:
        lines = package.own_lines(files.read(path, _MOST))
        if files.digest(b"\n".join(lines)) != record:
            raise Bypass(UNIDENTIFIED, f"{path} changed while it was read")
        return [_Row(line) for line in lines]
    except OSError as error:
        raise Bypass(UNIDENTIFIED, f"{path}: {error.strerror}") from error
    except ValueError:
        raise Bypass(UNIDENTIFIED, f"{path} has a line that is not understood") from None


def _judge_all(made: Identity, record: str, mode: str, known: "Contents | None") -> Contents:
    before = {found.name: found for found in known.found} if known else {}
    installed = stamp(made.record)
    found = []
    for row in _rows(made, record):
        old = before.get(row.name)
        state = stamp(f"{made.site}/{row.name}")
        if old and old.holds(state) and (mode == STAT or old.verdict != _SIZE):
            found.append(old)
            continue
        # In mode stat the first look at a file no newer than RECORD is at its size alone.
        first = mode == STAT and old is None
        by_size = first and bool(state and installed and state[3] <= installed[3])
        found.append(_judge(made.site, row, not by_size, _no_tick))
    return Contents(made.site, record, found)


def _no_tick() -> None:
    return


def _judge(site: str, row: _Row, read: bool, tick: "Callable[[], None]") -> Found:
    """Look at one file: at its size, then if need be at its content."""
    path = f"{site}/{row.name}"
    state = stamp(path)
    if state is None:
        return Found(row.name, None, MISSING)
    if not read and row.digest and state[2] == row.size:
        return Found(row.name, state, _SIZE)
    try:
        digest = _hash(path, state[2], tick)
    except OSError as error:
        raise Bypass(UNIDENTIFIED, f"{path}: {error.strerror}") from error
    found = Found(row.name, state, _SAME if digest == row.digest else digest)
    found.settled = max(state[3], state[4]) < time.time_ns() - _SETTLED
    return found


def _hash(path: str, size: int, tick: "Callable[[], None]") -> str:
    made = files.new_hash(size)
    fd = files.open_read(path)
    try:
        while part := posix.read(fd, files.CHUNK):
            made.update(part)
            tick()
    finally:
        posix.close(fd)
    return made.hexdigest()


def _recall(place: str, site: str, record: str) -> "Contents | None":
    """What was remembered of this package, whether or not it still holds."""
    try:
        text = files.read(place, _MOST)
        body, mark, last = text.rpartition(b"end ")
        if not mark or last.strip().decode() != files.digest(body):
            return None
        lines = files.decode(body).split("\n")
        if lines[:3] != [_FIRST_LINE, f"site {site}", f"record {record}"]:
            return None
        return Contents(site, record, [_parse(line) for line in lines[3:-1]])
    except (OSError, ValueError):
        return None


def _parse(line: str) -> Found:
    verdict, numbers, name = line.split("\t", 2)
    if numbers == "-":
        return Found(name, None, verdict)
    return Found(name, parse_stamp(numbers), verdict)


def _remember(place: str, known: Contents) -> None:
    if "\n" in known.site:
        return
    try:
        files.make_directories(files.parent(place))
        files.publish(place, known.text())
    except OSError:
        pass  # a read-only store: judged anew each time
