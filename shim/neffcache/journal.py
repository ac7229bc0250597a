"""World: one line of JSON for each call, appended in one write; source of stats and explain."""

import posix
import time

from neffcache import files

NAME = "journal.log"
OLD = "journal.log.1"
ROTATE_AT = 16 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.key import Key

    Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]


class Record:
    """What one call was and how it ended; `fields` become the line's JSON object."""

    __slots__ = ("fields", "notes", "outcome", "started")

    def __init__(self) -> None:
        self.started = time.time()
        self.outcome = ""
        self.fields: dict[str, Value] = {}
        self.notes: list[Value] = []

    def set(self, **fields: "Value") -> None:
        """Add named facts."""
        self.fields.update(fields)

    def note(self, name: str, detail: str = "") -> None:
        """Add something noticed on the way: an id of the note table, and what exactly."""
        self.notes.append([name, detail] if detail else [name])

    def set_parts(self, key: "Key") -> None:
        """Add the readable parts of the key: they stay on this host."""
        self.fields["parts"] = [[part.label, shown(part.value)] for part in key.parts]

    def line(self) -> bytes:
        """The line as it is appended."""
        head: dict[str, Value] = {
            "v": 1,
            "time": round(self.started, 6),  # with the process it tells one line from all others
            "pid": posix.getpid(),
            "outcome": self.outcome,
            "seconds": round(time.time() - self.started, 4),
        }
        if self.notes:
            head["notes"] = self.notes
        return dump(head | self.fields).encode() + b"\n"


def shown(value: bytes) -> str:
    """Bytes as text for people: UTF-8 where it is, backslash escapes elsewhere."""
    return value.decode("utf-8", "backslashreplace")


def dump(value: "Value") -> str:
    """JSON by hand: importing json costs a fifth of an interpreter start."""
    if isinstance(value, str):
        return _quote(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, list):
        return "[" + ",".join(dump(item) for item in value) + "]"
    return "{" + ",".join(f"{_quote(name)}:{dump(item)}" for name, item in value.items()) + "}"


def _quote(text: str) -> str:
    if text.isascii() and text.isprintable():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    out = []
    for char in text:
        code = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif code > 0xFFFF:
            high, low = divmod(code - 0x10000, 0x400)
            out.append(f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}")
        elif 32 <= code < 127:
            out.append(char)
        else:
            out.append(f"\\u{code:04x}")
    return '"' + "".join(out) + '"'


def append(directory: str, record: Record) -> None:
    """Append one line; when the file has grown to its limit, hand over to `rotate` first.

    Raises:
        OSError: the journal cannot be written (the caller carries on without).
    """
    path = files.join(directory, NAME)
    try:
        files.append(path, record.line())
    except FileNotFoundError:
        files.make_directories(directory)
        files.append(path, record.line())
    state = files.state(path)
    if state is not None and state[2] > ROTATE_AT:
        from neffcache import journal_totals

        journal_totals.rotate(directory)
