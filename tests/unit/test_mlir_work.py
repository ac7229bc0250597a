"""MLIR text of any shape takes work in proportion to its size: counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from neffcache.graph import mlir_line, mlir_locations, mlir_text
from neffcache.graph.source import Source

SIZE = 2000
# n -> a text of about n times something.
SHAPES: dict[str, Callable[[int], bytes]] = {
    "a string that does not end": lambda n: b'x "' + b"a" * n * 20,
    "strings": lambda n: b'""' * n,
    "backslashes": lambda n: b'"' + b"\\" * n * 20 + b'"',
    "escaped quotes": lambda n: b'"' + b'\\"' * n,
    "backslashes before each of many quotes": lambda n: b'"' + b'\\\\\\"' * n + b'"',
    "parentheses": lambda n: b"x loc(" + b"(" * n * 20,
    "names within names": lambda n: b"x loc(" + b'"a"(' * n,
    "callsites within callsites": lambda n: b"x loc(" + b"callsite(" * n,
    "a long list": lambda n: b"x loc(fused[" + b"#loc, " * n + b"#loc])",
    "locations that do not begin": lambda n: b"loc(" * n,
    "names that end in loc": lambda n: b"@loc(" * n,
    "locations that do not end": lambda n: b"%a loc(" * n,
    "arguments": lambda n: b"f(" + b'%a: i32 loc("b"), ' * n + b"%c)",
    "arguments with strings": lambda n: b"f(" + b'%a: i32 {x = "y"} loc(#loc), ' * n + b"%c)",
    "strings, then locations": lambda n: b'"x"' * n + b"(%a loc(#loc), " * n,
    "brackets": lambda n: b"<" * n * 20 + b">" * n * 20,
    "digits": lambda n: b'x loc("f":' + b"1" * n + b":" + b"2" * n + b")",
    "digits of an alias": lambda n: b"#loc" + b"1" * n + b" = loc(unknown)",
    "short lines": lambda n: b"x loc(#loc1)\n" * n,
    "definitions": lambda n: b'#loc1 = loc("a")\n' * n,
    "empty lines": lambda n: b"x" + b"\n" * n * 20 + b"y",
    "blanks": lambda n: b" " * n * 20 + b"x",
    "one long word": lambda n: b"x" * n * 20,
}


def work(text: bytes, monkeypatch: pytest.MonkeyPatch) -> int:
    """Lines of our code that ran, and bytes that searches passed over (a line is worth 50)."""
    passed = lines = 0

    def counted(data: bytes, what: bytes, at: int) -> int:
        nonlocal passed
        found = data.find(what, at)
        passed += (len(data) if found < 0 else found) - at
        return found

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        if "/graph/mlir_" not in frame.f_code.co_filename:
            return None
        lines += event == "line"
        return trace

    monkeypatch.setattr(mlir_line, "find", counted)
    monkeypatch.setattr(mlir_locations, "find", counted)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        mlir_text.digest(Source.of(text), "strict")
    finally:
        sys.settrace(before)
    return passed + 50 * lines


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("long", [200, 4 << 20])
def test_twice_the_text_is_twice_the_work(
    shape: str, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlir_text, "_LONG", long)
    monkeypatch.setattr("neffcache.files.CHUNK", 500 if long == 200 else 1 << 20)
    small, large = (work(SHAPES[shape](size), monkeypatch) for size in (SIZE, 2 * SIZE))
    assert large < 2.3 * small + 5000
