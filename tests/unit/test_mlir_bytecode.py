"""MLIR bytecode: raw, or what a parser left of it; a parser that fails costs hits, never more."""

from __future__ import annotations

import hashlib

import pytest

from neffcache.graph import mlir_bytecode
from neffcache.graph.mlir_bytecode import Stripped
from neffcache.graph.mlir_locations import Doubt
from neffcache.graph.mlir_text import Digest
from neffcache.graph.source import Source
from neffcache.invocation import Bypass

DATA = b"ML\xefR\x0dMLIR23\0\x00\x01 \\41 any bytes"
CUSTOM = DATA + b"AwsNeuronCustomNativeKernel\0/tmp/a/k\0"
TARGET = b"AwsNeuronCustomNativeKernel"


class Parser:
    """Stands for a parser that gives one answer, and notes what it was asked."""

    def __init__(self, answer: Stripped | Doubt) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, digest: str) -> Stripped:
        self.asked.append(digest)
        if isinstance(self.answer, Doubt):
            raise self.answer
        return self.answer


def answer(name: str = "jaxlib 0.10.2", digest: str = "a" * 64, *configs: bytes) -> Stripped:
    return Stripped(name, digest, [(TARGET, config) for config in configs])


def content(_target: bytes, config: bytes) -> bytes | None:
    """What the file in a configuration says: here, its name."""
    return None if config == b"none" else config.rpartition(b"/")[2]


def digest(
    data: bytes, level: str = "strict", parser: Parser | None = None, ask: bool = True
) -> Digest:
    return mlir_bytecode.digest(Source.of(data), level, parser, content if ask else None)


def test_without_a_parser_it_is_raw() -> None:
    found = digest(DATA)
    assert (found.level, found.reasons) == (
        "raw",
        ("MLIR bytecode keeps its locations without a parser",),
    )
    assert found.raw == hashlib.sha256(DATA).hexdigest()
    assert found.hexdigest != digest(DATA + b"x").hexdigest


def test_the_raw_level_asks_no_parser() -> None:
    parser = Parser(answer())
    found = digest(DATA, "raw", parser)
    assert (found.level, found.reasons, parser.asked) == ("raw", (), [])
    assert found.hexdigest == digest(DATA).hexdigest


def test_a_parser_is_asked_for_the_bytes_that_were_read() -> None:
    parser = Parser(answer())
    digest(DATA, "strict", parser)
    assert parser.asked == [hashlib.sha256(DATA).hexdigest()]


def test_what_the_parser_left_is_the_key() -> None:
    one, other = (digest(data, "strict", Parser(answer())) for data in (DATA, DATA + b"loc"))
    assert (one.level, one.hexdigest) == ("strict", other.hexdigest)
    changed = digest(DATA, "strict", Parser(answer(digest="b" * 64)))
    assert changed.hexdigest != one.hexdigest


def test_the_parsers_version_is_in_the_key() -> None:
    found = {digest(DATA, "strict", Parser(answer(name))).hexdigest for name in ("v 1", "v 2")}
    assert len(found) == 2


def test_canonical_is_strict_and_says_so() -> None:
    found = digest(DATA, "canonical", Parser(answer()))
    assert (found.level, found.reasons) == ("strict", ("canonical means strict for MLIR bytecode",))
    assert found.hexdigest == digest(DATA, "strict", Parser(answer())).hexdigest


def test_a_parser_that_fails_leaves_it_raw() -> None:
    found = digest(DATA, "strict", Parser(Doubt("no jaxlib")))
    assert (found.level, found.reasons) == ("raw", ("no jaxlib",))
    assert found.hexdigest == digest(DATA, "raw").hexdigest


def test_a_large_file_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlir_bytecode, "MOST", 10)
    parser = Parser(answer())
    assert digest(DATA, "strict", parser).reasons == ("too large for a parser",)
    assert parser.asked == []


@pytest.mark.parametrize("level", ["raw", "strict"])
def test_a_kernels_content_counts(level: str) -> None:
    kernels = (b"/tmp/k", b"/tmp/l", b"none", b"/tmp/none")
    found = {digest(CUSTOM, level, Parser(answer("v", "a" * 64, k))).hexdigest for k in kernels}
    assert len(found) == 4


def test_a_kernels_path_does_not_count() -> None:
    paths = (b"/tmp/k", b"/other/k")
    found = [digest(CUSTOM, "strict", Parser(answer("v", "a" * 64, path))) for path in paths]
    assert found[0].hexdigest == found[1].hexdigest
    assert found[0].outside


def test_calls_cannot_be_mistaken_for_each_other() -> None:
    calls = ((b"k", b"l"), (b"kl",), (b"k", b"", b"l"), (b"k", b"l", b""))
    found = {
        digest(CUSTOM, "strict", Parser(answer("v", "a" * 64, *call))).hexdigest for call in calls
    }
    assert len(found) == len(calls)


@pytest.mark.parametrize("level", ["raw", "strict"])
def test_a_kernel_without_a_parser_has_no_key(level: str) -> None:
    for parser in (None, Parser(Doubt("no jaxlib"))):
        with pytest.raises(Bypass) as caught:
            digest(CUSTOM, level, parser)
        assert caught.value.outcome == "graph_custom_code"


def test_a_kernel_that_nobody_resolves_has_no_key() -> None:
    with pytest.raises(Bypass):
        digest(CUSTOM, "strict", Parser(answer("v", "a" * 64, b"/tmp/k")), ask=False)
