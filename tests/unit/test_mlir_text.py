"""MLIR text: what is taken away, what makes a text raw, and that parts and levels do not mix."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from neffcache.graph import mlir_line, mlir_text
from neffcache.graph.mlir_calls import Calls
from neffcache.graph.mlir_text import Digest
from neffcache.graph.source import Source

PLAIN = b"""module @jit_f {
  func.func public @main(%arg0: tensor<4xf32> {x.n = "a(<["}, %arg1: tensor<4xf32>) \
-> tensor<4xf32> {
    %0 = stablehlo.add %arg0, %arg1 : tensor<4xf32>
    %1 = call @loc(%0) {x.s = " loc(unknown)"} : (tensor<4xf32>) -> tensor<4xf32>
    return %1 : tensor<4xf32>
  }
}
"""
DEBUG = b"""#loc1 = loc("a")
#loc2 = loc("b"(#loc1))
module @jit_f {
  func.func public @main(%arg0: tensor<4xf32> {x.n = "a(<["} loc("a"), %arg1: tensor<4xf32> \
loc("b"("\\22) loc("))) -> tensor<4xf32> {
    %0 = stablehlo.add %arg0, %arg1 : tensor<4xf32> loc(#loc3)
    %1 = call @loc(%0) {x.s = " loc(unknown)"} : (tensor<4xf32>) -> tensor<4xf32> loc("f":1:2 to :9)
    return %1 : tensor<4xf32> loc(callsite(fused[#loc1, "x"] at "f":1:2 to 3:4))
  } loc(#loc)
} loc(#loc)
#loc = loc(unknown)
#loc3 = loc(callsite(#loc1 at #loc2))
"""


def digest(text: bytes, level: str = "strict") -> Digest:
    return mlir_text.digest(Source.of(text), level)


def test_debug_text_has_the_key_of_the_plain_text() -> None:
    assert digest(DEBUG).hexdigest == digest(PLAIN).hexdigest
    assert (digest(DEBUG).level, digest(DEBUG).reasons) == ("strict", ())


def test_what_is_hashed_is_the_plain_text_behind_its_level() -> None:
    head = b"neffcache-graph mlir-text strict 1\0"
    assert digest(DEBUG).hexdigest == hashlib.sha256(head + PLAIN[:-1]).hexdigest()


@pytest.mark.parametrize("change", [(b"4xf32", b"5xf32"), (b"add", b"sub"), (b"jit_f", b"jit_g")])
@pytest.mark.parametrize("text", [PLAIN, DEBUG])
def test_another_program_is_another_key(text: bytes, change: tuple[bytes, bytes]) -> None:
    assert digest(text.replace(*change)).hexdigest != digest(text).hexdigest


def test_levels_do_not_mix() -> None:
    strict, raw = digest(PLAIN), digest(PLAIN, "raw")
    assert (strict.level, raw.level) == ("strict", "raw")
    assert len({strict.hexdigest, raw.hexdigest, strict.raw}) == 3
    assert strict.raw == raw.raw


def test_canonical_is_strict_and_says_so() -> None:
    found = digest(DEBUG, "canonical")
    assert (found.level, found.hexdigest) == ("strict", digest(DEBUG).hexdigest)
    assert found.reasons == ("canonical means strict for MLIR text",)


def test_the_raw_level_keeps_locations() -> None:
    assert digest(DEBUG, "raw").hexdigest != digest(PLAIN, "raw").hexdigest


def test_empty_lines_around_the_text_do_not_count() -> None:
    assert digest(b"\n\n" + PLAIN + b"\n\n\n").hexdigest == digest(PLAIN).hexdigest
    assert digest(PLAIN.replace(b"{\n", b"{\n\n", 1)).hexdigest != digest(PLAIN).hexdigest


DOUBTS = (
    (b'"x"() {a = loc("b")} : () -> ()', "without a blank|as a value|text behind"),
    (b'"x"() {a = [loc("b")]} : () -> ()', "without a blank"),
    (b'"x"() {a = #loc1} : () -> () loc(#loc)', "a location as a value"),
    (b'"x"() {a = #y<b loc("b"), c>} : () -> ()', "a location in brackets"),
    (b'"x"() {a = #y<(%b loc("b"), c)>} : () -> ()', "a location in brackets"),
    (b'"x"() {a = #y<b\n c loc("b")\n>} : () -> ()', "brackets that go on"),
    (b'"x"() {a = [b,\n c]} : () -> () loc(#loc)', "brackets that go on"),
    (b"x #y<b\n c loc(#loc)\n>", "brackets that go on"),
    (b"x [b\n c loc(#loc)\n]", "brackets that go on"),
    (b"x #y<b loc(#loc)", "a location in brackets"),
    (b"x = loc(#loc)", "as a value"),
    (b"x >= y loc(#loc)", ">="),
    (b"x // loc(#loc)", "a comment"),
    (b"x #loc1 y loc(#loc)", "as a value"),
    (b'"x"() {a =\n loc("b")\n} : () -> ()', "as a value"),
    (b'"x"() {a =  loc("b")\n} : () -> ()', "as a value"),
    (b'"x"() : () -> () loc("b") {', "text behind a location"),
    (b'"x"() : () -> ()  loc("b")', "as a value"),
    (b'"x"() : () -> () loc("b")\r', "text behind a location"),
    (b'foo(i32 loc("b"), i32)', "text behind a location"),
    (b'%a loc("b"), %b', "text behind a location"),
    (b'"x"() : () -> () // loc("b")', "a comment"),
    (b'// "', "a comment"),
    (b'"x"() : () -> () loc(fused<"m">["b"])', "unknown kind"),
    (b'"x"() : () -> () loc(#other)', "unknown kind"),
    (b'"x"() : () -> () loc(#location)', "does not end"),
    (b'"x"() : () -> () loc()', "unknown kind"),
    (b'"x"() : () -> () loc("f":1)', "a position"),
    (b'"x"() : () -> () loc("f":1:2 to 3)', "a position"),
    (b'"x"() : () -> () loc(callsite(#loc))', "does not end"),
    (b'"x"() : () -> () loc("b"', "does not end"),
    (b'"x"() : () -> () loc("b', "does not end"),
    (b'"x"() {a = "b\n"} : () -> ()', "a string that does not end"),
    (b'"x"() {a = affine_set<(d0) : (d0 >= 0)>} : () -> () loc(#loc)', ">="),
    (b'#loc1 = dense<1>', "an alias that is not"),
    (b'#locality = loc("b")', "an alias that is not"),
    (b'#loc1 = loc("b") ', "text behind a location's alias"),
    (b'#other = loc("b")', "as a value"),
    (b"x\0", "a NUL"),
    (b'"x"() : () -> () loc(' + b'"a"(' * 65 + b"unknown" + b")" * 66, "too deeply"),
    (b'"x"() : () -> () loc(' + b"callsite(" * 65, "too deeply"),
)  # fmt: skip


@pytest.mark.parametrize(("line", "reason"), DOUBTS)
def test_a_doubt_makes_the_text_raw(line: bytes, reason: str) -> None:
    text = PLAIN + line + b"\n"
    found = digest(text)
    assert found.level == "raw"
    assert any(part in found.reasons[0] for part in reason.split("|"))
    assert found.hexdigest == digest(text, "raw").hexdigest


@pytest.mark.parametrize(
    "name", [b"@loc", b"memref.alloc", b"#x.loc", b"%loc", b"my-loc", b"!x.loc"]
)
def test_names_that_end_in_loc_are_no_locations(name: bytes) -> None:
    text = PLAIN + b'"x"(' + name + b"(unknown))\n"
    assert digest(text).level == "strict"
    assert digest(text).hexdigest != digest(text.replace(b"unknown", b"another")).hexdigest


@pytest.mark.parametrize("start", [b"module", b"#loc = ", b'\n "builtin.module"', b"// x\nmodule"])
def test_texts_are_recognised(start: bytes) -> None:
    assert mlir_text.looks_like(start)


@pytest.mark.parametrize("start", [b"", b"ML\xefR", b"\n\x06module\x12", b"\n module_one\x1a\x00"])
def test_protos_and_bytecode_are_not_texts(start: bytes) -> None:
    assert not mlir_text.looks_like(start)


class Parts:
    """Collects what a stripper passes on."""

    def __init__(self) -> None:
        self.data = b""

    def update(self, data: bytes | memoryview) -> None:
        self.data += bytes(data)

    def hexdigest(self) -> str:
        return ""


def stripped(parts: Iterator[bytes]) -> tuple[bytes, str]:
    into = Parts()
    stripper = mlir_text.Stripper(into, Calls(None))
    for part in parts:
        stripper.feed(part)
    stripper.finish()
    return into.data, stripper.doubt


def _pieces(text: bytes, random: Random) -> Iterator[bytes]:
    at = 0
    while at < len(text):
        size = random.choice((1, 2, 3, 10, 50, 200))
        yield text[at : at + size]
        at += size


@pytest.mark.parametrize("long", [40, 150, 1 << 20])
def test_the_parts_that_a_text_comes_in_do_not_matter(
    long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlir_text, "_LONG", long)
    monkeypatch.setattr(mlir_line, "NEAR", 60)
    inside = b"\\\\" * 90 + b"\\22" * 60 + b" loc(unknown)" * 9
    text = DEBUG.replace(b'" loc(unknown)"', b'"%b"' % inside)
    whole = stripped(iter((text,)))
    assert whole[1] == ""
    alike = 0
    for seed in range(150):
        found, doubt = stripped(_pieces(text, Random(seed)))
        alike += (found, doubt) == whole
        assert (found, doubt) == whole or doubt == "a line that is too long"
    assert alike == 150 or (long == 40 and alike > 20)


def test_a_long_line_is_not_held(tmp_path: Path) -> None:
    head = b'module @m {\n  %c = stablehlo.constant dense<"0x'
    tail = b'"> : tensor<1xf32> loc("a")\n}\n'
    path = tmp_path / "graph.mlir"
    with open(path, "wb") as file:
        file.write(head)
        file.writelines(b"AB" * (1 << 19) for _ in range(48))
        file.write(tail)
    fd = os.open(path, os.O_RDONLY)
    try:
        source = Source(fd, path.stat().st_size, whole=0)
        tracemalloc.start()
        found = mlir_text.digest(source, "strict")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        os.close(fd)
    assert (found.level, found.reasons) == ("strict", ())
    assert peak < 24 << 20
    without = path.read_bytes().replace(b' loc("a")', b"")
    assert digest(without).hexdigest == found.hexdigest
