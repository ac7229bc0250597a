"""Door: words for people: sizes, durations, tables, and text that cannot move a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence

_UNITS = ("B", "KB", "MB", "GB", "TB")


def safe(text: str) -> str:
    """Text on one line for a terminal: control, format and undecodable characters as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def safe_lines(text: str) -> str:
    """`safe`, line by line."""
    return "\n".join(safe(line) for line in text.split("\n"))


def _escaped(char: str) -> str:
    if 0xDC80 <= ord(char) <= 0xDCFF:  # a byte that is not text
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()


def short(text: str, most: int = 160) -> str:
    """`safe`, and cut in the middle when longer than `most` characters."""
    text = safe(text)
    if len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def size(number: float) -> str:
    """Bytes in words: 0 B, 12 KB, 3.4 GB (powers of 1024)."""
    unit = 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number /= 1024
        unit += 1
    digits = 1 if 0 < number < 10 and unit else 0
    return f"{number:.{digits}f} {_UNITS[unit]}"


def seconds(count: float) -> str:
    """A duration in words: 0.42 s, 12 s, 5 min 3 s, 2 h 4 min, 3 d 1 h."""
    if count < 10:
        return f"{count:.2f} s"
    whole = round(count)
    for unit, name, below, below_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // below} {below_name}"
    return f"{whole} s"


def moment(when: float) -> str:
    """A time (seconds since 1970) as local date and clock; "" for 0 or out of range."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when)) if when > 0 else ""
    except (ValueError, OverflowError, OSError):
        return ""


def count(number: int, one: str, many: str = "") -> str:
    """ "1 entry", "2 entries"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Lines with columns as wide as they need to be; the last one is not padded."""
    if not rows:
        return []
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append((indent + "  ".join([*cells, row[-1]])).rstrip())
    return lines
