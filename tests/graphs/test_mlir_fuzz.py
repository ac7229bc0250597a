"""Edited MLIR text, MLIR's own parser as judge; LONG_TESTS=1: a hundred times as many."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest

from graphs import mlir_edits, mlir_judge
from graphs import mlir_programs as programs
from neffcache.graph import mlir_text
from neffcache.graph.mlir_text import Digest
from neffcache.graph.source import Source
from neffcache.invocation import Bypass

TIMES = 100 if os.environ.get("LONG_TESTS") else 1
JUDGED = {"hand": 2000, "conv": 500, "step": 150}
UNJUDGED = 3000
HAND = b"""#loc = loc(unknown)
#loc1 = loc("file.py":3:4)
module @hand attributes {x.a = "s \\22 loc(unknown)", x.b = #x.y<[a, {b}]>} {
  func.func @main(%arg0: tensor<4xf32> {x.n = "%"} loc("a"), %arg1: tensor<4xf32> loc("b"(#loc1))) \
-> tensor<4xf32> {
    %0 = stablehlo.add %arg0, %arg1 : tensor<4xf32> loc(callsite(#loc1 at #loc))
    %1:2 = "x.pair"(%0) <{p = dense<[1, 2]> : tensor<2xi32>}> ({
    ^bb0(%z: i32 loc(fused[#loc, "z"]), %y: i32 loc(unknown)):
      "x.end"(%z) : (i32) -> () loc("f":1:2 to :9)
    }) {x.c = @loc, x.d = affine_map<(d0) -> (d0)>} \
: (tensor<4xf32>) -> (i32, i32) loc("f":1:2 to 3:9)
    %c = stablehlo.constant dense<"0x0000803F0000004000004040000080BF"> : tensor<4xf32> loc(#loc1)
    return %c : tensor<4xf32> loc(#loc)
  } loc(#loc1)
} loc(#loc)
"""


def base(name: str) -> bytes:
    return HAND if name == "hand" else programs.read("base", name, "dbg")


def key(text: bytes) -> Digest | None:
    """None: not for the cache; any other exception is a defect."""
    try:
        return mlir_text.digest(Source.of(text), "strict")
    except Bypass:
        return None


@pytest.mark.parametrize("name", JUDGED)
def test_equal_strict_keys_mean_equal_programs(name: str) -> None:
    random = Random(f"judged {name}")
    meanings, met = dict[str, bytes](), Counter[str]()
    turns = JUDGED[name] * TIMES
    for _turn in range(turns):
        edited = mlir_edits.edit(base(name), random, random.choice((1, 1, 2, 3)))
        for text in (edited, mlir_edits.sibling(edited, random)):
            found = key(text)
            if found is None or found.level != "strict":
                met[found.level if found else "bypass"] += 1
                continue
            meaning = mlir_judge.meaning(text)
            met["parsed" if meaning else "refused"] += 1
            if meaning:
                assert meanings.setdefault(found.hexdigest, meaning) == meaning, text.decode()
    # the judge had much to say, and saw many programs that differ in their locations alone
    assert met["parsed"] > turns // 4
    assert met["raw"] > turns // 4
    assert min(turns // 30, 300) < len(meanings) < met["parsed"] // 2


@pytest.mark.parametrize("name", ["hand", "step"])
def test_no_edit_ends_in_an_exception(name: str) -> None:
    random = Random(f"unjudged {name}")
    text = base(name)
    levels = Counter[str]()
    for _turn in range(UNJUDGED * TIMES // 10):
        edited = text
        for _more in range(10):
            edited = mlir_edits.edit(edited, random, 1)
            found = key(edited)
            levels[found.level if found else "bypass"] += 1
    assert levels["strict"] > 50
    assert levels["raw"] > 50


def test_no_bytes_end_in_an_exception() -> None:
    random = Random("bytes")
    marks = b'"\\()<>[]{}#\n /loc,%=:-at0'
    for _turn in range(UNJUDGED * TIMES // 3):
        key(bytes(random.choices(marks, k=random.randrange(200))))
        key(b"module loc(" + bytes(random.choices(marks, k=random.randrange(60))))


def test_a_hand_written_program_is_strict() -> None:
    found = key(HAND)
    assert found is not None
    assert (found.level, found.reasons) == ("strict", ())
    assert mlir_judge.meaning(HAND) is not None
