"""Random edits of MLIR text, with a liking for what a stripper of locations may stumble over."""

from __future__ import annotations

import re
from random import Random

LOCATIONS = (
    b"#loc", b"#loc1", b"unknown", b'"x"', b'"x"(#loc)', b'"f":1:2', b'"f":1:2 to :3',
    b'"f":1:2 to 3:4', b"callsite(#loc at #loc1)", b'callsite("a"(#loc) at "f":1:2)',
    b'fused[#loc, "b"]', b'fused[callsite(#loc at #loc)]', b'fused<"m">["a"]', b'"(\\22 loc(#loc)"',
    b'"a\\\\"', b'"a\\\\\\22"', b'"(" ("f":1:2)', b'"a"("b"("c"))',
)  # fmt: skip
ATTRIBUTES = (
    b"loc(unknown)", b'loc("a")', b"#loc1", b"#x.y<a loc(unknown)>", b"#x.y<a loc(unknown), b>",
    b"#x.y<(a loc(unknown))>", b"#x.y<a\n loc(unknown)\n>", b"#x.y<{a loc(#loc1),\n b}>",
    b"#x.y<a -> b loc(#loc)>", b"#x.y<[a -> (b loc(unknown)), c]>", b'#x.y<"<", a loc("x"), b>',
    b"[loc(unknown), 1]", b"{n = loc(unknown)}", b"[\n loc(unknown)\n]", b"\n loc(unknown)\n",
    b'"v loc(unknown)"', b'"\\\\" ', b'"\\" loc(unknown)"', b'"//"', b"1 : i32", b"2 : i32",
    b"affine_set<(d0) : (d0 >= 0)>", b"affine_set<(d0, d1) : (d0 >= 0, d1 <= 5)>", b"unit", b"@loc",
    b"affine_map<(d0) -> (d0)>", b"!x.t<a loc(unknown), b>", b"dense<[1, 2]> : tensor<2xi8>",
    b"#x.y<a\n b loc(unknown)\n>", b"#x.y<(%a loc(unknown), b)>", b"#x.y<(%a : b loc(unknown))>",
    b"#x.y<a->\n b loc(unknown)\n>", b"#x.y<{%a\n b loc(unknown)\n c}>", b"#x.y<a>loc(unknown)",
)  # fmt: skip
PIECES = (
    b"loc(", b"//", b"// loc(#loc)\n", b'"', b"\\", b'\\"', b"\\22", b"(", b")", b"<", b">", b"[",
    b"]", b"{", b"}", b", ", b" = ", b"->", b": ", b" ", b"\t", b"\r\n", b"\n", b"\0", b"\xff",
    b"#loc1", b"#loc9 = loc(unknown)\n", b"#fact = 7 : i32\n", b"#fact = loc(unknown)\n",
    b"  func.func private @loc(i32 {a.b = 1 : i32})\n", b"dense<1>", b"f32", b"add", b"0", b"1",
)  # fmt: skip


def edit(text: bytes, random: Random, times: int = 1) -> bytes:
    """The text after some edits."""
    for _ in range(times):
        text = random.choice((_relocate, _relocate, _insert, _insert, _insert, _break))(
            text, random
        )
    return text


def sibling(text: bytes, random: Random) -> bytes:
    """The text with another location in one place, whatever that place is: a value, a string."""
    mark = random.choice((b"loc(unknown)", b"loc(unknown)", b"#loc1", b"loc("))
    places = [found.start() for found in re.finditer(re.escape(mark), text)]
    if not places:
        return text
    at = random.choice(places)
    if mark == b"#loc1":
        return text[:at] + b"#loc" + text[at + 5 :]
    end = text.find(b")", at) + 1
    if random.random() < 0.3 and text[at - 1 : at] == b" ":
        return text[: at - 1] + text[end:]
    return text[:at] + b'loc("other")' + text[end:]


def _location(random: Random) -> bytes:
    return b" loc(" + random.choice(LOCATIONS) + b")"


def _relocate(text: bytes, random: Random) -> bytes:
    """Another location where one stands at the end of a line, or none, or none there."""
    start = text.find(b" loc(", random.randrange(len(text)))
    end = text.find(b"\n", start)
    if start < 0 or end < 0 or text[:start].rpartition(b"\n")[2].startswith(b"#loc"):
        return text
    if b")," in text[start:end] or b") {" in text[start:end]:
        end = text.find(b")", start) + 1
    return text[:start] + random.choice((_location(random), b"")) + text[end:]


def _insert(text: bytes, random: Random) -> bytes:
    """An operation that nobody knows, with attributes that hold what looks like a location."""
    lines = text.split(b"\n")
    inside = [at for at, line in enumerate(lines) if line.startswith(b"    ")]
    if not inside:
        return text
    first, second = random.choice(ATTRIBUTES), random.choice(ATTRIBUTES)
    attributes = random.choice((b" {a = %b, b = %b}", b" <{a = %b, b = %b}>")) % (first, second)
    region = b' ({\n    ^bb0(%%z: i32%b):\n      "x.end"() : () -> ()%b\n    })' % (
        random.choice((b"", _location(random))),
        random.choice((b"", _location(random))),
    )
    inner = random.choice((attributes, attributes, region))
    location = random.choice((b"", _location(random), _location(random)))
    operation = b'    "x.op"()' + inner + b" : () -> ()" + location
    lines.insert(random.choice(inside), operation)
    return b"\n".join(lines)


def _break(text: bytes, random: Random) -> bytes:
    """A piece in or out, anywhere."""
    at = _place(text, random)
    kind = random.randrange(5)
    if kind == 0:
        return text[:at] + random.choice(PIECES) + text[at:]
    if kind == 1:
        return text[:at] + text[at + random.randint(1, 6) :]
    if kind == 2:
        return text[:at] + bytes((random.randrange(256),)) + text[at + 1 :]
    if kind == 3:
        return text.replace(*random.choice(((b"add", b"subtract"), (b"4x", b"5x"), (b"1", b"2"))))
    lines = text.split(b"\n")
    lines.insert(random.randrange(len(lines)), random.choice((random.choice(lines), PIECES[26])))
    return b"\n".join(lines)


def _place(text: bytes, random: Random) -> int:
    """Anywhere, or where a location, a string or a line begins or ends."""
    at = random.randrange(len(text) + 1)
    mark = random.choice((b"", b" loc(", b'"', b"\n", b")", b"#loc", b"{", b" : "))
    found = text.find(mark, at)
    return at if found < 0 else found + random.choice((0, len(mark)))
